"""The O(n^3) interval program over a chain of sparse matrices of which only sizes and numbers of nonzeros are known.

A product of matrices with p and q nonzeros that meet in s places needs p * q / s multiplications if they are spread evenly, and
as many pairs of nonzeros fall on its places. How many of those are hit at least once is what spreads, too: an estimate, and the
reason why the program, which forms each product in the cheapest way found for it, is not exact.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence


def first_look(
    sizes: Sequence[float],
    are_full: Sequence[bool],
    fills: bool,  # noqa: FBT001 -- of a kernel, which has no keywords
    stored: Sequence[MutableSequence[float]],
    costs: Sequence[MutableSequence[float]],
    splits: Sequence[MutableSequence[int]],
    begin: int,
    end: int,
) -> None:
    """Fill three tables for the products of the factors ``i..j-1``, at [i][j], of ``begin`` to ``end - 1`` factors.

    Nonzeros and costs stand at [j][i] too, so that both sides of all splits of a product are read along rows.

    Parameters
    ----------
    sizes : sequence of float
        The sizes between the factors, outputs first.
    are_full : sequence of bool
        Which factors are dense.
    fills : bool
        Whether products have more nonzeros than their sides; else as many as the one that has more.
    stored : n + 1 rows of n + 1 floats
        Nonzeros; those of the factors are given, the others become those of the products.
    costs : n + 1 rows of n + 1 floats
        Become the multiplications in the cheapest order; those of the factors must be 0.
    splits : n + 1 rows of n + 1 ints
        Become where the product is split in that order; of equal splits the first.
    begin, end : int
        Of how many factors products are looked at; those of fewer must be there.
    """
    factors = len(are_full)
    for width in range(begin, end):
        for i in range(factors - width + 1):
            j = i + width
            held, cost, others, other_costs = stored[i], costs[i], stored[j], costs[j]
            least, split, is_full = math.inf, i + 1, are_full[i]
            for k in range(i + 1, j):
                is_full = is_full or are_full[k]
                total = cost[k] + other_costs[k]
                if total < least:
                    total += held[k] * others[k] / max(sizes[k], 1.0)
                    if total < least:
                        least, split = total, k
            cost[j] = other_costs[i] = least
            splits[i][j] = split
            places = sizes[i] * sizes[j]
            if is_full:
                held[j] = places
            elif fills:
                pairs = held[split] * others[split] / max(sizes[split], 1.0)
                held[j] = -places * math.expm1(-pairs / max(places, 1.0))
            else:
                held[j] = min(places, max(held[split], others[split]))
            others[i] = held[j]
