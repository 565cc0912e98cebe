"""All orders of executing a chain under a limit on what is alive at once: the exact search.

How much is alive depends on everything that has been made so far, in both halves of the chain, so that intervals cannot be
solved one by one. But it depends on no more than *what* has been made, not how: on which gaps between neighbors are joined,
and which stages have been accumulated. These are the states, one bit for each gap and each matrix-free stage. An operation
sets one bit, or two where it pushes or pulls through a stage, which then counts as accumulated, and never clears one. So one
pass over the states in the order of their numbers meets each after all that lead to it, and the least cost of reaching the
last one is that of the best of all orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

NEVER = -1
PRODUCT, PUSHED, PULLED, ACCUMULATED = 0, 1, 2, 3
KINDS, WAYS = 4, 2


def offer(
    best: MutableSequence[float],
    move: MutableSequence[int],
    after: int,
    reached: float,
    cost: float,
    peak: int,
    limit: int,
    by_peak: int,
    what: int,
) -> None:
    """Offer an operation that leads to the state ``after``."""
    if by_peak > 0:
        total = reached
        if peak > total:
            total = peak
    else:
        if peak > limit:
            return
        total = reached + cost
    if best[after] < 0 or total < best[after]:
        best[after] = total
        move[after] = what


def search(
    prices: Sequence[Sequence[Sequence[float]]],
    entries: Sequence[Sequence[int]],
    leaves: Sequence[Sequence[float]],
    seeds: Sequence[Sequence[int]],
    bits: Sequence[int],
    pushed: Sequence[Sequence[float]],
    pulled: Sequence[Sequence[float]],
    limit: int,
    by_peak: int,
    best: MutableSequence[float],
    move: MutableSequence[int],
) -> None:
    """Fill ``best`` with the least cost of reaching each state, or with the least peak, and ``move`` with how.

    ``prices[i][k][j]`` is what joining ``i..k-1`` with ``k..j-1`` costs, ``pushed[i][j]`` pushing ``i+1..j-1`` through stage
    i, ``pulled[i][j]`` pulling ``i..j-2`` back through stage j-1, ``leaves[k][way]`` each way to accumulate stage k, for which
    ``seeds[k][way]`` entries are needed beside the result; NEVER is what cannot be done. ``entries[i][j]`` is what
    the product of ``i..j-1`` is held in. ``bits[k]`` is the bit of a matrix-free stage, NEVER of a matrix at hand, which
    is not counted. ``best`` starts with 0 and then NEVER. A move is a gap and its kind, or a stage and its way.
    """
    factors = len(bits)
    for state in range(len(best)):
        reached = best[state]
        if reached < 0:
            continue
        alive = 0 * entries[0][0]
        i = 0
        for factor in range(factors):
            if factor < factors - 1 and (state >> factor) & 1:
                continue
            if factor > i or (bits[factor] >= 0 and (state >> bits[factor]) & 1):
                alive += entries[i][factor + 1]
            i = factor + 1
        i = 0
        for factor in range(factors):
            if factor < factors - 1 and (state >> factor) & 1:
                continue
            is_raw = factor == i and bits[factor] >= 0 and not (state >> bits[factor]) & 1
            if is_raw:
                for way in range(WAYS):
                    if leaves[factor][way] >= 0:
                        peak = alive + entries[factor][factor + 1] + seeds[factor][way]
                        after = state | (1 << bits[factor])
                        what = (factor * WAYS + way) * KINDS + ACCUMULATED
                        offer(best, move, after, reached, leaves[factor][way], peak, limit, by_peak, what)
            if factor < factors - 1:
                j = factor + 2
                while j < factors and (state >> (j - 1)) & 1:
                    j += 1
                is_right_raw = j == factor + 2 and bits[factor + 1] >= 0 and not (state >> bits[factor + 1]) & 1
                peak = alive + entries[i][j]
                after = state | (1 << factor)
                what = factor * WAYS * KINDS
                if not is_raw and not is_right_raw and prices[i][factor + 1][j] >= 0:
                    offer(best, move, after, reached, prices[i][factor + 1][j], peak, limit, by_peak, what + PRODUCT)
                if is_raw and not is_right_raw and pushed[i][j] >= 0:
                    after |= 1 << bits[factor]
                    offer(best, move, after, reached, pushed[i][j], peak, limit, by_peak, what + PUSHED)
                if not is_raw and is_right_raw and pulled[i][j] >= 0:
                    after |= 1 << bits[factor + 1]
                    offer(best, move, after, reached, pulled[i][j], peak, limit, by_peak, what + PULLED)
            i = factor + 1
