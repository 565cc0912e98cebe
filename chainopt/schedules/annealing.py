"""Good plans for several workers, of chains of any length: see `chainopt.kernels.annealing`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.costs import product_tables
from chainopt.kernels import annealing
from chainopt.kernels.policy import compiled
from chainopt.schedules import branch_and_bound
from chainopt.schedules.assignment import timetable
from chainopt.schedules.incumbent import Best
from chainopt.schedules.interval_tables import ONE_WORKER, ROWS, UNLIMITED, Program, fill, plain
from chainopt.schedules.lower_bound import quick_bound
from chainopt.schedules.problem import begun_as, with_choices
from chainopt.solvers.pure_modes import forward, reverse

if TYPE_CHECKING:
    from chainopt.schedules.assignment import Timetable
    from chainopt.schedules.interval_tables import Tables
    from chainopt.schedules.problem import Problem

SEED = 4711
RESTARTS = 4
THRESHOLD = 0.015
SECONDS_PER_TASK = 1.5e-7  # of one move, compiled
SECONDS, MOST_ROUNDS, FEWEST_ROUNDS = 1.0, 1_200, 100
UNCOMPILED_ROUNDS = 3_000  # divided by the number of factors
SLICE = 0.1
QUARTERS = (4, 6, 8, 10)  # of a worker's share of the work, up to which one worker does an interval alone
FIRST_STEPS, LAST_STEPS, UNCOMPILED_STEPS = 30_000, 300_000, 500  # of the short searches of all plans


class Search:
    """Trees of one problem, scheduled and changed; its arrays are used again and again."""

    def __init__(self, problem: Problem, tables: Tables | None) -> None:
        self.problem, self.tables = problem, tables
        gaps = problem.factors - 1
        self.times = problem.array(6, 3 * gaps + 9)
        self.numbers = problem.numbers(5, 3 * gaps + 9)
        self.trees = [problem.numbers(annealing.ROWS, gaps) for _ in range(3)]
        self.stage = (
            problem.workers,
            problem.sizes,
            problem.prices,
            problem.push,
            problem.pull,
            problem.leaves,
            problem.has_leaf,
        )
        helpers = (
            annealing.heap_insert,
            annealing.heap_pop,
            annealing.urgency,
            annealing.describe,
            annealing.forward,
            annealing.backward,
            annealing.build,
            annealing.schedule,
            annealing.joins_allowed,
            annealing.choose_join,
            annealing.rotate,
            annealing.copy,
        )
        if problem.is_compiled:
            self.improve = compiled(annealing.improve, *helpers)
            self.build = compiled(annealing.build)
            self.schedule = compiled(annealing.schedule, *helpers[:6])
        else:
            self.improve, self.build, self.schedule = annealing.improve, annealing.build, annealing.schedule

    def scheduled(self, tree: Any, root: int, best: Best, noise: int = 0) -> Any:
        """Schedule a tree, offer the plan, and return what the kernel makes of it."""
        problem = self.problem
        stage = problem.stage
        if not problem.is_tabled:
            stage = (stage[0], _Anywhere(self._prices_of(tree)), *stage[2:])
            schedule = annealing.schedule
        else:
            schedule = self.schedule
        length = plain(schedule(tree, root, noise, problem.workers, stage, self.times, self.numbers))
        gaps = problem.factors - 1
        order = self.numbers[0]
        begun, costs = self.times[3], self.times[0]
        starts = {}
        for task in (int(order[at]) for at in range(int(order[-1]))):
            start = plain(begun[task])
            starts[task if task < gaps else ~(task - gaps)] = -length - start - plain(costs[task]) if length < 0 else start
        spans = np.array([list(tree[annealing.FIRST]), list(tree[annealing.LAST])], dtype=np.int32)
        kinds = np.array(list(tree[annealing.JOIN]), dtype=np.int8)
        best.offer(timetable(problem.chain, problem.choices, problem.model, problem.workers, spans, kinds, starts))
        return abs(length)

    def scheduled_tables(self, best: Best, begin: int, end: int) -> list[tuple[Any, int]]:
        """Offer the plans of tables, and return their makespans, each with its table."""
        return [(self.scheduled(self.trees[0], self.of_table(table), best), table) for table in range(begin, end)]

    def of_table(self, table: int) -> int:
        """Build the whole tree of a table; return the gap at its top."""
        assert self.tables is not None
        held = (self.tables.splits[table], self.tables.kinds[table])
        return int(self.build(self.trees[0], *held, 0, self.problem.factors, annealing.NONE, self.numbers[0]))

    def of_bracketing(self, bracketing: Bracketing) -> int:
        """Hold a bracketing; return the gap at its top."""
        tree = self.trees[0]
        kinds = [0] * (self.problem.factors - 1) if bracketing.kinds is None else bracketing.kinds.tolist()
        stack: list[tuple[int, int]] = []  # the first factor of each result, and its gap
        for first, split, last in bracketing.steps():
            right = stack.pop()[1] if last > split + 1 else annealing.NONE
            left = stack.pop()[1] if first < split else annealing.NONE
            for row, value in enumerate((annealing.NONE, left, right, first, last, kinds[split])):
                tree[row][split] = value
            for side in (left, right):
                if side != annealing.NONE:
                    tree[annealing.PARENT][side] = split
            stack.append((first, split))
        return stack[0][1]

    def copy(self, source: int, to: int) -> None:
        """Copy one of the trees to another."""
        annealing.copy(self.trees[source], self.trees[to])

    def _prices_of(self, tree: Any) -> list[Any]:
        """Return the prices of the products of a tree, by split, looked up as if there were a table of all."""
        spans = np.array([list(tree[annealing.FIRST]), list(tree[annealing.LAST])], dtype=np.int32)
        costs = product_tables.along(self.problem.chain, Bracketing(spans), self.problem.model).tolist()
        return [None, *map(_Anywhere, costs)]


class _Anywhere:
    """What holds the same wherever it is looked up."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __len__(self) -> int:
        return 1

    def __getitem__(self, at: int) -> Any:
        return self.value


def search(problem: Problem, best: Best, *, by_moves_only: bool = False) -> None:
    """Look for good plans.

    The sweeps come first: of plans that take as long the one of a pure mode is kept. Then those of the interval programs; what a
    short search of all plans finds, for short chains the best there is; what moves on trees find; and such a search from there.
    The short searches are left out where another proof is to stand on its own.
    """
    workers = problem.workers
    programs = [ONE_WORKER, Program(workers), UNLIMITED]
    trees, starts = _begin(problem, best, programs)
    if not best.is_proved() and best.goes_on():
        assert trees.tables is not None
        whole = plain(trees.tables.work[0][problem.factors])
        mixed = [Program(workers, 1, whole * part // (4 * workers)) for part in QUARTERS]
        trees.tables = fill(problem, mixed, best, trees.tables)
        starts += trees.scheduled_tables(best, len(programs), len(programs) + len(mixed))
        starts.sort()
    if best.is_proved() or not problem.is_tabled or not best.goes_on():
        return
    options = None
    if problem.factors <= branch_and_bound.MOST_FACTORS and not by_moves_only:
        options = branch_and_bound.Options(problem)
        branch_and_bound.search(problem, best, FIRST_STEPS if problem.is_compiled else UNCOMPILED_STEPS, options)
    for restart in range(RESTARTS):
        if best.is_proved() or not best.goes_on():
            return
        _anneal(trees, best, *starts[restart % len(starts)], SEED + restart)
    if options is not None and problem.is_compiled and not best.is_proved() and best.goes_on():
        branch_and_bound.search(problem, best, LAST_STEPS, options)


def unlimited(problem: Problem, best: Best) -> None:
    """Find the plan with the shortest longest path: with as many workers as one likes nothing else counts."""
    _begin(problem, best, [ONE_WORKER, UNLIMITED])
    best.raise_bound(best.makespan)


def of_bracketing(problem: Problem, bracketing: Bracketing) -> Timetable:
    """Schedule a bracketing as it stands."""
    best = Best(math.inf)
    trees = Search(problem, None)
    trees.scheduled(trees.trees[0], trees.of_bracketing(bracketing), best)
    assert best.timetable is not None
    return best.timetable


def _begin(problem: Problem, best: Best, programs: list[Program]) -> tuple[Search, list[tuple[Any, int]]]:
    """Offer the sweeps and the plans of interval programs; return the latter's makespans with their tables, the best first."""
    trees = Search(problem, None)
    bound, cheapest = quick_bound(problem)
    best.raise_bound(bound)
    for sweep in (forward, reverse):
        pure = sweep(problem.chain, problem.choices, problem.model)
        if pure is not None:
            choices = begun_as(pure[0], problem.chain, problem.choices, problem.model)
            swept = trees if choices is problem.choices else Search(with_choices(problem, choices), None)
            swept.scheduled(swept.trees[0], swept.of_bracketing(pure[0]), best)
    if cheapest is not None and problem.factors > ROWS:  # the programs may take longer than there is time
        trees.scheduled(trees.trees[0], trees.of_bracketing(cheapest), best)
    trees.tables = fill(problem, programs, best)
    starts = trees.scheduled_tables(best, 0, len(programs))
    best.raise_bound(trees.tables.bound)
    return trees, sorted(starts)


def _anneal(trees: Search, best: Best, length: Any, table: int, seed: int) -> None:
    """Try moves from the tree of a table on, in slices, between which it is looked at the clock."""
    problem, tables = trees.problem, trees.tables
    assert tables is not None
    tasks = 2 * problem.factors
    rounds = max(FEWEST_ROUNDS, min(MOST_ROUNDS * problem.factors, int(SECONDS / RESTARTS / (tasks * SECONDS_PER_TASK))))
    slices = math.ceil(rounds * tasks * SECONDS_PER_TASK / SLICE)
    if not problem.is_compiled:
        rounds = slices = max(1, UNCOMPILED_ROUNDS // (RESTARTS * problem.factors))
    top = trees.of_table(table)
    trees.copy(0, 2)
    numbers, lengths = problem.numbers(5), problem.array(2)
    numbers[:3] = seed, top, top
    lengths[0] = lengths[1] = length
    try:
        for at in range(slices):
            threshold = THRESHOLD * (slices - at) / slices
            options = (
                rounds // slices,
                threshold,
                best.bound,
                numbers,
                problem.workers,
                problem.stage,
                tables.splits,
                tables.kinds,
            )
            trees.improve(*options, *trees.trees, trees.times, trees.numbers, lengths)
            if lengths[1] <= best.bound or not best.goes_on():
                return
    finally:  # what was found when the user interrupted, too
        if lengths[1] < best.makespan:
            trees.scheduled(trees.trees[2], int(numbers[2]), best, int(numbers[4]))
