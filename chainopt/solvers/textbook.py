"""The oracle of the tests: all bracketings, and the plain recurrence, as a student would write them down."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing import Bracketing
from chainopt.solvers.homogeneous import preferred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chainopt.chain import JacobianChain
    from chainopt.solvers.solution import Solution


class Recurrence(NamedTuple):
    """The two tables of the recurrence."""

    cost: dict[tuple[int, int], int]
    split: dict[tuple[int, int], int]


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


def recurrence(dims: Sequence[int], stack: Callable[[int, int], int] | None = None) -> Recurrence:
    """Fill the tables of the plain recurrence in O(n^3) steps of pure Python.

    ``cost[i, j]`` is the least cost of the product of the factors ``i..j-1`` and ``split[i, j]`` where it is split last;
    ``stack(i, j)`` says how many matrices that product is a stack of.
    """
    factors = len(dims) - 1
    cost = {(i, i + 1): 0 for i in range(factors)}
    split: dict[tuple[int, int], int] = {}
    for width in range(2, factors + 1):
        for i in range(factors - width + 1):
            j = i + width
            weight = dims[i] * dims[j] * (stack(i, j) if stack is not None else 1)
            cost[i, j], split[i, j] = min((cost[i, k] + cost[k, j] + weight * dims[k], k) for k in range(i + 1, j))
    return Recurrence(cost, split)


def solve(chain: JacobianChain) -> Solution:
    """Find the cheapest bracketing by the plain recurrence."""
    batches = chain.batches

    def stack(i: int, j: int) -> int:
        return math.prod(np.broadcast_shapes(*(batches or ())[i:j]))

    cost, split = recurrence(chain.dims, None if batches is None else stack)
    spans = np.zeros((2, len(chain) - 1), dtype=np.int32)
    pending = [(0, len(chain))]
    while pending:
        i, j = pending.pop()
        if j - i > 1:
            k = split[i, j]
            spans[:, k - 1] = i, j - 1
            pending += [(i, k), (k, j)]
    return preferred(chain, Bracketing(spans), cost[0, len(chain)])
