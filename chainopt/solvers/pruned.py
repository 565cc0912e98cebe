"""The interval program for structured chains of matrices, without forming what no cheap plan needs.

What a product costs follows from the counts of the columns of its left side and of the rows of its right side, before it is
formed. So the pattern of an interval is needed only where a product with it may be part of the best plan: the two sweeps and a
greedy order are upper bounds, and no better plan contains an interval that costs as much as they do, together with the least
that the factors outside of it cost.
"""

from __future__ import annotations

import math
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import Mode
from chainopt.costs.multiplications import Multiplications
from chainopt.solvers.base import Candidate, Method, needs_one_worker
from chainopt.structure import patterns
from chainopt.structure.bands import MOST_NUMBERED, Band
from chainopt.structure.grid import Grid

if TYPE_CHECKING:
    from chainopt.solvers.base import Problem, Solution
    from chainopt.structure.patterns import Pattern
    from chainopt.typing import IntArray


class Pruned(Method):
    """See the module."""

    name = "interval"

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        if problem.workers != 1:
            return needs_one_worker(problem)
        if problem.chain.structures is None or not isinstance(problem.model, Multiplications):
            return "needs structured matrices and counts their multiplications"
        return None if problem.chain.stage_costs is None else "needs matrices at hand"

    def solve(self, problem: Problem) -> Solution:
        """Find the cheapest bracketing."""
        return self.answer(_Search(problem.chain.patterns).best())


METHOD = Pruned()


class _Side:
    """A factor, or the product of several: its pattern and its counts, each found when it is asked for."""

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern

    @cached_property
    def rows(self) -> IntArray:
        """How many nonzeros each row has."""
        return self.pattern.row_counts()

    @cached_property
    def columns(self) -> IntArray:
        """How many nonzeros each column has."""
        return self.pattern.column_counts()

    def cost_before(self, right: _Side) -> int:
        """Return how many multiplications the product with a matrix to the right needs."""
        one, other = self.pattern, right.pattern
        if all(isinstance(each, Band | Grid) for each in (one, other)) or any(map(patterns.is_unit, (one, other))):
            return patterns.multiplications(one, other)
        return patterns.counted(self.columns, right.rows)


class _Search:
    """The cheapest products of intervals of a chain, as far as they may belong to the best plan."""

    def __init__(self, leaves: list[Pattern]) -> None:
        alike: dict[int, _Side] = {}  # a power has one pattern for all its factors
        self.factors = len(leaves)
        self.formed = {(i, i + 1): alike.setdefault(id(leaf), _Side(leaf)) for i, leaf in enumerate(leaves)}
        self.costs: dict[tuple[int, int], int] = dict.fromkeys(self.formed, 0)
        self.splits: dict[tuple[int, int], int] = {}
        self._between: dict[tuple[int, int], int] = {}
        self._products: dict[tuple[int, int], _Side] = {}
        self._least = [0, *accumulate(_least_costs([self.formed[i, i + 1] for i in range(self.factors)]))]

    def best(self) -> Candidate:
        """Return the cheapest bracketing; among equals forward mode, then reverse mode."""
        n = self.factors
        sweeps = [[(i, i + 1, n) for i in range(n - 2, -1, -1)], [(0, k, k + 1) for k in range(1, n)]]
        costs = [math.inf, math.inf]
        for which in sorted(range(2), key=lambda which: sum(self._cost(*first) for first in sweeps[which][:1])):
            costs[which] = self._swept(sweeps[which], min(costs))  # the one that begins well first: the other may not get far
        forward, reverse = costs
        bound = min(forward, reverse)
        bound = min(bound, self._greedy(bound))
        cost = self._cheapest(bound)
        if cost >= forward:
            return Candidate(Bracketing.right_to_left(n), int(forward), Mode.FORWARD if n > 2 else Mode.ANY)
        if cost >= reverse:
            return Candidate(Bracketing.left_to_right(n), int(reverse), Mode.REVERSE)
        return Candidate(Bracketing.from_splits(n, lambda i, j: self.splits[i, j]), int(cost), Mode.HYBRID)

    def _swept(self, products: list[tuple[int, int, int]], most: float) -> float:
        """Return the cost of products made one after the other; infinite as soon as that is more than ``most``."""
        cost = 0
        for i, k, j in products:
            cost += self._cost(i, k, j)
            if cost + self._outside(i, j) > most:
                return math.inf
            if (i, j) != (0, self.factors):
                self._form(i, k, j)
        return cost

    def _greedy(self, most: float) -> float:
        """Return the cost of joining, again and again, the two neighbors whose product is the cheapest."""
        ends, cost = [*range(self.factors + 1)], 0
        splits: dict[tuple[int, int], int] = {}
        while len(ends) > 2:
            prices = [self._cost(*ends[at : at + 3]) for at in range(len(ends) - 2)]
            at = min(range(len(prices)), key=prices.__getitem__)
            i, k, j = ends[at : at + 3]
            cost += prices[at]
            if cost >= most:
                return math.inf
            splits[i, j] = k
            if len(ends) > 3:
                self._form(i, k, j)
            del ends[at + 1]
        self.splits = splits
        return cost

    def _cheapest(self, bound: float) -> float:
        """Return the least cost, or the bound where none is below it; the splits found before then stand for it."""
        n = self.factors
        found: dict[tuple[int, int], int] = {}
        for width in range(2, n + 1):
            for i in range(n - width + 1):
                j, split = i + width, 0
                least = bound - self._outside(i, j)
                for k in range(i + 1, j):
                    sides = self.costs.get((i, k)), self.costs.get((k, j))
                    if sides[0] is None or sides[1] is None or sides[0] + sides[1] >= least:
                        continue
                    self._form_from(found, i, k)
                    self._form_from(found, k, j)
                    cost = sides[0] + sides[1] + self._cost(i, k, j)
                    if cost < least:
                        least, split = cost, k
                if split:
                    self.costs[i, j], found[i, j] = int(least), split
        if (0, n) not in found:
            return bound
        self.splits = found
        return self.costs[0, n]

    def _form_from(self, splits: dict[tuple[int, int], int], i: int, j: int) -> None:
        """Form the product of an interval by its cheapest way; its sides have been formed before."""
        if (i, j) not in self.formed:
            self._form(i, splits[i, j], j)

    def _form(self, i: int, k: int, j: int) -> None:
        if (i, j) not in self.formed:
            left, right = self.formed[i, k], self.formed[k, j]
            key = id(left), id(right)
            if key not in self._products:
                self._products[key] = _Side(patterns.product(left.pattern, right.pattern))
            self.formed[i, j] = self._products[key]

    def _cost(self, i: int, k: int, j: int) -> int:
        left, right = self.formed[i, k], self.formed[k, j]
        key = id(left), id(right)
        if key not in self._between:
            self._between[key] = left.cost_before(right)
        return self._between[key]

    def _outside(self, i: int, j: int) -> int:
        """Return the least that the factors outside of an interval cost: each is in a product by itself, or two are in one."""
        return (self._least[-1] - self._least[j] + self._least[i] + 1) // 2


def _least_costs(leaves: list[_Side]) -> list[int]:
    """Return the least that a product with each factor by itself needs, whatever it is multiplied with.

    As the left side it meets a row for each index in which the product of all to its right has something, and no less in a part
    of that; as the right side likewise.
    """
    counted = (leaf.pattern for leaf in leaves if not patterns.is_unit(leaf.pattern) and not isinstance(leaf.pattern, Grid))
    if sum(max(pattern.shape) <= MOST_NUMBERED for pattern in counted) < len(leaves):
        # A product with an identity costs nothing, and rows that are too many are not counted one by one.
        return [0] * len(leaves)
    as_left, as_right = [], []
    meets = np.ones(leaves[-1].pattern.shape[1], dtype=bool)
    for leaf in reversed(leaves):
        as_left.append(int(leaf.columns @ meets))
        meets = patterns.reached(leaf.pattern, meets)
    meets = np.ones(leaves[0].pattern.shape[0], dtype=bool)
    for leaf in leaves:
        as_right.append(int(leaf.rows @ meets))
        meets = patterns.reached_columns(leaf.pattern, meets)
    as_left.reverse()
    inner = map(min, as_left[1:-1], as_right[1:-1])
    return [as_left[0], *inner, as_right[-1]]
