"""JVPs with the sums of the columns of a color, VJPs with those of the rows, and the nonzeros gathered from them.

The function itself is called each time, under `torch.func`: whatever it reads, the values are those of `torch.func.jacfwd` and
`torch.func.jacrev`, which call it so, too, for each column or row.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import torch

from chainopt.torch.quiet import ALONE
from chainopt.torch.trace import untransformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chainopt.functions.sparse.blocks import Block
    from chainopt.structure.compression import Coloring
    from chainopt.typing import Array, IntArray

    Main = Callable[..., tuple[tuple[Array, ...], tuple[Array, ...]]]
    Products = tuple[list[Array], tuple[Array, ...]]


class Kept:
    """Constants of a computation, made once for each device: outside of transformations and of inference mode."""

    def __init__(self) -> None:
        self._known: dict[object, Array] = {}

    def of(self, key: object, make: Callable[[], Array]) -> Array:
        """Return what was made for a key."""
        if key not in self._known:
            with untransformed(), torch.inference_mode(mode=False), torch.no_grad():
                self._known[key] = make()
        return self._known[key]

    def seeds(self, what: str, colors: IntArray, like: Sequence[Array]) -> list[Array]:
        """Return for each tensor a stack of such, one a color: 1 where an entry has it, and else 0."""
        key = what, *((leaf.dtype, leaf.device) for leaf in like)
        made: list[Array] = self.of(key, lambda: _seeds(colors, like))
        return made


def jvps(main: Main, primals: Sequence[Array], seeds: Sequence[Array], chunk_size: int | None) -> Products:
    """Return, for each result, a row for each color of columns, a JVP, flattened; and the results that are not differentiated.

    Parameters
    ----------
    main : callable
        Of tensors, that returns a tuple of those that are differentiated, and one of others.
    primals : sequence of tensors
        Where.
    seeds : sequence of tensors
        The directions, a stack for each of the primals.
    chunk_size : int, optional
        How many go through at once.
    """

    def pushed(*tangents: Array) -> tuple[Array, Array]:
        pushed_forward: Array = torch.func.jvp(main, tuple(primals), tangents, has_aux=True)
        return pushed_forward[1], pushed_forward[2]

    with ALONE:  # the levels of forward mode are those of all threads
        return _batched(pushed, seeds, chunk_size, has_others=True)


def pushes(linear: Callable[..., Sequence[Array]], seeds: Sequence[Array], chunk_size: int | None) -> list[Array]:
    """Return, for each result of a linear function, a row for each color of columns; see `jvps`."""
    return _batched(lambda *tangents: tuple(linear(*tangents)), seeds, chunk_size, has_others=False)[0]


def vjps(
    main: Main, primals: Sequence[Array], seeds: Callable[[Sequence[Array]], Sequence[Array]], chunk_size: int | None
) -> Products:
    """Return, for each argument, a row for each color of rows, a VJP, flattened; see `jvps`."""
    pulled: Array = torch.func.vjp(main, *primals, has_aux=True)
    results, pull, others = pulled
    found, _ = _batched(lambda *cotangents: pull(cotangents), seeds(results), chunk_size, has_others=False)
    return found, others


def gathered(
    blocks: Sequence[Block],
    by_outputs: list[Array],
    by_inputs: list[Array],
    inputs: Sequence[Array],
    dtypes: Sequence[torch.dtype] | None,
    coloring: Coloring,
    kept: Kept,
) -> Iterator[Array]:
    """Return the nonzeros of each block, in the dtype of its input, as reverse mode has them, if no others are given.

    Parameters
    ----------
    blocks : sequence of Block
        Where they are.
    by_outputs, by_inputs : list of tensors
        What `jvps` and `vjps` have returned; nothing where there are none.
    inputs : sequence of tensors
        What is differentiated by.
    dtypes : sequence of dtypes, optional
        Those of the results, where the nonzeros have them, as forward mode does.
    coloring : Coloring
        Whose products they are; of a symmetric matrix all are read together.
    kept : Kept
        Constants.
    """
    whole = torch.cat(by_outputs, dim=1) if coloring.is_symmetric and by_outputs else None
    for block in blocks:
        like = inputs[block.input]
        dtype = like.dtype if dtypes is None else dtypes[block.output]
        if not block.at.size:
            yield torch.zeros(0, dtype=dtype, device=like.device)
            continue
        held: list[Array] = [whole]
        if whole is None:
            has_both = block.from_vjps is not None and not block.from_vjps.all()
            held = [by_outputs[block.output]] if has_both or block.from_vjps is None else []
            held += [] if block.from_vjps is None else [by_inputs[block.input]]
        flat = [part.reshape(-1).to(dtype) for part in held]
        at = kept.of((block.output, block.input, like.device), partial(_places, block, flat, like.device))
        yield (flat[0] if len(flat) == 1 else torch.cat(flat)).index_select(0, at)


def _places(block: Block, parts: Sequence[Array], device: torch.device) -> Array:
    """Return where the nonzeros of a block are in its products, one after the other: the VJPs stand behind the JVPs."""
    at = np.asarray(block.at, dtype=np.int64)
    if len(parts) > 1 and block.from_vjps is not None:
        at = at + np.where(block.from_vjps, parts[0].numel(), 0)
    return torch.as_tensor(at, device=device)


def _seeds(colors: IntArray, like: Sequence[Array]) -> list[Array]:
    count = int(colors.max(initial=-1)) + 1
    ends = [*accumulate(leaf.numel() for leaf in like)][:-1]
    each = (part == np.arange(count)[:, None] for part in np.split(colors, ends))
    return [
        torch.as_tensor(part.reshape(count, *leaf.shape)).to(dtype=leaf.dtype, device=leaf.device)
        for part, leaf in zip(each, like, strict=True)
    ]


def _batched(function: Callable[..., Array], seeds: Sequence[Array], chunk_size: int | None, *, has_others: bool) -> Products:
    """Apply a function to all seeds, so many at once; to one at a time without `vmap`, which not every operator knows."""
    count = len(seeds[0])
    size = count if chunk_size is None else min(chunk_size, count)
    found: list[Sequence[Array]] = []
    others: tuple[Array, ...] = ()
    for begin in range(0, count, size):
        part = [seed[begin : begin + size] for seed in seeds]
        if size == 1:
            result = function(*(seed[0] for seed in part))
            moved, others = result if has_others else (result, ())
            moved = [leaf[None] for leaf in moved]
        else:
            out_dims: Array = (0, None) if has_others else 0
            result = torch.func.vmap(function, out_dims=out_dims)(*part)
            moved, others = result if has_others else (result, ())
        found.append(moved)
    whole = found[0] if len(found) == 1 else [torch.cat(parts) for parts in zip(*found, strict=True)]
    return [part.reshape(count, math.prod(part.shape[1:])) for part in whole], others
