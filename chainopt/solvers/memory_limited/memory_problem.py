"""What the methods that keep a limit on memory share: entries and seeds, and how they read, name and refuse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import ACCUMULATION_MODES, BY_JVPS, BY_VJPS, GIVEN, OTHERWISE
from chainopt.costs.memory import entries_of, peak_memory, seed
from chainopt.costs.multiplications import exact_sizes
from chainopt.costs.number_type import number_type
from chainopt.costs.operation_costs import accumulation_cost, total
from chainopt.costs.stage_choices import priced
from chainopt.errors import InfeasibleError
from chainopt.solvers.base import Candidate
from chainopt.solvers.pure_modes import FORWARD, REVERSE, mode_of, rounded_up

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chainopt.costs.last_operations import LastOperations
    from chainopt.solvers.base import Problem
    from chainopt.typing import Cost


class Leaf(NamedTuple):
    """One way to obtain the matrix of a stage: what it costs, and how many entries it needs beside the matrix."""

    cost: Cost
    seed: int
    way: int


class MemoryProblem(NamedTuple):
    """A problem, and what its matrices need.

    Attributes
    ----------
    problem : Problem
        With its limit on memory.
    limit : int
        The limit, cut to an int.
    operations : LastOperations
        What can be done last for each interval.
    leaves : list of lists of Leaf
        All ways to obtain the matrix of each factor; none for one at hand.
    entries : list of lists of int
        How many entries the product of the factors ``i..j-1`` is held in, at [i][j].
    """

    problem: Problem
    limit: int
    operations: LastOperations
    leaves: list[list[Leaf]]
    entries: list[list[int]]

    @property
    def factors(self) -> int:
        """How many factors the chain has."""
        return len(self.leaves)


def memory_problem(problem: Problem) -> MemoryProblem:
    """Find out what matrices need."""
    assert problem.memory_limit is not None
    leaves = [_leaves(problem, position) for position in range(len(problem.chain))]
    return MemoryProblem(problem, math.floor(problem.memory_limit), problem.operations, leaves, _entries(problem))


def _entries(problem: Problem) -> list[list[int]]:
    chain = problem.chain
    if chain.structures is None and chain.batches is None:
        sizes = exact_sizes(chain)
        table: list[list[int]] = np.multiply.outer(sizes, sizes).tolist()
        return table
    entries, factors = entries_of(chain), len(chain)
    return [[entries(i, j - 1) if j > i else 0 for j in range(factors + 1)] for i in range(factors + 1)]


def _leaves(problem: Problem, position: int) -> list[Leaf]:
    """List the ways to obtain the matrix of a factor; the cheapest may need more memory than another."""
    chain, choices = problem.chain, problem.choices
    if choices.ways[position] == GIVEN or chain.stage_costs is None:
        return []
    costs = priced(chain.stage_costs, problem.model)
    if costs.accumulation[position] is not None:
        ways = [OTHERWISE]
    else:
        ways = [BY_JVPS] * (choices.push[position] >= 0) + [BY_VJPS] * (choices.pull[position] >= 0)
    return [
        Leaf(accumulation_cost(chain, position, way, costs), seed(chain, position, ACCUMULATION_MODES[way]), way) for way in ways
    ]


def number_types(costs: Iterable[Any], sizes: Iterable[Any], factors: int) -> tuple[Any, Any] | None:
    """Return the types of costs and of sizes in which nothing wraps; None where only Python ints will do.

    Parameters
    ----------
    costs, sizes : iterable of arrays or lists
        All numbers that are added.
    factors : int
        How many factors the chain has: there are fewer than twice as many operations.
    """
    types = number_type(costs, 2 * factors), number_type(sizes, 2 * factors)
    return None if object in types else types


def in_order(events: list[int], joins: Any, ways: list[int]) -> Bracketing:
    """Make the bracketing of events in their order.

    Parameters
    ----------
    events : list of int
        The gap of each join, ~k for the accumulation of factor k.
    joins : numpy.ndarray of int8, shape (n - 1,)
        What is done at each gap.
    ways : list of int, length n
        How each matrix is obtained.
    """
    factors = len(ways)
    spans = np.zeros((2, factors - 1), dtype=np.int32)
    first_of, last_of = list(range(factors)), list(range(factors))  # of the result that ends, or begins, with a factor
    for gap in (event for event in events if event >= 0):
        first, last = first_of[gap], last_of[gap + 1]
        spans[:, gap] = first, last
        first_of[last], last_of[first] = first, last
        first_of[gap], last_of[gap + 1] = first, last
    order = np.array(events, dtype=np.int32)
    if not any(ways) and not joins.any():
        return Bracketing(spans, None, None, order)
    return Bracketing(spans, joins, np.array(ways, dtype=np.int8), order)


def named(problem: Problem, bracketing: Bracketing) -> Candidate:
    """Name the mode; a sweep that costs the same, or the usual order, takes its place where it keeps the limit."""
    chain, limit = problem.chain, problem.memory_limit
    assert limit is not None
    if chain.stage_costs is not None and bracketing.kinds is None:
        kinds, ways = np.zeros(len(chain) - 1, dtype=np.int8), np.zeros(len(chain), dtype=np.int8)
        bracketing = Bracketing(bracketing.spans, kinds, ways, bracketing.order)
    cost = total(chain, bracketing, problem.model)
    for sweep in (FORWARD, REVERSE):
        pure = sweep.candidate(problem, rounded_up(cost))
        if pure is not None and peak_memory(chain, pure.bracketing) <= limit:
            return pure
    usual = Bracketing(bracketing.spans, bracketing.kinds, bracketing.ways)
    if peak_memory(chain, usual) <= limit:
        bracketing = usual
    return Candidate(bracketing, cost, mode_of(problem, bracketing))


def infeasible(problem: Problem, missing: str) -> InfeasibleError:
    """Say that no plan keeps the limit, or that none was found, and which limit would do."""
    return InfeasibleError(f"memory_limit is {problem.memory_limit}, but no {missing}")
