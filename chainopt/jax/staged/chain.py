"""The product of sparse Jacobians whose patterns are known, in the order of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.bracketing.operations import Join
from chainopt.functions.sparse.products import Product
from chainopt.jax.staged.apart import apart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.plan.plan import Plan
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array

DEEPEST = 64  # of tables, which are quicker than sums by index
FILLED = 2  # of a table at least one place in so many


class Chain(NamedTuple):
    """What multiplies the stages."""

    pattern: Entries  # of the product
    run: Callable[[list[Array], Array], Array]  # of the nonzeros of the stages, in evaluation order


def multiplied(plan: Plan, patterns: Sequence[Entries]) -> Chain:
    """Prepare the product of some stages.

    Parameters
    ----------
    plan : Plan
        Of their Jacobians; where it pushes a matrix through stages, they are multiplied by it one after the other.
    patterns : sequence of scipy.sparse.csr_array of bool
        In evaluation order.
    """
    count = len(patterns)
    known = {(place, place): pattern for place, pattern in enumerate(reversed(patterns))}  # in product order, as plans are
    steps: list[tuple[tuple[int, int], tuple[int, int], tuple[int, int], Callable[[Array, Array], Array]]] = []

    def multiply(first: int, split: int, last: int) -> None:
        left, right, whole = (first, split), (split + 1, last), (first, last)
        product = Product.of(known[left], known[right])
        known[whole] = product.pattern
        steps.append((left, right, whole, multiplier(product)))

    for operation in plan.operations:
        if isinstance(operation, Join):
            first, split, last = operation.first, operation.split, operation.last
            if (first, split) in known:
                multiply(first, split, last)
                continue
            for stage in range(split, first - 1, -1):
                multiply(stage, stage, last)

    def run(matrices: list[Array], always: Array) -> Array:
        values = dict(zip(((place, place) for place in range(count)), reversed(matrices), strict=True))
        for left, right, whole, product in steps:
            values[whole] = apart(always, product, values[left], values[right])
        return values[0, count - 1]

    return Chain(known[0, count - 1], run)


def multiplier(product: Product) -> Callable[[Array, Array], Array]:
    """Return what multiplies the nonzeros of two matrices."""
    size = product.pattern.nnz
    depth = int(np.bincount(product.result, minlength=1).max(initial=0))
    if depth <= DEEPEST and depth * size <= FILLED * product.result.size:
        left, right = product.tables()
        return lambda ours, theirs: _by_tables(ours, theirs, left, right)
    ours_at, theirs_at = _small(product.left), _small(product.right)

    def by_index(ours: Array, theirs: Array) -> Array:
        each = _taken(ours, ours_at) * _taken(theirs, theirs_at)
        return jax.ops.segment_sum(each, _small(product.result), size, indices_are_sorted=True)

    return by_index


def _by_tables(ours: Array, theirs: Array, left: Array, right: Array) -> Array:
    """Add a row of the tables after the other, which XLA does in one loop."""
    total = jnp.zeros(left.shape[1], jnp.result_type(ours, theirs))
    for row, (mine, yours) in enumerate(zip(left, right, strict=True)):
        each = _taken(ours, _small(np.maximum(mine, 0))) * _taken(theirs, _small(np.maximum(yours, 0)))
        is_there = mine >= 0
        total = each if row == 0 and is_there.all() else total + (each if is_there.all() else jnp.where(is_there, each, 0))
    return total


def _taken(array: Array, places: Array) -> Array:
    return array.at[places].get(mode="promise_in_bounds")


def _small(array: Array) -> Array:
    return array.astype(np.int32) if array.max(initial=0) < 2**31 else array
