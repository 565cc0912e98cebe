"""Who does what when: what a plan for several workers holds beside its bracketing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainopt.bracketing.operations import Accumulation, Pullback, Pushforward

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chainopt.bracketing.operations import Operation
    from chainopt.typing import Cost, PlainDict

ROUNDING = 1e-9  # of the whole makespan: times in seconds are sums, whose last digits depend on the order


@dataclass(frozen=True, slots=True)
class Schedule:
    """A worker and a start for each step of a bracketing, in its order; each push and pull through a single stage is a step.

    Attributes
    ----------
    workers : int or float
        How many workers there are; infinity for an unlimited number.
    worker : tuple of int
        Who does each step.
    start : tuple of int, or of float
        When the step begins.
    makespan : int or float
        When the last one ends.
    """

    workers: float
    worker: tuple[int, ...]
    start: tuple[Cost, ...]
    makespan: Cost

    def steps(self, steps: Iterable[Operation]) -> list[Operation]:
        """Give the steps their workers and starts."""
        return [_placed(*step) for step in zip(steps, self.worker, self.start, strict=True)]

    def operations(self, steps: Iterable[Operation]) -> Iterator[Operation]:
        """Give the steps their workers and starts; what one worker pushes or pulls on without a break is one run."""
        done: dict[tuple[int, int], int] = {}
        latest: dict[int, int] = {}  # of each worker: what takes no time may stand between two steps without a gap
        placed: list[Operation] = []
        for step, worker, start in zip(steps, self.worker, self.start, strict=True):
            index = done.get(_operand(step), -1)
            run = placed[index] if index >= 0 and latest.get(worker) == index else None
            merged = None if run is None else _merged(run, step, worker, start)
            if merged is None:
                index = len(placed)
                placed.append(_placed(step, worker, start))
            else:
                placed[index] = merged
            done[step.first, step.last] = latest[worker] = index
        return iter(placed)

    def to_dict(self) -> PlainDict:
        """Return the schedule as numbers, lists and, for unlimited workers, a string."""
        workers = "unlimited" if math.isinf(self.workers) else self.workers
        return {"workers": workers, "worker": list(self.worker), "start": list(self.start), "makespan": self.makespan}


def _operand(step: Operation) -> tuple[int, int]:
    """Return the factors spanned by the matrix that a step pushes or pulls."""
    if isinstance(step, Pushforward):
        return step.split + 1, step.last
    if isinstance(step, Pullback):
        return step.first, step.split
    return -1, -1


def _placed(step: Operation, worker: int, start: Cost) -> Operation:
    if isinstance(step, Accumulation):
        return Accumulation(step.first, step.last, step.mode, step.cost, worker, start)
    return type(step)(step.first, step.split, step.last, step.cost, worker, start)


def _merged(run: Operation, step: Operation, worker: int, start: Cost) -> Operation | None:
    if run.start is None or type(run) is not type(step) or run.worker != worker or run.start + run.cost != start:
        return None
    cost = run.cost + step.cost
    if isinstance(step, Pushforward) and isinstance(run, Pushforward):
        return Pushforward(step.first, run.split, step.last, cost, worker, run.start)
    if isinstance(step, Pullback) and isinstance(run, Pullback):
        return Pullback(step.first, run.split, step.last, cost, worker, run.start)
    return None


def contradiction(operations: Sequence[Operation], workers: float, makespan: Cost) -> str | None:
    """Say what is wrong with scheduled operations; None if nothing is.

    Parameters
    ----------
    operations : sequence of Operation
        With their workers and starts, in the order of the starts.
    workers : int or float
        How many workers there are.
    makespan : int or float
        When the last of the operations is said to end.
    """
    slack = ROUNDING * makespan if isinstance(makespan, float) else 0
    ends: dict[tuple[int, int], Any] = {}
    busy: dict[int, list[tuple[Any, Any]]] = {}
    for operation in operations:
        worker, start = operation.worker, operation.start
        assert worker is not None
        assert start is not None
        if not 0 <= worker < workers:
            return f"worker {worker} is none of {workers}"
        end = start + operation.cost
        if start < 0 or end > makespan + slack:
            return f"an operation runs from {start} to {end}, and the makespan is {makespan}"
        split = getattr(operation, "split", None)
        if split is not None:
            for side in ((operation.first, split), (split + 1, operation.last)):
                if ends.get(side, 0) > start + slack:
                    return f"an operation starts at {start}, before what it needs is done at {ends[side]}"
        ends[operation.first, operation.last] = end
        busy.setdefault(worker, []).append((start, end))
    for worker, times in busy.items():
        times.sort()
        until: Any = 0
        for start, end in times:
            if start < until - slack:
                return f"worker {worker} has two operations at {start}"
            until = max(until, end)
    last = max(ends.values(), default=0)
    if not makespan - slack <= last <= makespan + slack:
        return f"its last operation ends at {last}, and the makespan is {makespan}"
    return None
