"""Branch and bound over bracketings and schedules at once.

Time runs backward: the last operation starts at 0, and an interval of the chain that an operation needs is released when the
operation ends.  A state is what is left: the released intervals, which are disjoint, when each of them was released, and when
each worker is free.  From it one interval is chosen, and what is done last to make it; that operation starts on the worker that
is free first, as soon as it can.  Operations are placed in the order of their starts: each schedule in which no operation could
start earlier is found so, and the best is one of these.

A state is dropped

* where a bound is above the target: the least work of all intervals, shared out evenly among the workers, is too much; or what is
  released at some time or later is, from then on.  The least work of an interval is that of the plans that can still meet the
  target, by its front, see `chainopt.kernels.bnb_options`; an interval of which there is none left is a bound, too;
* where a state with the same intervals was seen, in which none was released and no worker free later: how the operations before
  were bracketed does not matter any more, and this is what makes the search short.  From both states nothing starts before the
  times that are compared, so that what can be done from one can be done from the other.

All times are exact; they are compared p-fold with bounds, so that nothing is divided.  The search can be left after a number of
steps and be gone on with: all it knows is in its arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

PRODUCT, PUSHED, PULLED = 0, 1, 2
DEPTH, STEPS, FOUND, DONE, FRONT, STATE_SIZE = 0, 1, 2, 3, 4, 5
"""Where the state of the search stands: its depth, steps taken, plans found, whether it is done, the option at its root."""


def least_work(
    number: int, left: float, room: int, counts: Sequence[int], times: Sequence[float], works: Sequence[float]
) -> float:
    """Return the least work of the plans of an interval that may take up to ``left``, p-fold; below zero if there is none."""
    begin = number * room
    at = begin + counts[number] - 1
    while at >= begin and times[at] > left:
        at -= 1
    return works[at] if at >= begin else 0 * left - 1


def insert(
    number: int,
    release: float,
    count: int,
    base: int,
    intervals: MutableSequence[int],
    releases: MutableSequence[float],
) -> None:
    """Put an interval among those of a state, which are sorted."""
    at = base + count
    while at > base and intervals[at - 1] > number:
        intervals[at] = intervals[at - 1]
        releases[at] = releases[at - 1]
        at -= 1
    intervals[at] = number
    releases[at] = release


def seen(
    count: int,
    base: int,
    intervals: Sequence[int],
    releases: Sequence[float],
    workers: int,
    worker_base: int,
    free: Sequence[float],
    places: int,
    ways: int,
    entry: int,
    memory_counts: MutableSequence[int],
    memory_intervals: MutableSequence[int],
    memory_times: MutableSequence[float],
) -> int:
    """Whether a state no later in anything was seen; if not, this one is kept, in the place of one that is later if there is one.

    A place has so many ``ways``; the memory is ``places * ways`` entries, of up to ``entry`` intervals each.
    """
    key = 0
    for at in range(base, base + count):
        key = (key * 8191 + intervals[at] + 1) % 2147483647
    place = (key * 48271) % 2147483647 % places
    chosen = -1
    long = entry + workers
    for way in range(ways):
        slot = place * ways + way
        if memory_counts[slot] == 0:
            if chosen < 0:
                chosen = slot
            break
        if memory_counts[slot] != count:
            continue
        start = slot * entry
        same = True
        for at in range(count):
            if memory_intervals[start + at] != intervals[base + at]:
                same = False
                break
        if not same:
            continue
        start = slot * long
        earlier = later = True
        for at in range(count):
            if memory_times[start + at] > releases[base + at]:
                earlier = False
            if memory_times[start + at] < releases[base + at]:
                later = False
        for at in range(workers):
            if memory_times[start + entry + at] > free[worker_base + at]:
                earlier = False
            if memory_times[start + entry + at] < free[worker_base + at]:
                later = False
        if earlier:
            return 1
        if later and chosen < 0:
            chosen = slot
    if chosen < 0:
        chosen = place * ways + (key // places) % ways
    memory_counts[chosen] = count
    for at in range(count):
        memory_intervals[chosen * entry + at] = intervals[base + at]
        memory_times[chosen * long + at] = releases[base + at]
    for at in range(workers):
        memory_times[chosen * long + entry + at] = free[worker_base + at]
    return 0


def search(
    factors: int,
    workers: int,
    target: float,
    whole: int,
    most_steps: int,
    places: int,
    ways: int,
    begins: Sequence[int],
    ends: Sequence[int],
    costs: Sequence[float],
    lefts: Sequence[int],
    rights: Sequence[int],
    least: Sequence[float],
    room: int,
    front_counts: Sequence[int],
    front_times: Sequence[float],
    front_works: Sequence[float],
    state: MutableSequence[int],
    counts: MutableSequence[int],
    intervals: MutableSequence[int],
    releases: MutableSequence[float],
    works: MutableSequence[float],
    free: MutableSequence[float],
    at_interval: MutableSequence[int],
    at_option: MutableSequence[int],
    found_intervals: MutableSequence[int],
    found_options: MutableSequence[int],
    memory_counts: MutableSequence[int],
    memory_intervals: MutableSequence[int],
    memory_times: MutableSequence[float],
) -> float:
    """Go on with the search for plans of at most ``target``; return the target that is left, one below the best plan found.

    ``whole`` is 1 where times are ints. At depth d the intervals of the state begin at ``d * factors``, the workers at
    ``d * workers``. What is done at every depth is left in ``found_intervals`` and ``found_options`` for the best plan found.
    """
    depth = state[DEPTH]
    steps = 0
    limit = workers * target
    while depth >= 0 and steps < most_steps:
        base = depth * factors
        count = counts[depth]
        x = at_interval[depth]
        if x >= count:
            depth -= 1
            continue
        number = intervals[base + x]
        option = at_option[depth]
        if option < 0:
            option = begins[number]
        worker_base = depth * workers
        start = free[worker_base]
        if releases[base + x] > start:
            start = releases[base + x]
        if option >= ends[number] or workers * start + least[option] > limit:
            at_interval[depth] = x + 1
            at_option[depth] = -1
            continue
        if depth == 0:
            state[FRONT] = option
        at_option[depth] = option + 1
        steps += 1
        end = start + costs[option]
        # The state after it: an interval that costs nothing is made whenever it is needed.
        new_base = base + factors
        new_free = worker_base + workers
        new_count = 0
        for at in range(count):
            if at != x:
                intervals[new_base + new_count] = intervals[base + at]
                releases[new_base + new_count] = releases[base + at]
                new_count += 1
        for side in (lefts[option], rights[option]):
            if side >= 0 and front_times[side * room] > 0:
                insert(side, end, new_count, new_base, intervals, releases)
                new_count += 1
        at = 1
        while at < workers and free[worker_base + at] < end:
            free[new_free + at - 1] = free[worker_base + at]
            at += 1
        free[new_free + at - 1] = end
        while at < workers:
            free[new_free + at] = free[worker_base + at]
            at += 1
        if new_count == 0:
            longest = free[new_free + workers - 1]
            if longest <= target:
                for at in range(depth + 1):
                    found_intervals[at] = intervals[at * factors + at_interval[at]]
                    found_options[at] = at_option[at] - 1
                state[FOUND] = depth + 1
                target = longest - 1 if whole == 1 else longest * (1 - 1e-12)
                limit = workers * target
            continue
        # Nothing starts before this operation did, nor before an interval is released.
        earliest = releases[new_base]
        for at in range(new_base + 1, new_base + new_count):
            if releases[at] < earliest:
                earliest = releases[at]
        if earliest < start:
            earliest = start
        if earliest < free[new_free]:
            earliest = free[new_free]
        shared = 0 * earliest
        for at in range(new_free, new_free + workers):
            if free[at] < earliest:
                free[at] = earliest
            shared += free[at]
        too_long = shared > limit
        for at in range(new_base, new_base + new_count):
            if releases[at] < earliest:
                releases[at] = earliest
            work = least_work(intervals[at], limit - workers * releases[at], room, front_counts, front_times, front_works)
            works[at] = work
            shared += work
            if work < 0 or shared > limit:
                too_long = True
                break
        if too_long:
            continue
        if new_count > 1:
            for at in range(new_base, new_base + new_count):
                release = releases[at]
                if release > earliest:
                    shared = 0 * release
                    for other in range(new_base, new_base + new_count):
                        if releases[other] >= release:
                            shared += works[other]
                    for worker in range(new_free, new_free + workers):
                        shared += max(release, free[worker])
                    if shared > limit:
                        too_long = True
            if too_long:
                continue
        if (
            seen(
                new_count,
                new_base,
                intervals,
                releases,
                workers,
                new_free,
                free,
                places,
                ways,
                factors,
                memory_counts,
                memory_intervals,
                memory_times,
            )
            == 1
        ):
            continue
        depth += 1
        counts[depth] = new_count
        at_interval[depth] = 0
        at_option[depth] = -1
    state[DEPTH] = depth
    state[STEPS] += steps
    if depth < 0:
        state[DONE] = 1
    return target
