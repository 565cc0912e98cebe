"""Products of arrays whose sizes may be symbols, in functions that are compiled: plain Python on sizes and arrays.

`torch.compile` cannot trace what plans and checks are made of: NumPy and the caches of this process. A question about a size
becomes a condition of the compiled code, and `jax.export` cannot answer some questions about its symbols.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from chainopt.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.typing import Array

    Pairs = Sequence[tuple[int, int]]


WHOLE = "chainopt plans, and runs what it planned, in Python: do so outside the compiled function, or leave fullgraph out"
MOST_DIMS = 7  # of which all orders are compared: what is asked of symbols takes milliseconds


def is_compiling() -> bool:
    """Whether this is being traced by `torch.compile`, not run."""
    compiler = sys.modules.get("torch.compiler")
    return compiler is not None and compiler.is_compiling()


def is_in_compiled_function() -> bool:
    """Whether this is traced, or called by code that `torch.compile` gave up tracing whole and now traces call by call.

    NumPy that cannot be traced is an error there, instead of being run as it is.
    """
    if is_compiling():
        return True
    frames = sys.modules.get("torch._C._dynamo.eval_frame") if "torch._dynamo" in sys.modules else None
    callback_of = getattr(frames, "get_eval_frame_callback", None)  # PyTorch's own, which a later version may call otherwise
    return callback_of is not None and bool(callback_of())


def is_symbol(size: object) -> bool:
    """Whether a size is not a number yet."""
    return not isinstance(size, int | float | np.number)


def symbolic_product(arrays: Sequence[Array], out: Array = None) -> Array:
    """Multiply two or more arrays in the cheapest order, as far as their sizes can be compared.

    Parameters
    ----------
    arrays : sequence of arrays
        Matrices, or stacks of them; the first may be a row, and the last a column, of one dimension.
    out : array, optional
        Where the product is copied to.
    """
    if len(arrays) < 2:
        msg = "arrays holds fewer than two arrays to multiply"
        raise ChainError(msg)
    for position, array in enumerate(arrays):
        if hasattr(array, "matmat") or hasattr(array, "rmatmat"):
            raise without_matrix(position, array)
    for array in arrays[1:-1]:
        if len(array.shape) < 2:
            msg = "only the first and the last of arrays may have one dimension, the others have two"
            raise np.linalg.LinAlgError(msg)
    ends = arrays[0], arrays[-1]
    is_row, is_column = len(ends[0].shape) == 1, len(ends[1].shape) == 1
    held = list(arrays)
    if is_row:
        held[0] = ends[0][None, :]
    if is_column:
        held[-1] = ends[1][:, None]
    product = product_in(_pairs([array.shape[-2] for array in held] + [held[-1].shape[-1]]), held)
    if is_row:
        product = product[..., 0, :]
    if is_column:
        product = product[..., 0]
    return product if out is None else copied(product, out)


def without_matrix(position: int, operator: Array) -> ChainError:
    """Return the error for an operator at `multi_dot`, which asks for matrices."""
    return ChainError(
        f"arrays[{position}] is matrix-free (a {type(operator).__name__}): plan with optimal_order, where "
        "Jacobian(shape, jvp_cost=..., vjp_cost=...) stands for it, and give the operator to plan.execute"
    )


def _pairs(dims: Sequence[Array]) -> Pairs:
    """Return which two are multiplied, one pair after the other, each product in the place of its left side."""
    return _cheapest(dims) if len(dims) <= MOST_DIMS else _nearly_cheapest(dims)


def _cheapest(dims: Sequence[Array]) -> Pairs:
    factors = len(dims) - 1
    costs: dict[tuple[int, int], Array] = {(factor, factor): 0 for factor in range(factors)}
    splits: dict[tuple[int, int], int] = {}
    for length in range(1, factors):
        for first in range(factors - length):
            last = first + length
            least = None
            for split in range(first, last):
                cost = costs[first, split] + costs[split + 1, last] + dims[first] * dims[split + 1] * dims[last + 1]
                if least is None or _is_less(cost, least):
                    least = cost
                    splits[first, last] = split
            costs[first, last] = least
    pairs = []
    waiting = [(0, factors - 1)]
    while waiting:
        first, last = waiting.pop()
        if first < last:
            split = splits[first, last]
            pairs.append((first, split + 1))
            waiting += [(first, split), (split + 1, last)]
    pairs.reverse()
    return pairs


def _nearly_cheapest(dims: Sequence[Array]) -> Pairs:
    """Cut the polygon of the sizes by the rule of Chin: few comparisons, and at most 15.5 % more than the cheapest order.

    References
    ----------
    .. [1] F. Y. Chin, "An O(n) algorithm for determining a near-optimal computation order of matrix chain products",
       Communications of the ACM, 1978.
    """
    smallest = 0
    for place in range(1, len(dims)):
        if _is_less(dims[place], dims[smallest]):
            smallest = place
    least, kept, triangles = dims[smallest], [smallest], []
    for place in [*range(smallest + 1, len(dims)), *range(smallest)]:
        while len(kept) > 1:
            before, between, behind = dims[kept[-2]], dims[kept[-1]], dims[place]
            cut = before * behind * (between + least)
            if not _is_less(cut, between * least * (before + behind)):
                break
            triangles.append(sorted((kept[-2], kept.pop(), place)))
        kept.append(place)
    triangles += [sorted((smallest, one, other)) for one, other in pairwise(kept[1:])]
    triangles.sort(key=lambda triangle: triangle[2] - triangle[0])  # what is inside of another one comes first
    return [(first, middle) for first, middle, _ in triangles]


def _is_less(cost: Array, other: Array) -> bool:
    """Compare two costs; where the symbols do not decide, neither is less."""
    if is_compiling():  # a condition of the compiled code
        return bool(cost < other)
    try:
        return bool(cost < other)
    except Exception:  # noqa: BLE001 -- JAX's own, which is imported by whoever has such symbols
        return False


def product_in(pairs: Pairs, factors: Sequence[Array]) -> Array:
    """Multiply matrices, stacks of them, and diagonals, in pairs, each product in the place of its left side."""
    held = list(factors)
    for left, right in pairs:
        one, other = held[left], held[right]
        if len(one.shape) == 1:
            held[left] = one * other if len(other.shape) == 1 else one[:, None] * other
        else:
            held[left] = one * other if len(other.shape) == 1 else one @ other
    return held[0]


def copied(product: Array, out: Array) -> Array:
    """Copy a product to where it was asked for, if it fits."""
    if product.shape != out.shape or product.dtype != out.dtype:
        msg = f"out is of shape {tuple(out.shape)} and {out.dtype}, but the product of {tuple(product.shape)} and {product.dtype}"
        raise ChainError(msg)
    return out.copy_(product)


def untraced(function: Callable[..., Array], reason: str = WHOLE) -> Callable[..., Array]:
    """Return what is run untraced: the graph breaks there or, if it must not, PyTorch says why."""
    sys.modules["torch._dynamo"].graph_break(msg=reason)
    disabled: Callable[..., Array] = sys.modules["torch.compiler"].disable(function, reason=reason)
    return disabled
