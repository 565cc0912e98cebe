"""What a method is asked, and what it answers: for one chain, and for many of the same length at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.chain.chain import JacobianChain
from chainopt.costs.last_operations import last_operations
from chainopt.costs.multiplications import INT64_LIMIT, MULTIPLICATIONS, Multiplications
from chainopt.costs.number_type import has_floats, in_numbers
from chainopt.costs.stage_choices import matrix_free, stage_choices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.bracketing.operations import Mode
    from chainopt.bracketing.schedule import Schedule
    from chainopt.costs.last_operations import LastOperations
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.typing import BoolArray, Cost, CostArray, SizeArray


class _Asked(NamedTuple):
    chain: JacobianChain
    model: CostModel = MULTIPLICATIONS
    tape_limit: float | None = None
    memory_limit: float | None = None
    workers: float = 1
    time_limit: float | None = None
    shows_progress: bool = False


class Problem(_Asked):
    """A chain, what is minimized, and the limits; all options have been checked.

    Parameters
    ----------
    chain : JacobianChain
        What is multiplied.
    model : CostModel
        What operations cost.
    tape_limit : int or float, optional
        The largest tape of a stage that is pulled back, or accumulated by VJPs.
    memory_limit : int or float, optional
        The most matrix entries alive at once.
    workers : int, or math.inf
        How many share the operations; what is minimized with several is the makespan.
    time_limit : int or float, optional
        The seconds after which a search ends with the best so far.
    shows_progress : bool
        Whether such a search shows its progress.

    Notes
    -----
    A tuple is made in a third of the time of a frozen dataclass, and short chains are ordered in microseconds.
    """

    @cached_property
    def choices(self) -> StageChoices:
        """What can be done with each stage under the limit on the tape."""
        return stage_choices(self.chain, self.tape_limit, self.model)

    @cached_property
    def operations(self) -> LastOperations:
        """What can be done last for each interval, and what it costs."""
        return last_operations(self.chain, self.choices, self.model)

    @cached_property
    def matrix_free(self) -> list[bool]:
        """Whether each stage can be used without its matrix."""
        return matrix_free(self.chain)

    @property
    def counts_sizes(self) -> bool:
        """Whether a product costs the product of its three sizes, for each matrix of its stack."""
        return isinstance(self.model, Multiplications) and self.chain.structures is None

    def __reduce__(self) -> tuple[object, ...]:
        return Problem, tuple(self)  # what is kept beside is made again


class Candidate(NamedTuple):
    """A bracketing, its exact cost, and the mode that its operations add up to."""

    bracketing: Bracketing
    cost: Cost
    mode: Mode


class Solution(NamedTuple):
    """A bracketing, and what is known of it.

    Attributes
    ----------
    bracketing : Bracketing
        What is done, and in which order.
    cost : int or float
        What all operations cost together.
    mode : Mode
        The mode that they add up to; among equals forward comes first, then reverse, then hybrid.
    is_optimal : bool
        Whether nothing that meets the limits is better, as the method that found it has proved.
    lower_bound : int or float
        No bracketing within the limits has a lower cost or makespan; 0 where nothing is known.
    method : str
        The method that found it, which may differ from the one asked for.
    schedule : Schedule, optional
        Who does what when, for several workers.
    claims : tuple of str, optional
        What was read about it and could not be checked: "is_optimal", "lower_bound".
    """

    bracketing: Bracketing
    cost: Cost
    mode: Mode
    is_optimal: bool
    lower_bound: Cost
    method: str
    schedule: Schedule | None = None
    claims: tuple[str, ...] = ()

    @property
    def makespan(self) -> Cost:
        """When the last operation ends; with one worker the cost."""
        return self.cost if self.schedule is None else self.schedule.makespan


@dataclass(frozen=True, slots=True, eq=False)
class ProblemBatch:
    """Many chains of the same number of factors, for one worker each.

    Parameters
    ----------
    chains : numpy.ndarray, shape (N, n + 1), or sequence of JacobianChain
        The sizes between the factors, outputs first, a chain in each row; or chains of any kind.
    model : CostModel
        What operations cost.
    tape_limit : int or float, optional
        As for a `Problem`.
    """

    chains: SizeArray | Sequence[JacobianChain]
    model: CostModel = MULTIPLICATIONS
    tape_limit: float | None = None

    @property
    def holds_sizes(self) -> bool:
        """Whether the chains are rows of sizes."""
        return isinstance(self.chains, np.ndarray)

    @property
    def factors(self) -> int:
        """How many factors each chain has."""
        return self.chains.shape[1] - 1 if isinstance(self.chains, np.ndarray) else len(self.chains[0])

    def problem(self, position: int) -> Problem:
        """Return the problem of one chain."""
        chain = self.chains[position]
        return Problem(chain if isinstance(chain, JacobianChain) else JacobianChain.from_dims(chain), self.model, self.tape_limit)

    def problems(self) -> Iterator[Problem]:
        """Make the problems one by one."""
        return map(self.problem, range(len(self.chains)))

    def kinds(self) -> list[Problem]:
        """Make a problem of each kind that there is: with and without stages, with and without structures."""
        if isinstance(self.chains, np.ndarray):
            chains = [JacobianChain.from_dims([1] * (self.factors + 1))]
        else:
            chains = list({(chain.stage_costs is None, chain.structures is None): chain for chain in self.chains}.values())
        return [Problem(chain, self.model, self.tape_limit) for chain in chains]


class Solutions(NamedTuple):
    """What `Solution` is for one chain, for N chains of n factors; all found by one method."""

    spans: NDArray[np.int32]  # (N, 2, n - 1)
    costs: CostArray  # (N,)
    modes: NDArray[np.object_]  # (N,), of Mode
    are_optimal: BoolArray  # (N,)
    lower_bounds: CostArray  # (N,)
    kinds: NDArray[np.int8]  # (N, n - 1)
    ways: NDArray[np.int8]  # (N, n)

    @classmethod
    def optimal(
        cls,
        spans: NDArray[np.int32],
        costs: CostArray,
        modes: NDArray[np.object_],
        joins: tuple[NDArray[np.int8], NDArray[np.int8]] | None = None,
    ) -> Solutions:
        """Hold the solutions of an exact method.

        Parameters
        ----------
        spans, costs, modes : numpy.ndarray
            As they are held.
        joins : tuple of two numpy.ndarray, optional
            The kinds and the ways, where there is more to do than to multiply matrices at hand.
        """
        count, _, gaps = spans.shape
        costs = cost_array(costs)
        kinds, ways = joins or (np.zeros((count, gaps), dtype=np.int8), np.zeros((count, gaps + 1), dtype=np.int8))
        return cls(spans, costs, modes, np.ones(count, dtype=bool), costs, kinds, ways)


def gathered(solutions: Sequence[Solution], factors: int) -> Solutions:
    """Put solutions that were found one by one into arrays."""
    count = len(solutions)
    spans = np.zeros((count, 2, factors - 1), dtype=np.int32)
    kinds, ways = np.zeros((count, factors - 1), dtype=np.int8), np.zeros((count, factors), dtype=np.int8)
    modes = np.empty(count, dtype=object)
    for row, solution in enumerate(solutions):
        bracketing, modes[row] = solution.bracketing, solution.mode
        spans[row] = bracketing.spans
        if bracketing.kinds is not None and bracketing.ways is not None:
            kinds[row], ways[row] = bracketing.kinds, bracketing.ways
    costs = cost_array([solution.cost for solution in solutions])
    are_optimal = np.array([solution.is_optimal for solution in solutions], dtype=bool)
    bounds = cost_array([solution.lower_bound for solution in solutions])
    return Solutions(spans, costs, modes, are_optimal, bounds, kinds, ways)


def cost_array(costs: Sequence[Cost] | CostArray) -> CostArray:
    """Put costs into an array: float64 if one is a float, int64 if they fit, else Python ints."""
    if isinstance(costs, np.ndarray) and costs.dtype != object:
        return costs
    exact = np.empty(len(costs), dtype=object)
    exact[:] = costs
    if has_floats(exact):
        floats: CostArray = in_numbers(exact, np.float64)
        return floats
    return exact if exact.max(initial=0) >= INT64_LIMIT else exact.astype(np.int64)


class Method(ABC):
    """A way to find a bracketing; `chainopt.solvers.registry` knows all of them, and chooses.

    Attributes
    ----------
    name : str
        Its name, as an option and in a plan.
    is_exact : bool
        Whether what it finds is the best, for every problem that it handles; others claim only what they prove.
    keeps_memory_limit : bool
        Whether it keeps the limit on memory; for the others `chainopt.solvers.memory_limited` does.
    handles_many_chains : bool
        Whether it has a way of its own to solve a batch of chains of stages.
    """

    name: str
    is_exact = True
    keeps_memory_limit = False
    handles_many_chains = False

    @abstractmethod
    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks, as "needs matrices at hand"; None where it handles the problem."""

    @abstractmethod
    def solve(self, problem: Problem) -> Solution:
        """Solve a problem that it handles."""

    def solve_many(self, batch: ProblemBatch) -> Solutions:
        """Solve a batch of problems that it handles: one by one, if there is no better way."""
        return gathered([self.solve(problem) for problem in batch.problems()], batch.factors)

    def answer(self, candidate: Candidate) -> Solution:
        """Return a candidate as the method's solution: the best if the method is exact, else without a claim."""
        return Solution(*candidate, self.is_exact, candidate.cost if self.is_exact else 0, self.name)


def needs_dense_products(problem: Problem) -> str | None:
    """Return what a method needs that knows only matrices at hand whose products cost their sizes."""
    if problem.workers != 1:
        return needs_one_worker(problem)
    details = problem.chain.details
    if not isinstance(problem.model, Multiplications) or (details is not None and problem.chain.structures is not None):
        return "needs dense matrices and counts their multiplications"
    return "needs matrices at hand" if details is not None and details.stage_costs is not None else None


def needs_several_workers(problem: Problem) -> str | None:
    """Return what a method needs that makes schedules."""
    return "plans for several workers" if problem.workers == 1 else None


def needs_one_worker(problem: Problem) -> str | None:
    """Return what a method needs that knows no schedules."""
    return None if problem.workers == 1 else f"plans for one worker, and workers is {problem.workers}"
