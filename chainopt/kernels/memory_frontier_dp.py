"""Long chains under a limit on what is alive at once: an interval program over points (peak, cost), which may miss the best.

For every interval it keeps some ways to make its product that neither cost less nor need less memory than each other, among
those that make one side completely before they begin with the other. Left first the peak of a product is

    max(peak of the left, held by the left + peak of the right, held by both + the result),

which never falls as the two peaks rise, so that only such points need be joined. What is missed: orders that go back
and forth between the sides, and points beyond the room for them, of which those of least peak and of least cost stay. So
a plan is found whenever there is one that makes one side completely before the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

PRODUCT, PUSHED, PULLED, ACCUMULATED = 0, 1, 2, 3
KINDS = 4


def keep(
    peaks: MutableSequence[int],
    costs: MutableSequence[float],
    moves: MutableSequence[int],
    count: int,
    peak: int,
    cost: float,
    what: int,
) -> int:
    """Offer a point to the points of an interval, sorted by peak; return how many there are then.

    The last entry of each list is room for one more than may stay. If it is taken, the point goes whose memory buys the
    least against the point before it, but not the first or the last.
    """
    slot = 0
    while slot < count and peaks[slot] <= peak:
        if costs[slot] <= cost:
            return count
        slot += 1
    beaten = slot
    while beaten < count and costs[beaten] >= cost:
        beaten += 1
    if slot > 0 and peaks[slot - 1] == peak:  # which costs more, or the point would have been refused
        slot -= 1
    shift = 1 - (beaten - slot)
    if shift > 0:
        for move in range(count - 1, beaten - 1, -1):
            peaks[move + 1], costs[move + 1], moves[move + 1] = peaks[move], costs[move], moves[move]
    elif shift < 0:
        for move in range(beaten, count):
            peaks[move + shift], costs[move + shift], moves[move + shift] = peaks[move], costs[move], moves[move]
    peaks[slot], costs[slot], moves[slot] = peak, cost, what
    count += shift
    if count == len(peaks):
        least, worst = costs[0] - costs[1], 1
        for move in range(2, count - 1):
            if costs[move - 1] - costs[move] < least:
                least, worst = costs[move - 1] - costs[move], move
        for move in range(worst, count - 1):
            peaks[move], costs[move], moves[move] = peaks[move + 1], costs[move + 1], moves[move + 1]
        count -= 1
    return count


def fill_row(
    i: int,
    prices: Sequence[Sequence[float]],
    entries: Sequence[Sequence[int]],
    leaves: Sequence[float],
    seeds: Sequence[int],
    is_given: Sequence[int],
    pushed: Sequence[float],
    pulled: Sequence[float],
    limit: int,
    peaks: Sequence[Sequence[MutableSequence[int]]],
    costs: Sequence[Sequence[MutableSequence[float]]],
    moves: Sequence[Sequence[MutableSequence[int]]],
    counts: Sequence[MutableSequence[int]],
) -> None:
    """Find the points of the intervals that begin with factor i; those that begin later must be there.

    ``prices``, ``pushed`` and ``pulled`` are those of `chainopt.kernels.lookup_dp`; ``leaves`` and ``seeds`` the ways to
    accumulate factor i. A move is a split, a kind, the points of both sides, and whether the right side is made first.
    """
    room = len(peaks[0][0])
    factors = len(is_given)
    if is_given[i]:
        counts[i][i + 1] = keep(peaks[i][i + 1], costs[i][i + 1], moves[i][i + 1], 0, 0 * limit, 0 * leaves[0], 0)
    else:
        for way in range(len(leaves)):
            peak = entries[i][i + 1] + seeds[way]
            if leaves[way] >= 0 and peak <= limit:
                what = way * KINDS + ACCUMULATED
                count = keep(peaks[i][i + 1], costs[i][i + 1], moves[i][i + 1], counts[i][i + 1], peak, leaves[way], what)
                counts[i][i + 1] = count
    for j in range(i + 2, factors + 1):
        result = entries[i][j]
        count = 0
        for k in range(i + 1, j):
            held_left = 0 if k == i + 1 and is_given[i] else entries[i][k]
            held_right = 0 if k == j - 1 and is_given[k] else entries[k][j]
            least = held_left + held_right + result
            if prices[k][j] < 0 or least > limit:
                continue
            for left in range(counts[i][k]):
                for right in range(counts[k][j]):
                    peak = max(peaks[i][k][left], held_left + peaks[k][j][right])
                    other = max(peaks[k][j][right], held_right + peaks[i][k][left])
                    right_first = 1 if other < peak else 0
                    peak = max(min(peak, other), least)
                    if peak <= limit:
                        cost = costs[i][k][left] + costs[k][j][right] + prices[k][j]
                        what = (((k * room + left) * room + right) * 2 + right_first) * KINDS + PRODUCT
                        count = keep(peaks[i][j], costs[i][j], moves[i][j], count, peak, cost, what)
        if pushed[j] >= 0:
            held_right = 0 if j == i + 2 and is_given[i + 1] else entries[i + 1][j]
            for right in range(counts[i + 1][j]):
                peak = max(peaks[i + 1][j][right], held_right + result)
                if peak <= limit:
                    what = (((i + 1) * room * room + right) * 2) * KINDS + PUSHED
                    count = keep(peaks[i][j], costs[i][j], moves[i][j], count, peak, costs[i + 1][j][right] + pushed[j], what)
        if pulled[j] >= 0:
            held_left = 0 if j == i + 2 and is_given[i] else entries[i][j - 1]
            for left in range(counts[i][j - 1]):
                peak = max(peaks[i][j - 1][left], held_left + result)
                if peak <= limit:
                    what = ((((j - 1) * room + left) * room) * 2) * KINDS + PULLED
                    count = keep(peaks[i][j], costs[i][j], moves[i][j], count, peak, costs[i][j - 1][left] + pulled[j], what)
        counts[i][j] = count
