"""The problem of several workers as OR-Tools CP-SAT takes it: an optional interval of time for each interval of the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.operations import ACCUMULATED, PRODUCT
from chainopt.costs.operation_costs import steps_of
from chainopt.schedules.assignment import event_of, timetable

if TYPE_CHECKING:
    from types import ModuleType

    from chainopt.costs.last_operations import LastOperation
    from chainopt.schedules.assignment import Timetable
    from chainopt.schedules.incumbent import Incumbent
    from chainopt.schedules.instance import Instance

    Interval = tuple[int, int]


class Model:
    """Which intervals of the chain are made, by which operation, and when.

    Parameters
    ----------
    cp : module
        ``ortools.sat.python.cp_model``.
    instance : Instance
        What is planned; its times must be ints.
    incumbent : Incumbent
        Its plan is where the solver begins, and its makespan and bound enclose what it looks for.
    """

    def __init__(self, cp: ModuleType, instance: Instance, incumbent: Incumbent) -> None:
        self.instance = instance
        self.model = cp.CpModel()
        self.horizon = incumbent.makespan
        self.starts: dict[Interval, Any] = {}
        self.ends: dict[Interval, Any] = {}
        self.is_made: dict[Interval, Any] = {}
        self.chosen: dict[tuple[Interval, int, int], Any] = {}  # by how an interval's sides are joined, and where it is split
        self._needed_by: dict[Interval, list[Any]] = {}
        self._durations: list[Any] = []
        self._intervals: list[Any] = []
        factors = instance.factors
        operations = instance.problem.operations
        last_operations = {(i, j): operations.of(i, j) for i in range(factors) for j in range(i + 1, factors + 1)}
        for interval in sorted(last_operations, key=lambda ends: (ends[1] - ends[0], ends)):
            self._add_interval(interval, last_operations[interval])
        for interval, is_made in self.is_made.items():
            is_needed = 1 if interval == (0, factors) else sum(self._needed_by.get(interval, []))
            self.model.add(is_made == is_needed)
        makespan = self.model.new_int_var(incumbent.bound, self.horizon, "makespan")
        # Without the work bound next to nothing is proved on two workers.
        self.model.add_cumulative(self._intervals, [1] * len(self._intervals), instance.workers)
        self.model.add(sum(self._durations) <= instance.workers * makespan)
        self.model.add(makespan == self.ends[0, factors])
        self.model.minimize(makespan)
        assert incumbent.timetable is not None
        self._begin_with(incumbent.timetable)

    def _add_interval(self, interval: Interval, operations: list[LastOperation]) -> None:
        """Add the variables of an interval, whose sides have been added, and what can be done last to make it."""
        model, clock = self.model, self.instance.clock
        is_made = model.new_bool_var("is made {} {}".format(*interval))
        start, end = (model.new_int_var(0, self.horizon, "") for _ in range(2))
        times = [clock.time(operation.cost) for operation in operations]
        duration = model.new_int_var(0, max(times), "")
        choices = [model.new_bool_var("") for _ in operations]
        model.add_exactly_one([*choices, is_made.negated()])
        model.add(duration == sum(time * choice for time, choice in zip(times, choices, strict=True)))
        self._intervals.append(model.new_optional_interval_var(start, duration, end, is_made, ""))
        self._durations.append(duration)
        for operation, choice in zip(operations, choices, strict=True):
            self.chosen[interval, operation.kind, operation.split] = choice
            for side in operation.operands(*interval):
                self._needed_by.setdefault(side, []).append(choice)
                model.add(start >= self.ends[side]).only_enforce_if(choice)
        self.starts[interval], self.ends[interval], self.is_made[interval] = start, end, is_made

    def _begin_with(self, plan: Timetable) -> None:
        """Hint at a plan."""
        problem, bracketing = self.instance.problem, plan.bracketing
        starts = dict(zip([] if bracketing.order is None else bracketing.order.tolist(), plan.starts, strict=True))
        of_plan = set()
        for step in steps_of(problem.chain, bracketing, problem.model):
            interval = step.first, step.last + 1
            of_plan.add(interval)
            self.model.add_hint(self.starts[interval], starts[event_of(step)])
            join, split = ACCUMULATED, step.first
            if step.first < step.last:
                split = event_of(step) + 1
                join = PRODUCT if bracketing.kinds is None else int(bracketing.kinds[split - 1])
            self.model.add_hint(self.chosen[interval, join, split], 1)
        for interval, is_made in self.is_made.items():
            self.model.add_hint(is_made, int(interval in of_plan))

    def timetable(self, solver: Any) -> Timetable:
        """Return the plan that the solver holds."""
        gaps = self.instance.factors - 1
        spans, joins = np.zeros((2, gaps), dtype=np.int32), np.zeros(gaps, dtype=np.int8)
        starts = {}
        for (interval, join, split), choice in self.chosen.items():
            if solver.value(choice):
                starts[~split if join == ACCUMULATED else split - 1] = solver.value(self.starts[interval])
                if join != ACCUMULATED:
                    spans[:, split - 1] = interval[0], interval[1] - 1
                    joins[split - 1] = join
        return timetable(self.instance, spans, joins, starts)
