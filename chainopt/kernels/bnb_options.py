"""What can be done last to make each interval of a chain, and what its plans take at the least on several workers.

The first half of the method "exact"; the second is `chainopt.kernels.bnb_search`.

A plan of an interval is described by its work and by a bound on its makespan: with p workers, and times held p-fold,

    time = p * cost + max(time of each side, work of both sides),    work = cost + work of both sides.

No schedule of the plan is shorter: an operation starts when both sides are there, and the work of both has to be shared out.  Of
all plans of an interval those are on the front that no other beats in both.  So the front tells, for every time, the least work
of the plans that can meet it.  A front that gets too long is thinned: two neighbors become one point, with the better of each,
which no plan may have, but which bounds what the plans of both have.
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
    """Put a point on a front of ``count`` points, by rising time and falling work; return how many there are then.

    The front is the entries from ``begin`` on, fewer than ``room``, of ``times`` and ``works``.
    """
    place = begin + count
    while place > begin and times[place - 1] > time:
        place -= 1
    if place > begin and works[place - 1] <= work:
        return count
    # Points that are beaten follow it, and, with the same time, may stand before it.
    if place > begin and times[place - 1] == time:
        place -= 1
    after = place
    while after < begin + count and works[after] >= work:
        after += 1
    beaten = after - place
    if beaten == 0:
        for point in range(begin + count, place, -1):
            times[point] = times[point - 1]
            works[point] = works[point - 1]
    elif beaten > 1:
        for point in range(after, begin + count):
            times[point - beaten + 1] = times[point]
            works[point - beaten + 1] = works[point]
    times[place] = time
    works[place] = work
    count += 1 - beaten
    if count == room:
        closest = begin
        for point in range(begin, begin + count - 1):
            if times[point + 1] - times[point] < times[closest + 1] - times[closest]:
                closest = point
        works[closest] = works[closest + 1]
        for point in range(closest + 2, begin + count):
            times[point - 1] = times[point]
            works[point - 1] = works[point]
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
    joins: MutableSequence[int],
    least: MutableSequence[float],
    counts: MutableSequence[int],
    times: MutableSequence[float],
    works: MutableSequence[float],
) -> None:
    """List what can be done last to make each interval, by rising bound, and fill the fronts.

    The interval of the factors ``i..j-1`` is numbered ``i * (factors + 1) + j``; its options are the entries from its ``begins``
    to its ``ends``, its front the ``counts`` entries from ``room`` times its number. ``lefts`` and ``rights`` are the intervals
    that an option needs, -1 where that side is matrix-free, ``joins`` how it joins them, and ``least`` bounds what it takes.

    ``sizes`` are those between the factors, ``prices[i][k][j]`` what joining ``i..k-1`` with ``k..j-1`` costs, where there are
    none the product of three sizes; ``push`` and ``pull`` what a JVP and a VJP cost, -1 where there is none, ``leaves`` what
    the matrix of each factor costs.
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
                joins[total] = PRODUCT
                counts[number] = 1
                total += 1
                ends[number] = total
                continue
            points = 0
            for option in range(i + 1, j + 2):
                left = right = -1
                join = PRODUCT
                if option < j:
                    left, right = i * width + option, option * width + j
                    cost = sizes[i] * sizes[option] * sizes[j] if len(prices) == 0 else prices[i][option][j]
                elif option == j:
                    if push[i] < 0:
                        continue
                    right, join = (i + 1) * width + j, PUSHED
                    cost = sizes[j] * push[i]
                else:
                    if pull[j - 1] < 0:
                        continue
                    left, join = i * width + j - 1, PULLED
                    cost = sizes[i] * pull[j - 1]
                bound = 0 * cost - 1
                if join == PRODUCT:
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
                            points = keep(longest, cost + both, front, points, room, times, works)
                else:
                    side = left if join == PULLED else right
                    for a in range(side * room, side * room + counts[side]):
                        points = keep(workers * cost + times[a], cost + works[a], front, points, room, times, works)
                    bound = workers * cost + times[side * room]
                place = total
                while place > begins[number] and least[place - 1] > bound:
                    costs[place], lefts[place], rights[place] = costs[place - 1], lefts[place - 1], rights[place - 1]
                    least[place], joins[place] = least[place - 1], joins[place - 1]
                    place -= 1
                costs[place], lefts[place], rights[place], least[place], joins[place] = cost, left, right, bound, join
                total += 1
            counts[number] = points
            ends[number] = total
