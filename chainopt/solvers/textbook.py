"""The oracle of the tests: all bracketings, and the plain recurrence, as a student would write them down."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing import Bracketing
from chainopt.solvers.homogeneous import preferred

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chainopt.chain import JacobianChain
    from chainopt.solvers.solution import Solution


def all_trees(first: int, last: int) -> Iterator[Any]:
    """Yield every bracketing of the factors ``first..last`` as nested tuples."""
    if first == last:
        yield first
    for split in range(first, last):
        for left in all_trees(first, split):
            for right in all_trees(split + 1, last):
                yield left, right


def tree_cost(tree: Any, shapes: Sequence[tuple[int, int]]) -> tuple[int, tuple[int, int]]:
    """Return what multiplying in this order costs, and the shape of the result."""
    if isinstance(tree, int):
        return 0, shapes[tree]
    left_cost, (rows, inner) = tree_cost(tree[0], shapes)
    right_cost, (_, columns) = tree_cost(tree[1], shapes)
    return left_cost + right_cost + rows * inner * columns, (rows, columns)


def brute_force(shapes: Sequence[tuple[int, int]]) -> int:
    """Return the least cost over all bracketings: 429 for 8 factors, four times as many for each one more."""
    return min(tree_cost(tree, shapes)[0] for tree in all_trees(0, len(shapes) - 1))


def solve(chain: JacobianChain) -> Solution:
    """Find the cheapest bracketing by the plain recurrence, in O(n^3) steps of pure Python."""
    dims = chain.dims
    stacks = chain.batches or ((),) * len(chain)

    def stack(i: int, j: int) -> int:
        count = 1
        for size in np.broadcast_shapes(*stacks[i:j]):
            count *= size
        return count

    cost = {(i, i + 1): 0 for i in range(len(chain))}
    split: dict[tuple[int, int], int] = {}
    for width in range(2, len(chain) + 1):
        for i in range(len(chain) - width + 1):
            j = i + width
            weight = dims[i] * dims[j] * stack(i, j)
            choices = [(cost[i, k] + cost[k, j] + weight * dims[k], k) for k in range(i + 1, j)]
            cost[i, j], split[i, j] = min(choices)
    spans = np.zeros((2, len(chain) - 1), dtype=np.int32)
    pending = [(0, len(chain))]
    while pending:
        i, j = pending.pop()
        if j - i > 1:
            k = split[i, j]
            spans[:, k - 1] = i, j - 1
            pending += [(i, k), (k, j)]
    return preferred(chain, Bracketing(spans), cost[0, len(chain)])


@cache
def bracketings(factors: int) -> int:
    """Return how many bracketings there are, a Catalan number."""
    return sum(bracketings(left) * bracketings(factors - left) for left in range(1, factors)) if factors > 1 else 1
