"""The interval program for prices of any kind: structured products, measured time, a cost of the user's own.

The recurrence is that of `chainopt.kernels.interval_dp`, and exact for the same reason, with the price of a product looked
up instead of multiplied out: what a product costs depends on the three sizes, or patterns, only, which no bracketing of its
two sides changes. A row of the table needs the prices for its own first factor only, so that they are handed over a row at
a time, and O(n^2) memory is enough. A price or a cost below zero stands for what is not allowed, or cannot be had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, MutableSequence, Sequence

NEVER = -1
PRODUCT, PUSHED, PULLED = 0, 1, 2


def fill_row(
    i: int,
    table: Sequence[MutableSequence[float]],
    prices: Sequence[Sequence[float]],
    leaf: float,
    pushed: Sequence[float],
    pulled: Sequence[float],
    kinds: MutableSequence[int],
    splits: MutableSequence[int],
) -> None:
    """Finish ``table[i]``, whose rows below are finished: the costs of the factors ``i..j-1``, for every j.

    ``prices[k][j]`` is what joining ``i..k-1`` with ``k..j-1`` costs, ``pushed[j]`` pushing ``i+1..j-1`` through stage i, and
    ``pulled[j]`` pulling ``i..j-2`` back through stage j-1. What is done last is left in ``kinds[j]`` and ``splits[j]``.
    """
    row = table[i]
    row[i + 1] = leaf
    for j in range(i + 2, len(row)):
        least = 0 * leaf + NEVER
        kinds[j] = PRODUCT
        splits[j] = NEVER
        for k in range(i + 1, j):
            if row[k] >= 0 and table[k][j] >= 0 and prices[k][j] >= 0:
                candidate = row[k] + table[k][j] + prices[k][j]
                if least < 0 or candidate < least:
                    least = candidate
                    splits[j] = k
        if pushed[j] >= 0 and table[i + 1][j] >= 0:
            candidate = table[i + 1][j] + pushed[j]
            if least < 0 or candidate < least:
                least = candidate
                kinds[j] = PUSHED
                splits[j] = i + 1
        if pulled[j] >= 0 and row[j - 1] >= 0:
            candidate = row[j - 1] + pulled[j]
            if least < 0 or candidate < least:
                least = candidate
                kinds[j] = PULLED
                splits[j] = j - 1
        row[j] = least


def trace(
    kinds: Sequence[Sequence[int]],
    splits: Sequence[Sequence[int]],
    pending: MutableSequence[int],
    spans: Sequence[MutableSequence[int]],
    joins: MutableSequence[int],
) -> None:
    """Write the bracketing that the choices stand for, as `chainopt.kernels.interval_dp.trace` does.

    ``pending`` is scratch: as many entries as a row, twice.
    """
    pending[0] = 0
    pending[1] = len(kinds[0]) - 1
    depth = 2
    while depth > 0:
        depth -= 2
        i, j = pending[depth], pending[depth + 1]
        if j - i < 2:
            continue
        split = splits[i][j]
        spans[0][split - 1] = i
        spans[1][split - 1] = j - 1
        joins[split - 1] = kinds[i][j]
        pending[depth] = i
        pending[depth + 1] = split
        pending[depth + 2] = split
        pending[depth + 3] = j
        depth += 4


def price_all(
    function: Callable[[int, int, int], float],
    m: Sequence[int],
    k: Sequence[int],
    n: Sequence[int],
    costs: MutableSequence[float],
) -> None:
    """Write what products of m x k and k x n matrices cost, by a function that the user compiled."""
    for product in range(len(costs)):
        costs[product] = function(m[product], k[product], n[product])
