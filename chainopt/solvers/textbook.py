"""The oracle of the tests: all bracketings, and the plain recurrence, as a student would write them down."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import GIVEN, PRODUCT, PULLED, PUSHED, Mode
from chainopt.chain.factor_data import broadcast_all
from chainopt.costs.structured import is_full
from chainopt.solvers.pure_modes import preferred
from chainopt.structure.patterns import multiplications, product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.solvers.base import Solution
    from chainopt.structure.patterns import Pattern


class Recurrence(NamedTuple):
    """The two tables of the recurrence."""

    cost: dict[tuple[int, int], Any]
    choice: dict[tuple[int, int], tuple[int, int]]


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


def recurrence(
    dims: Sequence[int], choices: StageChoices | None = None, price: Callable[[int, int, int], Any] | None = None
) -> Recurrence:
    """Fill the tables of the plain recurrence in O(n^3) steps of pure Python.

    ``cost[i, j]`` is the least cost of the product of the factors ``i..j-1``, and ``choice[i, j]`` what is done last: the
    kind of operation, and where it is split. ``price(i, k, j)`` is what joining ``i..k-1`` with ``k..j-1`` costs, where that
    is not the product of the three sizes.
    """

    def of_sizes(i: int, k: int, j: int) -> int:
        return dims[i] * dims[k] * dims[j]

    product = of_sizes if price is None else price
    factors = len(dims) - 1
    cost: dict[tuple[int, int], Any] = {(i, i + 1): 0 if choices is None else choices.leaves[i] for i in range(factors)}
    choice: dict[tuple[int, int], tuple[int, int]] = {}
    for width in range(2, factors + 1):
        for i in range(factors - width + 1):
            j = i + width
            options = [(cost[i, k] + cost[k, j] + product(i, k, j), PRODUCT, k) for k in range(i + 1, j)]
            if choices is not None and choices.push[i] >= 0:
                options.append((cost[i + 1, j] + dims[j] * choices.push[i], PUSHED, i + 1))
            if choices is not None and choices.pull[j - 1] >= 0:
                options.append((cost[i, j - 1] + dims[i] * choices.pull[j - 1], PULLED, j - 1))
            cost[i, j], *what = min(options)
            choice[i, j] = what[0], what[1]
    return Recurrence(cost, choice)


def prices(chain: JacobianChain, model: CostModel | None) -> Callable[[int, int, int], Any]:
    """Return what joining ``i..k-1`` with ``k..j-1`` costs, one product at a time."""
    dims, leaves, batches = chain.dims, chain.patterns, chain.batches

    @cache
    def pattern(i: int, j: int) -> Pattern:
        return leaves[i] if j == i + 1 else product(pattern(i, j - 1), leaves[j - 1])

    def price(i: int, k: int, j: int) -> Any:
        stack = 1 if batches is None else math.prod(broadcast_all(batches[i:j]))
        count = multiplications(pattern(i, k), pattern(k, j))
        if model is None:
            return count * stack
        if chain.structures is not None and not (is_full(pattern(i, k)) and is_full(pattern(k, j))):
            return model.structured(np.array([count], dtype=object)).item()
        sizes = (np.array([dims[at]], dtype=object) for at in (i, k, j))
        return model.products(*sizes).item() * stack

    return price


def solve(chain: JacobianChain, choices: StageChoices | None = None, model: CostModel | None = None) -> Solution:
    """Find the cheapest bracketing by the plain recurrence."""
    is_plain = model is None and chain.structures is None and chain.batches is None
    cost, choice = recurrence(chain.dims, choices, None if is_plain else prices(chain, model))
    spans = np.zeros((2, len(chain) - 1), dtype=np.int32)
    kinds = np.zeros(len(chain) - 1, dtype=np.int8)
    ways = np.array([GIVEN] * len(chain) if choices is None else choices.ways, dtype=np.int8)
    pending = [(0, len(chain))]
    while pending:
        i, j = pending.pop()
        if j - i > 1:
            kind, k = choice[i, j]
            spans[:, k - 1] = i, j - 1
            kinds[k - 1] = kind
            if kind != PRODUCT:
                ways[i if kind == PUSHED else j - 1] = GIVEN
            pending += [(i, k), (k, j)]
    bracketing = Bracketing(spans) if choices is None else Bracketing(spans, kinds, ways)
    return preferred(chain, choices, (bracketing, cost[0, len(chain)], Mode.HYBRID), model)
