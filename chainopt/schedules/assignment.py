"""A bracketing and roughly when each operation starts, made into a schedule: who does what, and exactly when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import Accumulation
from chainopt.costs.operation_costs import steps_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chainopt.bracketing.operations import Operation
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices


class Timetable(NamedTuple):
    """A bracketing in the order of the starts; for each of its events who does it, and from when on; and when all is done."""

    bracketing: Bracketing
    workers: tuple[int, ...]
    starts: tuple[Any, ...]
    makespan: Any


def event_of(operation: Operation) -> int:
    """Return what an operation is called in the order of a bracketing: its gap, or ~k for the accumulation of factor k."""
    return ~operation.first if isinstance(operation, Accumulation) else operation.split


def operands(operation: Operation, by_first: Mapping[int, int], by_last: Mapping[int, int]) -> list[int]:
    """Return the events whose results an operation needs, given the last events whose results begin and end at a factor."""
    if isinstance(operation, Accumulation):
        return []
    left, right = by_last.get(operation.split), by_first.get(operation.split + 1)
    return [event for event in (left, right) if event is not None]


def timetable(
    chain: JacobianChain,
    choices: StageChoices,
    model: CostModel,
    workers: float,
    spans: Any,
    kinds: Any,
    starts: Mapping[int, Any],
) -> Timetable:
    """Give each operation a worker and its start, none later than in ``starts``, by event.

    Operations are taken in the order of the starts, those that take no time first: there is then a worker free for them. The
    worker is the one that made what is needed, if it is free in time: so a run stays with one.
    """
    bracketing = choices.bracketing(spans, kinds)
    steps = steps_of(chain, bracketing, model)
    needs: dict[int, list[int]] = {}
    by_first: dict[int, int] = {}
    by_last: dict[int, int] = {}
    cost = {}
    for step in steps:
        event = event_of(step)
        needs[event] = operands(step, by_first, by_last)
        cost[event] = step.cost
        by_first[step.first] = by_last[step.last] = event
    events = sorted(cost, key=lambda event: (starts[event], cost[event] > 0))
    free: list[Any] = []
    done: dict[int, Any] = {}
    worker_of: dict[int, int] = {}
    begun: dict[int, Any] = {}
    nothing = 0.0 if any(isinstance(value, float) for value in cost.values()) else 0
    for event in events:
        ready = max((done[need] for need in needs[event]), default=nothing)
        worker = next((worker_of[need] for need in needs[event] if free[worker_of[need]] <= ready), None)
        if worker is None:
            worker = next((at for at, time in enumerate(free) if time <= ready), None)
        if worker is None and len(free) < workers:
            worker = len(free)
            free.append(nothing)
        if worker is None:
            worker = min(range(len(free)), key=free.__getitem__)
        begun[event] = max(ready, free[worker])
        worker_of[event] = worker
        done[event] = free[worker] = begun[event] + cost[event]
    events.sort(key=begun.__getitem__)
    order = np.array(events, dtype=np.int32)
    return Timetable(
        Bracketing(bracketing.spans, bracketing.kinds, bracketing.ways, order),
        tuple(worker_of[event] for event in events),
        tuple(begun[event] for event in events),
        max(done.values(), default=nothing),
    )
