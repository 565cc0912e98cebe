"""What products of sparse matrices cost, estimated in less time than the products take.

Numbers of nonzeros are enough where a thin matrix at one end is swept through the chain, as in powers times a vector. Where two
sparse matrices have to be multiplied and that is much work, the nonzeros of rows and columns are counted, and those of products
are estimated: a matrix with a few full columns costs far more than one whose nonzeros are spread.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from chainopt.costs.at_most import AtMost
from chainopt.costs.first_look import first_look
from chainopt.costs.nonzero_tables import products_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.costs.first_look import FirstLook
    from chainopt.costs.sure_sweeps import Products
    from chainopt.structure.leaves import Leaf
    from chainopt.typing import NumpyArray

LITTLE = 0.05  # multiplications of sparse matrices for each nonzero, for which nonzeros are not counted
EVEN = 1.5  # times the multiplications of spread nonzeros: up to here, estimates for such are trusted
MUCH = 3e5  # multiplications of a sparse product, below which counting takes as long as they do
DRAWING = 1e5  # multiplications that take as long as to draw rows of a product
WORTH, WORTH_PER_NONZERO = 1e4, 5.0  # multiplications that take far longer than to draw rows of a product of so large factors
WORTH_DRAWING = 2.0  # times the multiplications that take as long as to draw: less is risked without
RISK = 2.0  # times what the safest order may need
LOOKED_AT = 10_000  # entries
FACTORS, MOST_SAMPLED = 64, 2_100  # and the different products that they have, of which rows are drawn
CHEAP = 0.25  # nonzeros are counted in a tenth of the time of so many multiplications for each


class Estimates(Protocol):
    """What is estimated of the products of intervals of a chain."""

    def nonzeros(self, i: int, j: int) -> float:
        """Return how many nonzeros the product of ``i..j-1`` has."""

    def work(self, i: int, k: int, j: int) -> float:
        """Return how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs."""


def cheapest(factors: int, work: Callable[[int, int, int], float]) -> Products:
    """Return the products (i, k, j) of the cheapest order, of ``i..k-1`` with ``k..j-1``; of equal splits the first.

    Parameters
    ----------
    factors : int
        How many there are.
    work : callable
        The work of a product, given i, k and j.
    """
    costs, splits = {(i, i + 1): 0.0 for i in range(factors)}, {}
    for width in range(2, factors + 1):
        for i in range(factors - width + 1):
            j = i + width
            totals = [costs[i, k] + costs[k, j] + work(i, k, j) for k in range(i + 1, j)]
            costs[i, j] = least = min(totals)
            splits[i, j] = i + 1 + totals.index(least)
    return products_of(factors, lambda i, j: splits[i, j])


def estimates_of(leaves: Sequence[Leaf], much: float = 0.0) -> Estimates:
    """Estimate what the products of a chain cost.

    Parameters
    ----------
    leaves : sequence of Leaf
        The factors.
    much : float
        Nonzeros are counted only if products of two sparse matrices need more multiplications than this.
    """
    look = first_look(leaves)
    listed = listed_of(leaves)
    of_sparse = look.work_of_sparse()
    if is_little(of_sparse, listed):
        if much or (look.is_clear() and not any(leaf.has_gaps for leaf in listed)):
            return look
        of_sparse = math.inf
    if is_long(leaves, look) or (much and len(leaves) > FACTORS):
        return look
    pairs, cost = _pairs(leaves), look.cost()
    if much and (of_sparse > much or sum(look.counts[k - 1] + look.counts[k] for k in pairs) < CHEAP * cost):
        # Where nonzeros are in a few rows and columns, a product needs many times what it would if they were spread evenly.
        times = skew(leaves, look)
        drawing = WORTH + WORTH_PER_NONZERO * sum(leaf.nonzeros for leaf in listed) / len(listed)
        if times <= EVEN and look.least() <= drawing * look.products_of_sparse(leaves):
            return look
        of_sparse *= times
    if much:
        products = look.products_of_sparse(leaves, MOST_SAMPLED)
        if of_sparse <= max(much, DRAWING * products):
            return look
        bounds = AtMost(leaves)
        if bounds.cost <= WORTH_DRAWING * products * _drawing(leaves):
            return look if bounds.of(look.products) <= RISK * bounds.cost else look.with_order(bounds.products)
    from chainopt.structure.sampled_counts import SampledCounts

    return SampledCounts(leaves)


def _drawing(leaves: Sequence[Leaf]) -> float:
    """Return how many multiplications take as long as to draw rows of a product, if those are full."""
    from chainopt.structure.sampled_counts import ENTRIES, MOST

    widest = max(leaf.shape[1] for leaf in leaves)
    listed = listed_of(leaves)
    each = sum(leaf.nonzeros for leaf in listed) / sum(leaf.shape[0] for leaf in listed)
    return DRAWING + min(ENTRIES, MOST * widest) * each


def is_little(work: float, listed: Sequence[Leaf]) -> bool:
    """Whether the products of sparse factors need next to no work beside looking at the nonzeros of those."""
    return work <= LITTLE * sum(leaf.nonzeros for leaf in listed)


def listed_of(leaves: Sequence[Leaf]) -> list[Leaf]:
    """Return the sparse factors, each once."""
    return [leaf for leaf in {id(leaf): leaf for leaf in leaves}.values() if not leaf.is_full]


def is_long(leaves: Sequence[Leaf], look: FirstLook) -> bool:
    """Whether a chain has so many different products of sparse factors that none is counted."""
    return len(leaves) > FACTORS and look.products_of_sparse(leaves, MOST_SAMPLED) > MOST_SAMPLED


def skew(leaves: Sequence[Leaf], look: FirstLook) -> float:
    """Return about how many times as many multiplications a product of neighbors needs, at most, as with spread nonzeros."""
    return max([1.0, *(_skew(leaves[k - 1], leaves[k], look.work(k - 1, k, k + 1) or 1.0) for k in _pairs(leaves))])


def _pairs(leaves: Sequence[Leaf]) -> list[int]:
    """Return where two sparse factors meet."""
    return [k for k in range(1, len(leaves)) if not (leaves[k - 1].is_full or leaves[k].is_full)]


def _skew(left: Leaf, right: Leaf, work: float) -> float:
    """Return about how many times as many multiplications the product of two sparse matrices needs as with spread nonzeros.

    Each entry of the left meets a row of the right. Where all rows are about as long that is known without looking at the left.
    """
    columns, lengths = left.rows[1], np.diff(right.rows[0])
    bound = left.nonzeros * int(lengths.max(initial=0)) / work
    if bound <= EVEN or not columns.size:
        return bound
    if columns.size > LOOKED_AT:  # at some that are as good as drawn, and the same each time
        columns = columns[(_drawn() * columns.size).astype(np.intp)]
    return float(int(lengths[columns].sum()) * left.nonzeros / (columns.size * work))


@cache
def _drawn() -> NumpyArray:
    """Return numbers between 0 and 1 that fill it evenly, in step with no pattern: multiples of the golden ratio."""
    return np.arange(LOOKED_AT) * ((math.sqrt(5.0) - 1.0) / 2.0) % 1.0
