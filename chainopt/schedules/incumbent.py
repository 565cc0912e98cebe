"""The best plan so far, and the lower bound: what the searches hand on to each other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.schedules.assignment import Timetable
    from chainopt.typing import Cost


class TimeIsOverError(Exception):
    """The time is over in the middle of something that can only be left by an error."""


@dataclass(slots=True)
class Incumbent:
    """A plan that gets better, its lower bound that rises, and the time that is left.

    Parameters
    ----------
    until : float
        When to stop, by `time.monotonic`.
    rounding : float
        The share by which sums of times may be wrong: 0 where they are ints. Bounds are lowered by it, so that they remain
        bounds; a plan better by at most twice that counts as equal.
    show : callable, optional
        Called with the makespan and the bound whenever a search has gone on for a while.
    timetable : Timetable, optional
        The best plan so far.
    bound : int or float
        The least that any plan takes.
    """

    until: float
    rounding: float = 0.0
    show: Callable[[Any, Any], None] | None = None
    timetable: Timetable | None = None
    bound: Cost = 0

    def offer(self, timetable: Timetable) -> None:
        """Keep a plan if it is better than the best."""
        if self.timetable is None or timetable.makespan < self.timetable.makespan:
            self.timetable = timetable

    def raise_bound(self, bound: Cost) -> None:
        """Take note of a lower bound."""
        if self.rounding:
            bound *= 1 - self.rounding
        self.bound = max(self.bound, bound)
        if self.timetable is not None:
            self.bound = min(self.bound, self.timetable.makespan)

    def close(self) -> None:
        """Take note that no plan is better."""
        self.raise_bound(self.makespan)

    @property
    def makespan(self) -> Any:
        """What the best plan takes."""
        assert self.timetable is not None
        return self.timetable.makespan

    def is_proved(self) -> bool:
        """Whether no plan can be better, but for rounding."""
        makespan = self.makespan
        return bool((makespan * (1 - 2 * self.rounding) if self.rounding else makespan) <= self.bound)

    @property
    def target(self) -> Any:
        """The most that a better plan may take."""
        return self.makespan * (1 - self.rounding) if self.rounding else self.makespan - 1

    def tell(self, makespan: Cost, bound: Cost) -> None:
        """Show the progress of a search, if ``show`` is given."""
        if self.show is not None:
            self.show(makespan, bound)

    def check_time(self) -> None:
        """Raise `TimeIsOverError` if the time is over and there is a plan."""
        if self.timetable is not None and not self.goes_on():
            raise TimeIsOverError

    def goes_on(self) -> bool:
        """Whether time is left; also shows the progress."""
        self.tell(self.makespan, self.bound)
        return time.monotonic() < self.until
