"""Branch and bound over bracketings and schedules at once: the second half of the method "exact", and of the proofs of "auto".

Time runs backward: the last operation starts at 0, and an interval of the chain that an operation needs is released when the
operation ends.  A state is what is left: the released intervals, which are disjoint, when each of them was released, and when
each worker is free.  From it one interval is chosen, and what is done last to make it; that operation starts on the worker that
is free first, as soon as it can.  Operations are placed in the order of their starts: each schedule in which no operation could
start earlier is reached so, and the best is one of these.

A state is dropped

* where a bound is above the target: the least work of all intervals, shared out evenly among the workers, is too much; or what is
  released at some time or later is, from then on.  The least work of an interval is that of the plans that can still meet the
  target, by its front, see `chainopt.kernels.bnb_options`; an interval of which there is none left is a bound, too;
* where a state with the same intervals was seen, in which none was released and no worker free later: how the operations before
  were bracketed does not matter any more, and this is what makes the search short.  From both states nothing starts before the
  times that are compared, so that what can be done from one can be done from the other.

Times are compared p-fold with bounds, so that nothing is divided: ints are exact, and floats round only where they are added.
The search stops at every plan that meets the target, and after a number of steps, and can then be resumed: all it knows is in
its arrays.  A target is of the type of the times, for a float beside int64 would make float64, which is not exact, of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

DEPTH, STEPS, LENGTH, DONE, ROOT_OPTION, STATE_SIZE = 0, 1, 2, 3, 4, 5
"""What the state of the search holds: its depth, the steps taken, how many operations the plan has at which it stopped (0: at
none), whether all is searched, and the option at the root."""


def least_work(
    number: int, left: float, room: int, counts: Sequence[int], times: Sequence[float], works: Sequence[float]
) -> float:
    """Return the least work of the plans of an interval that may take up to ``left``, p-fold; below zero if there is none.

    ``number`` is that of the interval; its front is the ``counts`` entries of ``times`` and ``works`` from ``room * number`` on.
    """
    begin = number * room
    point = begin + counts[number] - 1
    while point >= begin and times[point] > left:
        point -= 1
    return works[point] if point >= begin else 0 * left - 1


def insert(
    number: int,
    release: float,
    count: int,
    base: int,
    intervals: MutableSequence[int],
    releases: MutableSequence[float],
) -> None:
    """Put an interval among the ``count`` ones of a state, which begin at ``base`` and are sorted."""
    place = base + count
    while place > base and intervals[place - 1] > number:
        intervals[place] = intervals[place - 1]
        releases[place] = releases[place - 1]
        place -= 1
    intervals[place] = number
    releases[place] = release


def seen(
    count: int,
    base: int,
    intervals: Sequence[int],
    releases: Sequence[float],
    workers: int,
    worker_base: int,
    free: Sequence[float],
    buckets: int,
    slots: int,
    room: int,
    seen_counts: MutableSequence[int],
    seen_intervals: MutableSequence[int],
    seen_times: MutableSequence[float],
) -> int:
    """Whether a state no later in anything was seen; if not, this one is kept, in the place of one that is later if there is one.

    The state has ``count`` intervals from ``base`` on, and its workers are free at ``free`` from ``worker_base`` on. The memory
    has so many buckets, of so many slots each, and a slot has ``room`` intervals.
    """
    key = 0
    for index in range(base, base + count):
        key = (key * 8191 + intervals[index] + 1) % 2147483647
    bucket = (key * 48271) % 2147483647 % buckets
    chosen = -1
    width = room + workers
    for slot in range(bucket * slots, (bucket + 1) * slots):
        if seen_counts[slot] == 0:
            if chosen < 0:
                chosen = slot
            break
        if seen_counts[slot] != count:
            continue
        start = slot * room
        same = True
        for index in range(count):
            if seen_intervals[start + index] != intervals[base + index]:
                same = False
                break
        if not same:
            continue
        start = slot * width
        earlier = later = True
        for index in range(count):
            if seen_times[start + index] > releases[base + index]:
                earlier = False
            if seen_times[start + index] < releases[base + index]:
                later = False
        for worker in range(workers):
            if seen_times[start + room + worker] > free[worker_base + worker]:
                earlier = False
            if seen_times[start + room + worker] < free[worker_base + worker]:
                later = False
        if earlier:
            return 1
        if later and chosen < 0:
            chosen = slot
    if chosen < 0:
        chosen = bucket * slots + (key // buckets) % slots
    seen_counts[chosen] = count
    for index in range(count):
        seen_intervals[chosen * room + index] = intervals[base + index]
        seen_times[chosen * width + index] = releases[base + index]
    for worker in range(workers):
        seen_times[chosen * width + room + worker] = free[worker_base + worker]
    return 0


def search(
    factors: int,
    workers: int,
    target: float,
    most_steps: int,
    buckets: int,
    slots: int,
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
    positions: MutableSequence[int],
    next_options: MutableSequence[int],
    plan_intervals: MutableSequence[int],
    plan_options: MutableSequence[int],
    seen_counts: MutableSequence[int],
    seen_intervals: MutableSequence[int],
    seen_times: MutableSequence[float],
) -> None:
    """Search on, until a plan takes at most ``target``, all is searched, or so many steps are taken.

    The options ``begins`` to ``front_works`` are those of `chainopt.kernels.bnb_options.list_options`; ``state`` is that of this
    module. At depth d there are ``counts[d]`` intervals, which begin at ``d * factors`` of ``intervals``, ``releases`` and
    ``works``; the workers begin at ``d * workers`` of ``free``; the interval at ``positions[d]`` is tried with the options from
    ``next_options[d]`` on. What a plan does at every depth is left in ``plan_intervals`` and ``plan_options``. The memory,
    ``seen_counts`` to ``seen_times``, is that of `seen`.
    """
    depth = state[DEPTH]
    steps = 0
    limit = workers * target
    while depth >= 0 and steps < most_steps:
        base = depth * factors
        count = counts[depth]
        position = positions[depth]
        if position >= count:
            depth -= 1
            continue
        number = intervals[base + position]
        option = next_options[depth]
        if option < 0:
            option = begins[number]
        worker_base = depth * workers
        start = free[worker_base]
        if releases[base + position] > start:
            start = releases[base + position]
        if option >= ends[number] or workers * start + least[option] > limit:
            positions[depth] = position + 1
            next_options[depth] = -1
            continue
        if depth == 0:
            state[ROOT_OPTION] = option
        next_options[depth] = option + 1
        steps += 1
        end = start + costs[option]
        # The state after it: an interval that costs nothing is made whenever it is needed.
        new_base = base + factors
        new_free = worker_base + workers
        new_count = 0
        for index in range(count):
            if index != position:
                intervals[new_base + new_count] = intervals[base + index]
                releases[new_base + new_count] = releases[base + index]
                new_count += 1
        for side in (lefts[option], rights[option]):
            if side >= 0 and front_times[side * room] > 0:
                insert(side, end, new_count, new_base, intervals, releases)
                new_count += 1
        worker = 1
        while worker < workers and free[worker_base + worker] < end:
            free[new_free + worker - 1] = free[worker_base + worker]
            worker += 1
        free[new_free + worker - 1] = end
        while worker < workers:
            free[new_free + worker] = free[worker_base + worker]
            worker += 1
        if new_count == 0:
            if free[new_free + workers - 1] <= target:
                for index in range(depth + 1):
                    plan_intervals[index] = intervals[index * factors + positions[index]]
                    plan_options[index] = next_options[index] - 1
                state[LENGTH] = depth + 1
                break
            continue
        # Nothing starts before this operation did, nor before an interval is released.
        earliest = releases[new_base]
        for index in range(new_base + 1, new_base + new_count):
            if releases[index] < earliest:
                earliest = releases[index]
        if earliest < start:
            earliest = start
        if earliest < free[new_free]:
            earliest = free[new_free]
        shared = 0 * earliest
        for worker in range(new_free, new_free + workers):
            if free[worker] < earliest:
                free[worker] = earliest
            shared += free[worker]
        too_long = shared > limit
        for index in range(new_base, new_base + new_count):
            if releases[index] < earliest:
                releases[index] = earliest
            left = limit - workers * releases[index]
            work = least_work(intervals[index], left, room, front_counts, front_times, front_works)
            works[index] = work
            shared += work
            if work < 0 or shared > limit:
                too_long = True
                break
        if too_long:
            continue
        if new_count > 1:
            for index in range(new_base, new_base + new_count):
                release = releases[index]
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
                buckets,
                slots,
                factors,
                seen_counts,
                seen_intervals,
                seen_times,
            )
            == 1
        ):
            continue
        depth += 1
        counts[depth] = new_count
        positions[depth] = 0
        next_options[depth] = -1
    state[DEPTH] = depth
    state[STEPS] += steps
    if depth < 0:
        state[DONE] = 1
