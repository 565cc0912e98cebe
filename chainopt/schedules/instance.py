"""A problem as the kernels take it: arrays where a machine number holds every time, else lists of Python ints."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.operations import GIVEN, Accumulation
from chainopt.costs.multiplications import Multiplications
from chainopt.costs.number_type import in_numbers, number_type
from chainopt.costs.operation_costs import steps_of
from chainopt.kernels.policy import compiled_pays
from chainopt.schedules.clock import Clock, clock_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.solvers.base import Problem
    from chainopt.typing import NumpyArray

MOST_TABLED = 200  # factors up to which the prices of all products are held, where they are no products of sizes
NOISE = 64  # with which list scheduling multiplies
LARGEST_SIZE = 2**62
MOST_UNCOMPILED = 3  # factors of a chain of which all plans are soon searched: what comes out is the same, compiled or not


class Instance(NamedTuple):
    """A problem in times, by a clock; see `instance_of`.

    Parameters
    ----------
    problem : Problem
        What is planned.
    choices : StageChoices
        Those of the problem, but for the accumulations with which a given bracketing begins.
    workers : int
        How many can ever be busy at once.
    clock : Clock
        The numbers in which times are held.
    is_compiled : bool
        Whether the kernels run compiled, on arrays; else everything is lists.
    counts_sizes : bool
        Whether a product costs the product of three sizes.
    sizes : array or list, length n + 1
        The sizes between the factors.
    prices : array or list, shape (n, n + 1, n + 1)
        What products cost, at [i, k, j]; empty where that is the product of three sizes, and where the table would be too large.
    push, pull, leaves : arrays or lists, length n
        What a JVP and a VJP of each stage cost, -1 where there is none, and what its matrix costs.
    has_leaf : array or list, length n
        Whether the matrix has to be made.
    largest : int or float
        The longest time that an operation may take.
    """

    problem: Problem
    choices: StageChoices
    workers: int
    clock: Clock
    is_compiled: bool
    counts_sizes: bool
    sizes: Any
    prices: Any
    push: Any
    pull: Any
    leaves: Any
    has_leaf: Any
    largest: Any

    @property
    def factors(self) -> int:
        """How many factors the chain has."""
        return len(self.leaves)

    @property
    def columns(self) -> Any:
        """What `chainopt.kernels.list_schedule` takes for an instance."""
        return self.sizes, self.prices, self.push, self.pull, self.leaves, self.has_leaf

    @property
    def is_tabled(self) -> bool:
        """Whether all prices are at hand, and not only a row of them at a time."""
        return self.counts_sizes or self.factors <= MOST_TABLED

    @property
    def rounding(self) -> float:
        """The share by which sums of times may be wrong, over all operations and workers; 0 where they are ints."""
        return 4 * (self.factors + self.workers) * 2.0**-52 if self.clock.rounds else 0.0

    def share(self, work: Any) -> Any:
        """Return the least time that shared work takes."""
        return work / self.workers if self.clock.rounds else -(-work // self.workers)

    def times(self, *shape: int, fill: float = 0) -> Any:
        """Make an array for times."""
        return self.for_kernels(np.full(shape, fill, dtype=self.clock.dtype))

    def positions(self, *shape: int, fill: int = 0) -> Any:
        """Make an array for positions."""
        return self.for_kernels(np.full(shape, fill, dtype=np.int64) if fill else np.zeros(shape, dtype=np.int64))

    def for_kernels(self, array: NumpyArray) -> Any:
        """Return an array as the kernels take it."""
        return array if self.is_compiled else array.tolist()

    def prices_from(self, i: int) -> Any:
        """Return the costs of products whose result begins with factor i, at [k, j]; empty where that is the product of sizes."""
        if self.counts_sizes:
            return self.times(0, 0)
        return self.prices[i] if len(self.prices) else self.for_kernels(self.clock.times(self.problem.operations.row(i).products))

    def beginning_as(self, bracketing: Bracketing) -> Instance:
        """Return the instance with the accumulations of a bracketing: a sweep begins in its own mode, even if it costs more."""
        choices = self.problem.choices
        if bracketing.ways is None:
            return self
        ways = np.where(bracketing.ways == GIVEN, choices.ways, bracketing.ways).tolist()
        if ways == choices.ways:
            return self
        leaves = list(choices.leaves)
        for step in steps_of(self.problem.chain, bracketing, self.problem.model):
            if isinstance(step, Accumulation):
                leaves[step.first] = step.cost
        choices = choices._replace(leaves=leaves, ways=ways)
        return self._replace(choices=choices, leaves=self.for_kernels(self.clock.times(leaves)))


def instance_of(problem: Problem) -> Instance:
    """Hold a problem as the kernels take it.

    Raises
    ------
    ChainError
        If costs are floats whose sums could be larger than any float.
    """
    chain, choices = problem.chain, problem.choices
    factors = len(chain)
    workers = int(min(problem.workers, factors))
    counts_sizes = isinstance(problem.model, Multiplications) and chain.structures is None and chain.batches is None
    is_tabled = not counts_sizes and factors <= MOST_TABLED
    table = np.stack([problem.operations.row(i).products for i in range(factors)]) if is_tabled else np.zeros((0, 0, 0), np.int64)
    costs = [table, *_costs_of_stages(problem)]
    if counts_sizes:
        costs.append(np.array([math.prod(sorted([*chain.dims, 1])[-3:])], dtype=object))
    elif not is_tabled:
        costs += [_largest(problem.operations.row(i).products) for i in range(factors)]
    clock = clock_for(costs, 2 * factors, workers + NOISE, are_all=counts_sizes or is_tabled)
    uses_sizes = counts_sizes or not choices.only_products
    sizes = np.array(chain.dims, dtype=object) if uses_sizes else np.zeros(factors + 1, dtype=np.int64)
    if clock.dtype is np.int64 and sizes.max() > LARGEST_SIZE:
        clock = Clock(object if clock.exponent is None else np.float64)
    times = [clock.times(column) for column in costs]
    is_compiled = clock.dtype is not object and compiled_pays(0.0 if factors <= MOST_UNCOMPILED else math.inf)

    def for_kernels(array: NumpyArray) -> Any:
        return array if is_compiled else array.tolist()

    return Instance(
        problem,
        choices,
        workers,
        clock,
        is_compiled,
        counts_sizes,
        for_kernels(in_numbers(sizes, clock.dtype)),
        for_kernels(times[0]),
        for_kernels(clock.times(choices.push)),
        for_kernels(clock.times(choices.pull)),
        for_kernels(clock.times(choices.leaves)),
        for_kernels(np.array([int(way != GIVEN) for way in choices.ways])),
        max(plain(column.max(initial=0)) for column in times),
    )


def _costs_of_stages(problem: Problem) -> Iterator[NumpyArray]:
    """Yield what JVPs, VJPs and matrices cost, and the most that a push or pull through a stage can cost."""
    choices, most = problem.choices, max(problem.chain.dims)
    yield np.array(choices.leaves, dtype=object)
    for column in (choices.push, choices.pull):
        costs = np.array(column, dtype=object)
        yield costs
        yield most * costs[costs > 0]


def _largest(costs: NumpyArray) -> NumpyArray:
    """Return the largest of many costs, as a float if one of them is."""
    return np.array([costs.max(initial=0)], dtype=np.float64 if number_type([costs], 1) is np.float64 else object)


def plain(number: Any) -> Any:
    """Return a Python number."""
    return number.item() if isinstance(number, np.generic) else number
