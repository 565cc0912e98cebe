"""What can be done last to make each interval of a chain, and what its plans take at the least on several workers.

A plan of an interval is described by its work and by a bound on its makespan: with p workers, and times held p-fold,

    time = p * cost + max(time of each side, work of both sides),    work = cost + work of both sides.

No schedule of the plan is shorter: an operation starts when both sides are there, and the work of both has to be shared out.  Of
all plans of an interval those are kept that no other beats in both, the front.  So the front tells, for every time, the least
work of the plans that can meet it.  A front that gets too long is thinned: two neighbours become one point, with the better of
each, which no plan may have, but which bounds what the plans of both have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

PRODUCT, PUSHED, PULLED = 0, 1, 2


def keep(
    time: float,
    work: float,
    begin: int,
    count: int,
    room: int,
    times: MutableSequence[float],
    works: MutableSequence[float],
) -> int:
    """Put a point on a front of ``count`` points, by rising time and falling work; return how many there are then."""
    at = begin + count
    while at > begin and times[at - 1] > time:
        at -= 1
    if at > begin and works[at - 1] <= work:
        return count
    # Points that are beaten follow it, and, with the same time, may stand before it.
    if at > begin and times[at - 1] == time:
        at -= 1
    after = at
    while after < begin + count and works[after] >= work:
        after += 1
    beaten = after - at
    if beaten == 0:
        for other in range(begin + count, at, -1):
            times[other] = times[other - 1]
            works[other] = works[other - 1]
    elif beaten > 1:
        for other in range(after, begin + count):
            times[other - beaten + 1] = times[other]
            works[other - beaten + 1] = works[other]
    times[at] = time
    works[at] = work
    count += 1 - beaten
    if count == room:
        closest = begin
        for other in range(begin, begin + count - 1):
            if times[other + 1] - times[other] < times[closest + 1] - times[closest]:
                closest = other
        works[closest] = works[closest + 1]
        for other in range(closest + 2, begin + count):
            times[other - 1] = times[other]
            works[other - 1] = works[other]
        count -= 1
    return count


def list_options(
    factors: int,
    workers: int,
    room: int,
    sizes: Sequence[float],
    prices: Sequence[Sequence[Sequence[float]]],
    push: Sequence[float],
    pull: Sequence[float],
    leaves: Sequence[float],
    begins: MutableSequence[int],
    ends: MutableSequence[int],
    costs: MutableSequence[float],
    lefts: MutableSequence[int],
    rights: MutableSequence[int],
    kinds: MutableSequence[int],
    least: MutableSequence[float],
    counts: MutableSequence[int],
    times: MutableSequence[float],
    works: MutableSequence[float],
) -> None:
    """List what can be done last to make each interval, by rising bound, and fill the fronts.

    The interval of the factors ``i..j-1`` is numbered ``i * (factors + 1) + j``; its options are the entries from its ``begins``
    to its ``ends``, its front the ``counts`` entries from ``room`` times its number. ``lefts`` and ``rights`` are the intervals
    that an option needs, -1 where that side is matrix-free, and ``least`` bounds what it takes.
    """
    width = factors + 1
    total = 0
    for i in range(factors - 1, -1, -1):
        for j in range(i + 1, width):
            number = i * width + j
            front = number * room
            begins[number] = total
            if j == i + 1:
                costs[total] = leaves[i]
                lefts[total] = rights[total] = -1
                least[total] = times[front] = workers * leaves[i]
                works[front] = leaves[i]
                kinds[total] = PRODUCT
                counts[number] = 1
                total += 1
                ends[number] = total
                continue
            kept = 0
            for option in range(i + 1, j + 2):
                left = right = -1
                kind = PRODUCT
                if option < j:
                    left, right = i * width + option, option * width + j
                    cost = sizes[i] * sizes[option] * sizes[j] if len(prices) == 0 else prices[i][option][j]
                elif option == j:
                    if push[i] < 0:
                        continue
                    right, kind = (i + 1) * width + j, PUSHED
                    cost = sizes[j] * push[i]
                else:
                    if pull[j - 1] < 0:
                        continue
                    left, kind = i * width + j - 1, PULLED
                    cost = sizes[i] * pull[j - 1]
                bound = 0 * cost - 1
                if kind == PRODUCT:
                    for a in range(left * room, left * room + counts[left]):
                        for b in range(right * room, right * room + counts[right]):
                            both = works[a] + works[b]
                            longest = both
                            if times[a] > longest:
                                longest = times[a]
                            if times[b] > longest:
                                longest = times[b]
                            longest = workers * cost + longest
                            if bound < 0 or longest < bound:
                                bound = longest
                            kept = keep(longest, cost + both, front, kept, room, times, works)
                else:
                    side = left if kind == PULLED else right
                    for a in range(side * room, side * room + counts[side]):
                        kept = keep(workers * cost + times[a], cost + works[a], front, kept, room, times, works)
                    bound = workers * cost + times[side * room]
                at = total
                while at > begins[number] and least[at - 1] > bound:
                    costs[at], lefts[at], rights[at] = costs[at - 1], lefts[at - 1], rights[at - 1]
                    least[at], kinds[at] = least[at - 1], kinds[at - 1]
                    at -= 1
                costs[at], lefts[at], rights[at], least[at], kinds[at] = cost, left, right, bound, kind
                total += 1
            counts[number] = kept
            ends[number] = total
