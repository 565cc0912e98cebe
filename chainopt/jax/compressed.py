"""JVPs with the sums of the columns of a color, VJPs with those of the rows, and the nonzeros gathered from them.

The seeds are constants of the compiled computation: XLA moves them through rolls and slices while it compiles, which halves the
time of stencils. They go through the function together, the colors along the first axis; along the last one it takes as long.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chainopt.functions.sparse.blocks import Block
    from chainopt.structure.compression import Coloring
    from chainopt.typing import Array, IntArray


def jvps(
    function: Callable[..., Sequence[Array]], primals: Sequence[Array], colors: IntArray, chunk_size: int | None = None
) -> list[Array]:
    """Return, for each result, a row for each color of columns: a JVP, flattened.

    Parameters
    ----------
    function : callable
        Of arrays, that returns a list of arrays.
    primals : sequence of arrays
        Where.
    colors : numpy.ndarray of int64
        That of each entry of the arrays, flattened one after the other.
    chunk_size : int, optional
        How many go through at once.
    """

    def pushed(tangents: list[Array]) -> list[Array]:
        return list(jax.jvp(lambda *given: list(function(*given)), tuple(primals), tuple(tangents))[1])

    return _flat(_batched(pushed, _seeds(colors, primals), chunk_size))


def pushes(
    linear: Callable[..., Sequence[Array]], like: Sequence[Array], colors: IntArray, chunk_size: int | None = None
) -> list[Array]:
    """Return, for each result of a linear function, a row for each color of columns; see `jvps`.

    Parameters
    ----------
    linear : callable
        Of arrays, that returns a list of arrays.
    like : sequence of arrays
        Of the shapes and types of its arguments.
    colors : numpy.ndarray of int64
        That of each entry of the arrays, flattened one after the other.
    chunk_size : int, optional
        How many go through at once.
    """
    return _flat(_batched(lambda tangents: list(linear(*tangents)), _seeds(colors, like), chunk_size))


def vjps(
    function: Callable[..., Sequence[Array]], primals: Sequence[Array], colors: IntArray, chunk_size: int | None = None
) -> list[Array]:
    """Return, for each argument, a row for each color of rows: a VJP, flattened; see `jvps`."""
    results, pull = jax.vjp(lambda *given: list(function(*given)), *primals)
    return _flat(_batched(lambda cotangents: list(pull(cotangents)), _seeds(colors, results), chunk_size))


def gathered(
    blocks: Sequence[Block], by_outputs: list[Array], by_inputs: list[Array], dtypes: Sequence[Array], coloring: Coloring
) -> Iterator[Array]:
    """Return the nonzeros of each block.

    Parameters
    ----------
    blocks : sequence of Block
        Where they are.
    by_outputs, by_inputs : list of arrays
        What `jvps` and `vjps` have returned; nothing where there are none.
    dtypes : sequence of dtypes
        Those of the results, which the nonzeros have.
    coloring : Coloring
        Whose products they are; of a symmetric matrix all are read together.
    """
    whole = jnp.concatenate(by_outputs, axis=1) if coloring.is_symmetric and by_outputs else None
    for block in blocks:
        dtype = dtypes[block.output]
        if not block.at.size:
            yield jnp.zeros(0, dtype)
            continue
        if whole is not None:  # two places may be read off at one; by pairs of indices that is the faster way
            pairs = np.divmod(block.at, whole.shape[1])
            yield whole.at[pairs].get(mode="promise_in_bounds").astype(dtype)
            continue
        held, at = [], block.at
        if block.from_vjps is None or not block.from_vjps.all():
            held.append(by_outputs[block.output])
        if block.from_vjps is not None:
            if held:  # the VJPs stand behind the JVPs
                at = at + np.where(block.from_vjps, held[0].size, 0)
            held.append(by_inputs[block.input])
        flat = [part.reshape(-1) for part in held]
        product = flat[0] if len(flat) == 1 else jnp.concatenate([part.astype(dtype) for part in flat])
        yield product.at[at].get(mode="promise_in_bounds", unique_indices=True).astype(dtype)


def _seeds(colors: IntArray, like: Sequence[Array]) -> list[Array]:
    """Return for each array a stack of such, one a color: 1 where an entry has it, and else 0."""
    count = int(colors.max(initial=-1)) + 1
    ends = [*accumulate(math.prod(jnp.shape(array)) for array in like)][:-1]
    each = [part == np.arange(count)[:, None] for part in np.split(colors, ends)]
    return [
        jnp.asarray(part.reshape(count, *jnp.shape(array))).astype(jnp.result_type(array))
        for part, array in zip(each, like, strict=True)
    ]


def _batched(function: Callable[[list[Array]], list[Array]], seeds: list[Array], chunk_size: int | None) -> list[Array]:
    if chunk_size is None or chunk_size >= len(seeds[0]):
        return list(jax.vmap(function)(seeds))
    return list(jax.lax.map(function, seeds, batch_size=chunk_size))


def _flat(parts: list[Array]) -> list[Array]:
    return [part.reshape(len(part), math.prod(part.shape[1:])) for part in parts]
