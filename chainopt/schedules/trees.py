"""Bracketings as trees that can be scheduled, and changed by moves: see `chainopt.kernels.list_schedule`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.costs import product_tables
from chainopt.kernels import annealing, heap, list_schedule, tree_moves
from chainopt.kernels.list_schedule import FIRST, JOIN, LAST, NONE, PARENT, ROWS
from chainopt.kernels.policy import compiled
from chainopt.schedules.assignment import timetable
from chainopt.schedules.instance import plain

if TYPE_CHECKING:
    from chainopt.schedules.incumbent import Incumbent
    from chainopt.schedules.instance import Instance
    from chainopt.schedules.interval_tables import Tables

LISTING = (
    heap.heap_insert,
    heap.heap_pop,
    list_schedule.urgency,
    list_schedule.describe,
    list_schedule.forward,
    list_schedule.backward,
)
MOVING = (
    tree_moves.build,
    list_schedule.schedule,
    tree_moves.joins_allowed,
    tree_moves.choose_join,
    tree_moves.rotate,
    tree_moves.copy,
)


class Trees:
    """Three trees of an instance, the one that is changed, the one before and the best; their arrays are used again and again.

    Parameters
    ----------
    instance : Instance
        What is planned.
    incumbent : Incumbent
        Receives every plan.
    tables : Tables, optional
        Those of interval programs, from which trees are built.
    """

    def __init__(self, instance: Instance, incumbent: Incumbent, tables: Tables | None = None) -> None:
        self.instance, self.incumbent, self.tables = instance, incumbent, tables
        gaps = instance.factors - 1
        self.times = instance.times(6, 3 * gaps + 9)
        self.numbers = instance.positions(5, 3 * gaps + 9)
        self.trees = [instance.positions(ROWS, gaps) for _ in range(3)]
        self.improve: Any = annealing.improve
        self.build: Any = tree_moves.build
        self.schedule: Any = list_schedule.schedule
        if instance.is_compiled:
            self.improve = compiled(annealing.improve, *LISTING, *MOVING)
            self.build = compiled(tree_moves.build)
            self.schedule = compiled(list_schedule.schedule, *LISTING)

    def schedule_tree(self, tree: Any, root: int, noise: int = 0) -> Any:
        """Schedule a tree, offer the plan, and return what it takes.

        Parameters
        ----------
        tree : rows of ints
            As `chainopt.kernels.list_schedule` holds it.
        root : int
            The gap at its top.
        noise : int
            The random weight of its paths; 0 leaves them as they are.
        """
        instance = self.instance
        columns, schedule = instance.columns, self.schedule
        if not instance.is_tabled:
            columns, schedule = (columns[0], _Anywhere(self._prices_of(tree)), *columns[2:]), list_schedule.schedule
        length = plain(schedule(tree, root, noise, instance.workers, columns, self.times, self.numbers))
        incumbent = self.incumbent
        if length >= 0 and incumbent.timetable is not None and length >= incumbent.makespan:
            return length  # forward in time nothing waits without need: no timetable takes less
        gaps = instance.factors - 1
        order, begins, costs = self.numbers[0], self.times[3], self.times[0]
        starts = {}
        for task in map(int, order[: int(order[-1])]):
            begin = plain(begins[task])
            starts[task if task < gaps else ~(task - gaps)] = -length - begin - plain(costs[task]) if length < 0 else begin
        spans = np.array([list(tree[FIRST]), list(tree[LAST])], dtype=np.int32)
        joins = np.array(list(tree[JOIN]), dtype=np.int8)
        incumbent.offer(timetable(instance, spans, joins, starts))
        return abs(length)

    def schedule_tables(self, begin: int, end: int) -> list[tuple[Any, int]]:
        """Offer the plans of the tables ``begin..end-1``, and return their makespans, each with its table."""
        return [(self.schedule_tree(self.trees[0], self.build_table(table)), table) for table in range(begin, end)]

    def schedule_bracketing(self, bracketing: Bracketing) -> None:
        """Offer a bracketing as it stands."""
        self.schedule_tree(self.trees[0], self.build_bracketing(bracketing))

    def build_table(self, table: int) -> int:
        """Build the whole tree of a table; return the gap at its top."""
        assert self.tables is not None
        splits, joins = self.tables.splits[table], self.tables.joins[table]
        factors = self.instance.factors
        return int(self.build(self.trees[0], splits, joins, 0, factors, NONE, self.numbers[0]))

    def build_bracketing(self, bracketing: Bracketing) -> int:
        """Build the tree of a bracketing; return the gap at its top."""
        tree = self.trees[0]
        joins = [0] * (self.instance.factors - 1) if bracketing.kinds is None else bracketing.kinds.tolist()
        stack: list[tuple[int, int]] = []  # the first factor of each result, and its gap
        for first, split, last in bracketing.steps():
            right = stack.pop()[1] if last > split + 1 else NONE
            left = stack.pop()[1] if first < split else NONE
            for row, value in enumerate((NONE, left, right, first, last, joins[split])):
                tree[row][split] = value
            for side in (left, right):
                if side != NONE:
                    tree[PARENT][side] = split
            stack.append((first, split))
        return stack[0][1]

    def _prices_of(self, tree: Any) -> list[Any]:
        """Return the prices of the products of a tree, by split, as if there were a table of all."""
        spans = np.array([list(tree[FIRST]), list(tree[LAST])], dtype=np.int32)
        problem = self.instance.problem
        costs = product_tables.along(problem.chain, Bracketing(spans), problem.model).tolist()
        return [None, *map(_Anywhere, costs)]


class _Anywhere:
    """A sequence of one value, which is that of every index."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        return self.value
