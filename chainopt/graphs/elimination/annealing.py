"""Orders of elimination, improved by threshold accepting: several runs side by side, one in each core."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from chainopt.graphs.elimination.annealing_run import Graph, Run
from chainopt.graphs.elimination.replay import cost_of
from chainopt.kernels import elimination_order as kernel
from chainopt.kernels.policy import cores, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.graphs.elimination.budget import Budget
    from chainopt.graphs.elimination.problem import EliminationProblem
    from chainopt.typing import IntArray

WORK = 200_000_000  # words of bit rows that the orders are looked at for, all together, where there is no limit of time
MOST_ORDERS, LEAST_ORDERS = 200_000, 50
MOST_VERTICES = 6_000  # whose bit rows fit into memory
HUGE = 10**307  # costs beyond which the kernel's floats are infinite
FEW_EDGES = 3  # for each vertex
RUNS = 3
CHUNKS = 20  # of a run, between which the clock is looked at
PROBE = 20  # orders that show how long one takes
HOTTEST, COOLEST = 0.3, 0.015  # by which share of what a vertex costs, in the mean, an order may become dearer
COOLING = (COOLEST / HOTTEST) ** (1 / CHUNKS)


def annealed(
    problem: EliminationProblem, order: Sequence[int], seed: int, budget: Budget, lower_bound: int, *, is_long: bool = True
) -> list[int]:
    """Return the best order that is met on several runs from one; that itself, if it is the best.

    Parameters
    ----------
    problem : EliminationProblem
        Its edges all have a kind, and are few enough for bit rows.
    order : sequence of int
        The vertices.
    seed : int
        The seed of the random numbers.
    budget : Budget
        How long it may take.
    lower_bound : int
        No order can be below it: the search ends there.
    is_long : bool
        Whether it goes on as long as there is time.
    """
    goes_on = is_long and budget.time_limit is not None
    search = _Search(problem, order, seed, budget, lower_bound, cores() if goes_on else RUNS)
    with side_by_side() as for_each:
        search.cool(for_each, fits=goes_on)
        while goes_on and not search.is_over():
            search.cool(for_each, fits=True)
    improved = [int(vertex) for vertex in search.best]
    # Counted exactly: the kernel's floats round what is large.
    return list(order) if cost_of(problem, improved, cost_of(problem, order)) is None else improved


def can_anneal(problem: EliminationProblem) -> bool:
    """Whether there is something to be ordered, in a form that the kernel knows."""
    return problem.kinds is not None and 1 < problem.count <= MOST_VERTICES and sum(problem.sizes) ** 3 * problem.count < HUGE


class _Search:
    """Runs that cool down together, and the best order that one of them has met."""

    def __init__(
        self, problem: EliminationProblem, order: Sequence[int], seed: int, budget: Budget, lower_bound: int, width: int
    ) -> None:
        self.count, self.budget, self.lower_bound = problem.count, budget, lower_bound
        graph = Graph(problem)
        self.begin: IntArray = np.array(order, np.int64)
        self.best, self.least = self.begin.copy(), np.inf
        self.chance = np.random.default_rng(seed)
        self.runs = [Run(graph, self.begin, width) for _ in range(width)]
        self.done = 0
        self.steps = _orders(problem) // (RUNS * CHUNKS) + 1
        self.seconds = 0.0  # that a step takes, as far as is known

    def is_over(self) -> bool:
        """Whether there is no time left, or nothing to be found."""
        return self.budget.is_over() or self.least <= self.lower_bound

    def cool(self, for_each: Callable[..., None], *, fits: bool) -> None:
        """Cool all runs down, in so many steps that they end with the time, if there is a limit and they are to fit it.

        At first they begin at the order that was given, for runs end in different valleys; then by turns at the best one, too.
        """
        for run in self.runs:
            run.start(self.best if self.done >= RUNS and self.done % 2 else self.begin)
            self.done += 1
        if fits and not self.seconds:
            self._advance(for_each, PROBE, HOTTEST / self.count, 1.0)
        left = self.budget.left
        whole = CHUNKS * self.steps * self.seconds
        rounds = max(1, round((left or 0.0) / whole)) if whole else 1  # as many as there is time for, all equally long
        end = None if left is None else time.monotonic() + left / rounds
        for chunk in range(CHUNKS):
            if self.is_over():
                return
            steps = self.steps
            if fits and end is not None and self.seconds:
                steps = max(1, int((end - time.monotonic()) / (CHUNKS - chunk) / self.seconds))
            self._advance(for_each, steps, HOTTEST / self.count * COOLING**chunk, COOLING)

    def _advance(self, for_each: Callable[..., None], steps: int, heat: float, cooling: float) -> None:
        """Take all runs some steps further."""
        starts = [int(self.chance.integers(1, kernel.MODULUS)) for _ in self.runs]
        begin = time.monotonic()
        for_each(lambda run, start: run.advance(steps, heat, heat * cooling, start), self.runs, starts)
        self.seconds = (time.monotonic() - begin) / steps
        for run in self.runs:
            if run.least < self.least:
                self.least, self.best = run.least, run.found.copy()
        if self.budget.report is not None and np.isfinite(self.least):
            self.budget.report(int(self.least), self.lower_bound)


def _orders(problem: EliminationProblem) -> int:
    """Return how many orders are worth looking at: fewer where vertices have many neighbors, whose rows are all joined."""
    words = -(-len(problem.names) // kernel.WORD)
    neighbors = max(1, len(problem.kinds or ()) // (FEW_EDGES * problem.count))
    return min(max(WORK // (problem.count * words), LEAST_ORDERS), MOST_ORDERS) // neighbors
