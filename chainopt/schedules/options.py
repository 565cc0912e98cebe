"""What can be done last to make each interval, and a bound on what its plans take: see `chainopt.kernels.bnb_options`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.kernels import bnb_options
from chainopt.kernels.policy import compiled
from chainopt.schedules.assignment import timetable
from chainopt.schedules.instance import plain

if TYPE_CHECKING:
    from chainopt.schedules.assignment import Timetable
    from chainopt.schedules.instance import Instance
    from chainopt.typing import Cost

ROOMS = {
    32: 33,
    64: 17,
    128: 9,
    200: 5,
}  # points of a front, and one, by factors; filling the fronts takes n^3 times their square
MOST_UNCOMPILED = 40  # factors, up to which filling them takes about a second


class Options:
    """The options of all intervals of an instance that is short enough, and their fronts, in columns."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.room = next(room for most, room in ROOMS.items() if instance.factors <= most)
        width = instance.factors + 1
        most = instance.factors * width * width // 6 + 2 * width * width
        self.begins, self.ends, self.counts = (instance.positions(width * width) for _ in range(3))
        self.costs, self.least = instance.times(most), instance.times(most)
        self.lefts, self.rights, self.joins = (instance.positions(most) for _ in range(3))
        self.times, self.works = (instance.times(width * width * self.room) for _ in range(2))
        fill: Any = bnb_options.list_options
        fill = compiled(fill, bnb_options.keep) if instance.is_compiled else fill
        fill(
            instance.factors,
            instance.workers,
            self.room,
            instance.sizes,
            instance.prices,
            instance.push,
            instance.pull,
            instance.leaves,
            self.begins,
            self.ends,
            self.costs,
            self.lefts,
            self.rights,
            self.joins,
            self.least,
            self.counts,
            self.times,
            self.works,
        )

    @staticmethod
    def can_hold(instance: Instance) -> bool:
        """Whether an instance is short enough."""
        return instance.factors <= (max(ROOMS) if instance.is_compiled else MOST_UNCOMPILED)

    @property
    def bound(self) -> Any:
        """The least that any plan of the whole chain takes."""
        return self.instance.share(plain(self.times[self.instance.factors * self.room]))

    def bound_of(self, option: int) -> Any:
        """Return the least that any plan takes with this option, or a later one, at its root."""
        return self.instance.share(plain(self.least[option]))

    def timetable(self, intervals: list[int], chosen: list[int]) -> Timetable:
        """Return the plan that makes intervals by options, from the last operation back in time."""
        instance = self.instance
        factors, width = instance.factors, instance.factors + 1
        spans, joins = np.zeros((2, factors - 1), dtype=np.int32), np.zeros(factors - 1, dtype=np.int8)
        zero = instance.clock.zero
        free: list[Any] = [zero] * instance.workers
        releases: dict[int, Any] = {factors: zero}
        ends: dict[int, Any] = {}

        def place(number: int, option: int, end: Cost) -> None:
            begin, stop = divmod(number, width)
            left, right, join = (int(column[option]) for column in (self.lefts, self.rights, self.joins))
            split = right // width if right >= 0 else left % width
            if stop - begin == 1:
                ends[~begin] = end
            else:
                spans[:, split - 1] = begin, stop - 1
                joins[split - 1] = join
                ends[split - 1] = end
            for side in (left, right):
                if side >= 0:
                    releases[side] = end

        for number, option in zip(intervals, chosen, strict=True):
            start = max(free[0], releases.pop(number))
            free[0] = start + plain(self.costs[option])
            place(number, option, free[0])
            free.sort()
        while releases:  # what costs nothing is made when it is needed
            number, end = releases.popitem()
            place(number, int(self.begins[number]), end)
        longest = max(free)
        return timetable(instance, spans, joins, {event: longest - end for event, end in ends.items()})
