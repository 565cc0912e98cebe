"""What products of sparse matrices cost, estimated in less time than the products take.

Numbers of nonzeros are enough where a thin matrix at one end is swept through the chain, as in powers times a vector. Where two
sparse matrices have to be multiplied and that is much work, the nonzeros of rows and columns are counted, and those of products
are estimated: a matrix with a few full columns costs far more than one whose nonzeros are spread.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np

from chainopt.kernels import nonzeros_dp, policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.structure.leaves import Leaf
    from chainopt.typing import NumpyArray

    Number = TypeVar("Number", int, float)
    Products = list[tuple[int, int, int]]
    Table = Sequence[Sequence[Number]] | NumpyArray

LITTLE = 0.05  # multiplications of sparse matrices for each nonzero, for which nonzeros are not counted
MARGIN = 1.1  # by which another order may be cheaper that nobody looks for
EVEN = 1.5  # times the multiplications of spread nonzeros: up to here, estimates for such are trusted
MUCH = 3e5  # multiplications of a sparse product, below which counting takes as long as they do
WORTH, WORTH_PER_NONZERO = 1e4, 5.0  # multiplications that take far longer than to draw rows of a product of so large factors
SHORT = 100  # factors of a chain that is kept
COMPILED, MANY, SECONDS_PER_STEP = 5_000, 600_000, 1.5e-7  # steps of a first look, the time of one that is not compiled
AT_ONCE = 10**8  # steps that cannot be interrupted
LOOKED_AT = 10_000  # entries
FACTORS, MOST_SAMPLED = 64, 2_100  # and the different products that they have, of which rows are drawn
CHEAP = 0.25  # nonzeros are counted in a tenth of the time of so many multiplications for each


class Estimates(Protocol):
    """What is estimated of the products of intervals of a chain."""

    def nonzeros(self, i: int, j: int) -> float:
        """Return how many nonzeros the product of ``i..j-1`` has."""

    def work(self, i: int, k: int, j: int) -> float:
        """Return how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs."""


class FirstLook(NamedTuple):
    """What sizes and numbers of nonzeros say, as if nonzeros were spread evenly, and the cheapest order by that.

    Attributes
    ----------
    sizes : tuple of int
        The sizes between the factors, outputs first.
    are_full : tuple of bool
        Which factors are dense.
    stored : table
        The nonzeros of the product of ``i..j-1``, at [i][j].
    splits, costs : table
        Where the product of ``i..j-1`` is split in its cheapest order, and what it costs, at [i][j].
    products : list
        The products (i, k, j) that are formed on the way to the whole, in an order in which they can be.
    """

    sizes: tuple[int, ...]
    are_full: tuple[bool, ...]
    stored: Table[float]
    splits: Table[int]
    costs: Table[float]
    products: Products

    def nonzeros(self, i: int, j: int) -> float:
        """Return how many nonzeros the product of ``i..j-1`` has."""
        return self.stored[i][j]

    def work(self, i: int, k: int, j: int) -> float:
        """Return how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs."""
        return self.stored[i][k] * self.stored[k][j] / (self.sizes[k] or 1)

    def has_full(self, i: int, j: int) -> bool:
        """Whether the product of ``i..j-1`` is dense because one of its factors is."""
        return any(self.are_full[i:j])

    def cost(self) -> float:
        """Return what the whole chain costs."""
        return self.costs[0][len(self.are_full)]

    def products_of_sparse(self, leaves: Sequence[Leaf], most: float = math.inf) -> int:
        """Return how many different products of sparse factors there may be, as far as they are no more than ``most``."""
        known: dict[tuple[int, int], int] = {}  # a product by that of its factors but the last, and the last one
        count = 0
        for i, first in enumerate(leaves):
            product = id(first)
            for leaf in () if first.is_full else leaves[i + 1 :]:
                if leaf.is_full or count > most:
                    break
                count += (product, id(leaf)) not in known
                product = known.setdefault((product, id(leaf)), -len(known) - 1)
        return count

    def is_clear(self) -> bool:
        """Whether no other order can be much cheaper by a product of sparse matrices that has few nonzeros, as that of bands."""
        return self.least() * MARGIN >= self.cost()

    def least(self) -> float:
        """Return what the chain costs if products of sparse matrices have no more nonzeros than their sides, as with blocks."""
        counts = tuple([self.stored[i][i + 1] for i in range(len(self.are_full))])
        return _least(self.sizes, counts, self.are_full)

    def work_of_sparse(self, products: Products | None = None) -> float:
        """Return the work of those products, of these or of the cheapest order, whose sides are both sparse."""
        products = self.products if products is None else products
        return sum(self.work(i, k, j) for i, k, j in products if not (self.has_full(i, k) or self.has_full(k, j)))


def first_look(leaves: Sequence[Leaf]) -> FirstLook:
    """Look at sizes and numbers of nonzeros."""
    sizes = (*[leaf.shape[0] for leaf in leaves], leaves[-1].shape[1])
    stored = tuple([leaf.nonzeros for leaf in leaves])
    are_full = tuple([leaf.is_full for leaf in leaves])
    return (_short if len(leaves) <= SHORT else _long)(sizes, stored, are_full)


def _first_look(sizes: tuple[int, ...], counts: tuple[float, ...], are_full: tuple[bool, ...]) -> FirstLook:
    stored, costs, splits = _tables(sizes, counts, are_full, fills=True)
    return FirstLook(sizes, are_full, stored, splits, costs, products_of(len(counts), lambda i, j: int(splits[i][j])))


_short, _long = lru_cache(maxsize=64)(_first_look), lru_cache(maxsize=1)(_first_look)  # of a long one tables are large


@lru_cache(maxsize=64)  # of numbers only
def _least(sizes: tuple[int, ...], counts: tuple[float, ...], are_full: tuple[bool, ...]) -> float:
    """Return what `FirstLook.least` does."""
    return _tables(sizes, counts, are_full, fills=False)[1][0][len(counts)]


def _tables(
    sizes: Sequence[int], counts: Sequence[float], are_full: Sequence[bool], *, fills: bool
) -> tuple[Table[float], Table[float], Table[int]]:
    """Return the nonzeros of all products, the cost of each in its cheapest order, and where it is split in that."""
    width = len(sizes)
    steps = width**3 / 6
    inner = range(width - 1)
    # Up to many steps, importing Numba takes longer than all of them; who has imported it has compiled ones.
    if steps > COMPILED and policy.compiled_pays(steps * SECONDS_PER_STEP if steps > MANY else 0.0):
        stored, costs, splits = np.zeros((width, width)), np.zeros((width, width)), np.zeros((width, width), dtype=np.intp)
        stored[inner, range(1, width)] = stored[range(1, width), inner] = counts
        look, given = policy.compiled(nonzeros_dp.first_look), (np.array(sizes, dtype=np.float64), np.array(are_full))
        widths = max(1, int(AT_ONCE / width**2))
        for begin in range(2, width, widths):
            look(*given, fills, stored, costs, splits, begin, min(begin + widths, width))
        return stored, costs, splits
    rows = [[0.0] * width for _ in sizes], [[0.0] * width for _ in sizes], [[0] * width for _ in sizes]
    for i, count in enumerate(counts):
        rows[0][i][i + 1] = rows[0][i + 1][i] = float(count)
    nonzeros_dp.first_look([float(size) for size in sizes], are_full, fills, *rows, 2, width)
    return rows


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


def products_of(factors: int, split: Callable[[int, int], int]) -> Products:
    """List the products (i, k, j) on the way to that of all factors, sides before their product."""
    products, waiting = [], [(0, factors)]
    while waiting:
        i, j = waiting.pop()
        if j - i > 1:
            k = split(i, j)
            products.append((i, k, j))
            waiting += [(i, k), (k, j)]
    products.reverse()
    return products


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
    if is_long(leaves, look):
        return look
    pairs, cost = _pairs(leaves), look.cost()
    if much and (of_sparse > much or sum(look.stored[k - 1][k] + look.stored[k][k + 1] for k in pairs) < CHEAP * cost):
        # Where nonzeros are in a few rows and columns, a product needs many times what it would if they were spread evenly.
        times = skew(leaves, look)
        drawing = WORTH + WORTH_PER_NONZERO * sum(leaf.nonzeros for leaf in listed) / len(listed)
        if times <= EVEN and look.least() <= drawing * look.products_of_sparse(leaves):
            return look
        of_sparse *= times
    if of_sparse <= much:
        return look
    from chainopt.structure.sampled_counts import SampledCounts

    return SampledCounts(leaves)


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
    columns, lengths = left.listed().indices, np.diff(right.listed().indptr)
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
