"""The number of multiplications of structured products: no more than the nonzeros of the two patterns need.

The pattern of a product of neighbors is the Boolean product of their patterns, which is associative: it does not depend on
the bracketing, so that it is computed once for each interval of the chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.errors import ChainError
from chainopt.structure import patterns
from chainopt.structure.bands import Band
from chainopt.structure.grid import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.chain.chain import JacobianChain
    from chainopt.structure.patterns import Pattern
    from chainopt.typing import NumpyArray

    Intervals = dict[tuple[int, int], Pattern]

MOST_FORMED = 4 * 10**8  # nonzeros of a pattern: two gigabytes, and as much again while it is made


def intervals_of(chain: JacobianChain) -> Intervals:
    """Return the pattern of the product of the factors ``i..j-1``, for every i < j."""
    leaves = chain.patterns
    by_interval: Intervals = {(position, position + 1): leaf for position, leaf in enumerate(leaves)}
    for width in range(2, len(leaves) + 1):
        for i in range(len(leaves) - width + 1):
            j = i + width
            by_interval[i, j] = _product(leaves[i], by_interval[i + 1, j])  # a few places choose among rows of many
    return by_interval


def along(chain: JacobianChain, bracketing: Bracketing) -> tuple[NumpyArray, NDArray[np.bool_]]:
    """Return, by the gap at which it is split, what each product needs, and whether both its sides are full."""
    counts = np.zeros(bracketing.factors - 1, dtype=object)
    are_full = np.zeros(bracketing.factors - 1, dtype=bool)
    *inner, last = bracketing.splits_in_order().tolist() or [0]
    splits = iter([*inner, last])

    def join(left: Pattern, right: Pattern) -> Pattern:
        split = next(splits)
        counts[split] = patterns.multiplications(left, right)
        are_full[split] = is_full(left) and is_full(right)
        return left if split == last else _product(left, right)  # nothing is multiplied with the whole

    bracketing.fold(chain.patterns, join)
    return counts, are_full


def _product(left: Pattern, right: Pattern) -> Pattern:
    """Return the pattern of a product, unless it would fill memory."""
    if isinstance(left, patterns.Places) and isinstance(right, patterns.Places):
        nonzeros = min(left.shape[0] * right.shape[1], patterns.multiplications(left, right))
        if nonzeros > MOST_FORMED:
            msg = (
                f"the chain has products of sparse matrices with up to {nonzeros:,} nonzeros, which are not counted: "
                'take the objective "multiplications" with one worker and no memory_limit, and patterns="auto" or "estimated"'
            )
            raise ChainError(msg)
    return patterns.product(left, right)


def tables(intervals: Intervals, factors: int) -> list[tuple[NumpyArray, NDArray[np.bool_]]]:
    """Return, for every inner k, what the products of ``i..k-1`` with ``k..j-1`` need, by i and j - k - 1; as `along` does."""
    by_split: list[tuple[NumpyArray, NDArray[np.bool_]]] = [(np.zeros((0, factors)), np.zeros((0, factors), dtype=bool))]
    for k in range(1, factors):
        lefts = [intervals[i, k] for i in range(k)]
        rights = [intervals[k, j] for j in range(k + 1, factors + 1)]
        full = np.logical_and.outer([*map(is_full, lefts)], [*map(is_full, rights)])
        by_split.append((patterns.table_of_multiplications(lefts, rights), full))
    return by_split


def is_full(pattern: Pattern) -> bool:
    """Whether a matrix with this pattern is dense."""
    if isinstance(pattern, Grid):
        return pattern.is_full
    return isinstance(pattern, Band) and pattern.is_full and not pattern.is_unit
