"""A bracketing and roughly when each operation starts, made into a timetable: who does what, and exactly when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import Accumulation
from chainopt.bracketing.schedule import Schedule
from chainopt.costs.operation_costs import steps_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from chainopt.bracketing.operations import Operation
    from chainopt.schedules.instance import Instance
    from chainopt.typing import Cost


class Timetable(NamedTuple):
    """A bracketing in the order of the starts; for each of its events the worker and the start; and when all is done."""

    bracketing: Bracketing
    workers: tuple[int, ...]
    starts: tuple[Any, ...]
    makespan: Cost

    def schedule(self, instance: Instance) -> Schedule:
        """Return who does what when, in costs instead of times."""
        cost = instance.clock.cost
        return Schedule(instance.problem.workers, self.workers, tuple(map(cost, self.starts)), cost(self.makespan))


def event_of(operation: Operation) -> int:
    """Return an operation's number in the order of a bracketing: its gap, or ~k for the accumulation of factor k."""
    return ~operation.first if isinstance(operation, Accumulation) else operation.split


def timetable(instance: Instance, spans: NDArray[np.int32], joins: NDArray[np.int8], starts: Mapping[int, Any]) -> Timetable:
    """Give each operation a worker and its start.

    Parameters
    ----------
    instance : Instance
        What is planned.
    spans, joins : arrays
        The bracketing: what the result at each gap spans, and how its sides are joined.
    starts : mapping
        When each event starts in a schedule without assigned workers; here it starts no later.

    Notes
    -----
    Operations are taken in the order of the starts, those that take no time first: there is then a worker free for them. The
    worker is the one that made what is needed, if it is free in time, so that a run stays with one worker.
    """
    bracketing = instance.choices.bracketing(spans, joins)
    operands, times = _tasks(instance, bracketing)
    free: list[Any] = []
    ends: dict[int, Any] = {}
    worker_of: dict[int, int] = {}
    begins: dict[int, Any] = {}
    zero = instance.clock.zero
    for event in _in_order(instance, operands, times, starts):
        ready = max((ends[operand] for operand in operands[event]), default=zero)
        worker = next((worker_of[operand] for operand in operands[event] if free[worker_of[operand]] <= ready), None)
        if worker is None:
            worker = next((idle for idle, since in enumerate(free) if since <= ready), None)
        if worker is None and len(free) < instance.workers:
            worker = len(free)
            free.append(zero)
        if worker is None:
            worker = min(range(len(free)), key=free.__getitem__)
        begins[event] = max(ready, free[worker])
        worker_of[event] = worker
        ends[event] = free[worker] = begins[event] + times[event]
    events = sorted(begins, key=begins.__getitem__)
    return Timetable(
        Bracketing(bracketing.spans, bracketing.kinds, bracketing.ways, np.array(events, dtype=np.int32)),
        tuple(worker_of[event] for event in events),
        tuple(begins[event] for event in events),
        max(ends.values(), default=zero),
    )


def _tasks(instance: Instance, bracketing: Bracketing) -> tuple[dict[int, list[int]], dict[int, Any]]:
    """Return, for each event, listed after those that it needs, the events whose results it needs, and how long it takes."""
    operands: dict[int, list[int]] = {}
    times: dict[int, Any] = {}
    by_first: dict[int, int] = {}  # the last event so far whose result begins with a factor, and ends with one
    by_last: dict[int, int] = {}
    for step in steps_of(instance.problem.chain, bracketing, instance.problem.model):
        event = event_of(step)
        sides = () if event < 0 else (by_last.get(event), by_first.get(event + 1))
        operands[event] = [side for side in sides if side is not None]
        times[event] = step.cost
        by_first[step.first] = by_last[step.last] = event
    if not instance.clock.tells_costs:
        times = {event: instance.clock.time(cost) for event, cost in times.items()}
    return operands, times


def _in_order(
    instance: Instance, operands: Mapping[int, list[int]], times: Mapping[int, Any], starts: Mapping[int, Any]
) -> list[int]:
    """Sort events by their starts, those that take no time first; `timetable` says what the arguments are."""
    keys = {event: (starts[event], time > 0) for event, time in times.items()}
    if instance.clock.rounds:  # what is needed goes first, even where rounding says that it starts later
        for event, needed in operands.items():
            keys[event] = max([keys[event], *(keys[operand] for operand in needed)])
    return sorted(keys, key=keys.__getitem__)
