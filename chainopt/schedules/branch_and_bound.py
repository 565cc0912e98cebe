"""The best plan for several workers, and that it is the best: see `chainopt.kernels.bnb_search`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.kernels import bnb_options, bnb_search
from chainopt.kernels.policy import compiled
from chainopt.schedules.assignment import timetable
from chainopt.schedules.interval_tables import plain

if TYPE_CHECKING:
    from chainopt.schedules.incumbent import Best
    from chainopt.schedules.problem import Problem

ROOMS = {
    32: 33,
    64: 17,
    128: 9,
    200: 5,
}  # points of a front, and one, by factors; filling the fronts takes n^3 times their square
MOST_FACTORS = max(ROOMS)
WAYS = 4  # states that share a place in the memory
MEMORY = 2**28  # bytes for states seen, of which only those are touched that are used
MOST_PLACES = 2**18
STEPS = 500_000  # of a slice, between which it is looked at the clock
UNCOMPILED_STEPS = 2_000


class Options:
    """What can be done last to make each interval, and its fronts."""

    def __init__(self, problem: Problem) -> None:
        self.room = next(room for most, room in ROOMS.items() if problem.factors <= most)
        width = problem.factors + 1
        most = problem.factors * width * width // 6 + 2 * width * width
        self.begins, self.ends, self.counts = (problem.numbers(width * width) for _ in range(3))
        self.costs, self.least = problem.array(most), problem.array(most)
        self.lefts, self.rights, self.kinds = (problem.numbers(most) for _ in range(3))
        self.times, self.works = (problem.array(width * width * self.room) for _ in range(2))
        fill = bnb_options.list_options
        fill = compiled(fill, bnb_options.keep) if problem.is_compiled else fill
        fill(
            problem.factors,
            problem.workers,
            self.room,
            problem.sizes,
            problem.prices,
            problem.push,
            problem.pull,
            problem.leaves,
            self.begins,
            self.ends,
            self.costs,
            self.lefts,
            self.rights,
            self.kinds,
            self.least,
            self.counts,
            self.times,
            self.works,
        )


def search(problem: Problem, best: Best, most_steps: float = math.inf, options: Options | None = None) -> None:
    """Look for plans that are better than the best, until none is left, the time is over, or the steps are taken."""
    options = Options(problem) if options is None else options
    factors, workers = problem.factors, problem.workers
    best.raise_bound(_bound(problem, options.times[factors * options.room]))
    if best.is_proved():
        return
    depths = 2 * factors + 1
    entry = 8 * (2 * factors + workers + 1)
    places = min(MOST_PLACES, 2 ** max(4, (MEMORY // (WAYS * entry)).bit_length() - 1)) if problem.is_compiled else 2**10
    state, counts = problem.numbers(bnb_search.STATE_SIZE), problem.numbers(depths)
    places = min(places, 2 ** min(40, factors + 4))
    if most_steps < MOST_PLACES:
        places = min(places, 2 ** int(most_steps).bit_length())
    intervals, at_interval, found = problem.numbers(depths * factors), problem.numbers(depths), problem.numbers(depths)
    at_option, found_options = problem.numbers(depths, fill=-1), problem.numbers(depths)
    releases, works, free = problem.array(depths * factors), problem.array(depths * factors), problem.array(depths * workers)
    memory = (
        problem.numbers(places * WAYS),
        problem.numbers(places * WAYS * factors),
        problem.array(places * WAYS * (factors + workers)),
    )
    counts[0], intervals[0] = 1, factors
    run: Any = bnb_search.search
    if problem.is_compiled:
        run = compiled(run, bnb_search.least_work, bnb_search.insert, bnb_search.seen)
    slice_steps = STEPS if problem.is_compiled else UNCOMPILED_STEPS
    try:
        while state[bnb_search.DONE] == 0 and state[bnb_search.STEPS] < most_steps:
            run(
                factors,
                workers,
                best.target,
                int(min(slice_steps, most_steps)),
                places,
                WAYS,
                options.begins,
                options.ends,
                options.costs,
                options.lefts,
                options.rights,
                options.least,
                options.room,
                options.counts,
                options.times,
                options.works,
                state,
                counts,
                intervals,
                releases,
                works,
                free,
                at_interval,
                at_option,
                found,
                found_options,
                *memory,
            )
            if state[bnb_search.LENGTH]:
                _offer(problem, options, best, [*map(int, found)], [*map(int, found_options)], int(state[bnb_search.LENGTH]))
                state[bnb_search.LENGTH] = 0
            if state[bnb_search.DONE]:
                best.raise_bound(best.makespan)
            else:
                best.raise_bound(_bound(problem, options.least[int(state[bnb_search.ROOT_OPTION])]))
            if best.is_proved() or not best.goes_on():
                return
    finally:  # a plan that was found when the user interrupted
        if state[bnb_search.LENGTH]:
            _offer(problem, options, best, [*map(int, found)], [*map(int, found_options)], int(state[bnb_search.LENGTH]))


def _bound(problem: Problem, time: Any) -> Any:
    """Return what a time that is held as often as there are workers is at the least."""
    time = plain(time)
    return time / problem.workers if isinstance(time, float) else -(-time // problem.workers)


def _offer(problem: Problem, options: Options, best: Best, intervals: list[int], chosen: list[int], count: int) -> None:
    """Follow the operations backward in time once more, and offer the plan."""
    factors, width = problem.factors, problem.factors + 1
    spans, kinds = np.zeros((2, factors - 1), dtype=np.int32), np.zeros(factors - 1, dtype=np.int8)
    free: list[Any] = [0] * problem.workers
    released: dict[int, Any] = {factors: 0}
    ended: dict[int, Any] = {}

    def place(number: int, option: int, end: Any) -> None:
        begin, stop = divmod(number, width)
        left, right, kind = (int(column[option]) for column in (options.lefts, options.rights, options.kinds))
        split = right // width if right >= 0 else left % width
        if stop - begin == 1:
            ended[~begin] = end
        else:
            spans[:, split - 1] = begin, stop - 1
            kinds[split - 1] = kind
            ended[split - 1] = end
        for side in (left, right):
            if side >= 0:
                released[side] = end

    for number, option in zip(intervals[:count], chosen[:count], strict=True):
        start = max(free[0], released.pop(number))
        free[0] = start + plain(options.costs[option])
        place(number, option, free[0])
        free.sort()
    while released:  # what costs nothing is made when it is needed
        number, end = released.popitem()
        place(number, int(options.begins[number]), end)
    longest = max(free)
    starts = {event: longest - end for event, end in ended.items()}
    best.offer(timetable(problem.chain, problem.choices, problem.model, problem.workers, spans, kinds, starts))
