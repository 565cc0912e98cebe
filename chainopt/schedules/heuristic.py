"""Good plans for several workers, of chains of any length: see `chainopt.kernels.list_schedule`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.costs import products
from chainopt.kernels import list_schedule
from chainopt.kernels.compiling import compiled
from chainopt.schedules.tables import fill, plain
from chainopt.schedules.timetable import timetable
from chainopt.solvers.homogeneous import forward, reverse

if TYPE_CHECKING:
    from chainopt.bracketing import Bracketing
    from chainopt.schedules.best import Best
    from chainopt.schedules.problem import Problem
    from chainopt.schedules.tables import Tables

SEED = 4711
RESTARTS = 4
THRESHOLD = 0.08
SECONDS_PER_TASK = 1.5e-7  # of one move, compiled
SECONDS, MOST_ROUNDS, FEWEST_ROUNDS = 1.0, 1_200, 100
UNCOMPILED_ROUNDS = 3_000  # divided by the number of factors
SLICE = 0.1


class Search:
    """Trees of one problem, scheduled and changed; its arrays are used again and again."""

    def __init__(self, problem: Problem, tables: Tables) -> None:
        self.problem, self.tables = problem, tables
        gaps = problem.factors - 1
        self.times = problem.array(6, 3 * gaps + 9)
        self.numbers = problem.numbers(5, 3 * gaps + 9)
        self.trees = [problem.numbers(list_schedule.ROWS, gaps) for _ in range(3)]
        self.stage = (problem.workers, problem.sizes, problem.prices, problem.push, problem.pull, problem.leaves, problem.has_leaf)
        helpers = (
            list_schedule.rise,
            list_schedule.sink,
            list_schedule.urgency,
            list_schedule.describe,
            list_schedule.forward,
            list_schedule.backward,
            list_schedule.build,
            list_schedule.schedule,
            list_schedule.kinds_allowed,
            list_schedule.choose_kind,
            list_schedule.rotate,
        )
        if problem.is_compiled:
            self.improve = compiled(list_schedule.improve, *helpers)
            self.build = compiled(list_schedule.build)
            self.schedule = compiled(list_schedule.schedule, *helpers[:6])
        else:
            self.improve, self.build, self.schedule = list_schedule.improve, list_schedule.build, list_schedule.schedule

    def scheduled(self, tree: Any, root: int, best: Best, noise: int = 0) -> Any:
        """Schedule a tree, offer the plan, and return what the kernel makes of it."""
        problem = self.problem
        stage = self.stage
        if not problem.is_tabled:
            stage = (*stage[:2], _Along(self._costs_of(tree)), *stage[3:])
            schedule = list_schedule.schedule
        else:
            schedule = self.schedule
        length = plain(schedule(tree, root, noise, *stage, self.times, self.numbers))
        gaps = problem.factors - 1
        order = self.numbers[0]
        begun, costs = self.times[3], self.times[0]
        starts = {}
        for task in (int(order[at]) for at in range(int(order[-1]))):
            start = plain(begun[task])
            starts[task if task < gaps else ~(task - gaps)] = -length - start - plain(costs[task]) if length < 0 else start
        spans = np.array([list(tree[list_schedule.FIRST]), list(tree[list_schedule.LAST])], dtype=np.int32)
        kinds = np.array(list(tree[list_schedule.KIND]), dtype=np.int8)
        best.offer(timetable(problem.chain, problem.choices, problem.model, problem.workers, spans, kinds, starts), "heuristic")
        return abs(length)

    def of_table(self, table: int) -> int:
        """Build the whole tree of a table; return the gap at its top."""
        held = (self.tables.splits[table], self.tables.kinds[table])
        return int(self.build(self.trees[0], *held, 0, self.problem.factors, list_schedule.NONE, self.numbers[0]))

    def of_bracketing(self, bracketing: Bracketing) -> int:
        """Hold a bracketing; return the gap at its top."""
        tree = self.trees[0]
        kinds = [0] * (self.problem.factors - 1) if bracketing.kinds is None else bracketing.kinds.tolist()
        stack: list[tuple[int, int]] = []  # the first factor of each result, and its gap
        for first, split, last in bracketing.steps():
            right = stack.pop()[1] if last > split + 1 else list_schedule.NONE
            left = stack.pop()[1] if first < split else list_schedule.NONE
            for row, value in enumerate((list_schedule.NONE, left, right, first, last, kinds[split])):
                tree[row][split] = value
            for side in (left, right):
                if side != list_schedule.NONE:
                    tree[list_schedule.UP][side] = split
            stack.append((first, split))
        return stack[0][1]

    def copy(self, source: int, to: int) -> None:
        """Copy one of the trees to another."""
        for row, values in enumerate(self.trees[source]):
            self.trees[to][row][:] = values

    def _costs_of(self, tree: Any) -> list[Any]:
        from chainopt.bracketing import Bracketing

        spans = np.array([list(tree[list_schedule.FIRST]), list(tree[list_schedule.LAST])], dtype=np.int32)
        costs: list[Any] = products.along(self.problem.chain, Bracketing(spans), self.problem.model).tolist()
        return costs


class _Along:
    """The prices of the products of one tree, looked up as if there were a table of all."""

    def __init__(self, costs: list[Any], split: int | None = None) -> None:
        self.costs, self.split = costs, split

    def __getitem__(self, at: int) -> Any:
        return self if self.split == -1 else self.costs[at]


def search(problem: Problem, best: Best, effort: float = 1.0, quick: bool = True) -> None:
    """Look for good plans: those of the interval programs and the sweeps first, then what moves on their trees find."""
    programs = [(1, 1), (problem.workers, 1), (1, 0)]
    between = math.isqrt(problem.workers)
    programs += [(workers, 1) for workers in {2, between} if 1 < workers < problem.workers]
    tables = fill(problem, programs)
    best.raise_bound(tables.bound)
    trees = Search(problem, tables)
    starts = []
    for sweep in (forward, reverse):  # they come first: of plans that take as long the one of a pure mode is kept
        pure = sweep(problem.chain, problem.choices, problem.model)
        if pure is not None:
            trees.scheduled(trees.trees[0], trees.of_bracketing(pure[0]), best)
    for table in range(len(programs)):
        starts.append((trees.scheduled(trees.trees[0], trees.of_table(table), best), table))
    best.raise_bound(tables.bound)
    if best.is_optimal or not problem.is_tabled:
        return
    tasks = 2 * problem.factors
    rounds = max(FEWEST_ROUNDS, min(MOST_ROUNDS * problem.factors, int(SECONDS / RESTARTS / (tasks * SECONDS_PER_TASK))))
    rounds = int(rounds * effort) if problem.is_compiled else UNCOMPILED_ROUNDS // (RESTARTS * problem.factors)
    starts.sort()
    numbers = problem.numbers(5)
    lengths = problem.array(2)
    numbers[0] = SEED
    for restart in range(RESTARTS):
        numbers[1] = numbers[2] = trees.of_table(starts[restart % len(starts)][1])
        numbers[3] = numbers[4] = 0
        lengths[0] = lengths[1] = starts[restart % len(starts)][0]
        trees.copy(0, 2)
        _anneal(trees, best, rounds, numbers, lengths)
        if lengths[1] < best.makespan:
            trees.scheduled(trees.trees[2], int(numbers[2]), best, int(numbers[4]))
        if best.is_optimal or not best.goes_on():
            return


def _anneal(trees: Search, best: Best, rounds: int, numbers: Any, lengths: Any) -> None:
    """Try so many moves, in slices, between which it is looked at the clock."""
    problem = trees.problem
    tasks = 2 * problem.factors
    slices = max(1, math.ceil(rounds * tasks * SECONDS_PER_TASK / SLICE)) if problem.is_compiled else rounds
    for at in range(slices):
        threshold = THRESHOLD * (slices - at) / slices
        trees.improve(
            max(1, rounds // slices),
            threshold,
            best.bound,
            numbers,
            *trees.stage,
            trees.tables.splits,
            trees.tables.kinds,
            trees.trees[0],
            trees.trees[1],
            trees.trees[2],
            trees.times,
            trees.numbers,
            lengths,
        )
        if lengths[1] <= best.bound or not best.goes_on():
            return
