"""A first look at a chain of sparse matrices: what sizes and numbers of nonzeros say, as if nonzeros were spread evenly."""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from chainopt.costs.nonzero_tables import nonzero_tables, products_of
from chainopt.costs.sure_sweeps import sure_sweep, sweep_to_left, sweep_to_right

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.costs.nonzero_tables import Tables
    from chainopt.costs.sure_sweeps import Products
    from chainopt.structure.leaves import Leaf

MARGIN = 1.1  # by which another order may be cheaper that nobody looks for
NEARLY = 1.03  # times what is estimated to be the cheapest: up to here, a sweep from a dense end is taken
SHORT = 100  # factors of a chain that is kept


class FirstLook:
    """What sizes and numbers of nonzeros say, and the cheapest order by that.

    Parameters
    ----------
    sizes : tuple of int
        The sizes between the factors, outputs first.
    counts : tuple of int
        The nonzeros of the factors.
    are_full : tuple of bool
        Which factors are dense.
    """

    def __init__(self, sizes: tuple[int, ...], counts: tuple[int, ...], are_full: tuple[bool, ...]) -> None:
        self.sizes, self.counts, self.are_full = sizes, counts, are_full
        self._sweep = sure_sweep(sizes, counts, are_full)
        self._full_before = [0, *accumulate(are_full)]

    @cached_property
    def tables(self) -> Tables:
        """What is told of all intervals."""
        return nonzero_tables(self.sizes, self.counts, self.are_full, fills=True)

    @cached_property
    def products(self) -> Products:
        """The products (i, k, j) that are formed on the way to the whole, in an order in which they can be."""
        if self._sweep is not None:
            return self._sweep
        factors, splits = len(self.counts), self.tables.splits
        products = products_of(factors, lambda i, j: int(splits[i][j]))
        most = NEARLY * sum(self.work(*product) for product in products)
        # A few nonzeros that meet by chance are no reason to multiply sparse matrices, which takes longer than a sweep.
        sweeps = [(sweep_to_left(factors), self.are_full[-1]), (sweep_to_right(factors), self.are_full[0])]
        cheap = (sweep for sweep, is_dense in sweeps if is_dense and sum(self.work(*product) for product in sweep) <= most)
        return next(cheap, products)

    def with_order(self, products: Products) -> FirstLook:
        """Return a look at the same chain that has found another order."""
        other = FirstLook(self.sizes, self.counts, self.are_full)
        other.__dict__["products"] = products
        return other

    def nonzeros(self, i: int, j: int) -> float:
        """Return how many nonzeros the product of ``i..j-1`` has."""
        if j == i + 1:
            return self.counts[i]
        return self.sizes[i] * self.sizes[j] if self.has_full(i, j) else self.tables.stored[i][j]

    def work(self, i: int, k: int, j: int) -> float:
        """Return how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs."""
        return self.nonzeros(i, k) * self.nonzeros(k, j) / (self.sizes[k] or 1)

    def has_full(self, i: int, j: int) -> bool:
        """Whether the product of ``i..j-1`` is dense because one of its factors is."""
        return self._full_before[j] > self._full_before[i]

    def cost(self) -> float:
        """Return what the whole chain costs."""
        return sum(self.work(*product) for product in self.products)

    def products_of_sparse(self, leaves: Sequence[Leaf], most: float = math.inf) -> int:
        """Return how many different products of sparse factors there may be, as far as they are no more than ``most``."""
        known: dict[tuple[int, int], int] = {}  # a product by that of its factors but the last, and the last one
        powers = _powers(leaves)
        count = 0
        for i, first in enumerate(leaves):
            if i and powers[i - 1]:
                continue  # the products that begin here are some of those that begin one factor before
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
        return self.cost() if self._sweep is not None else _least(self.sizes, self.counts, self.are_full)

    def work_of_sparse(self, products: Products | None = None) -> float:
        """Return the work of those products, of these or of the cheapest order, whose sides are both sparse."""
        products = self.products if products is None else products
        along = self.along(products)
        return sum(along.work(i, k, j) for i, k, j in products if not (self.has_full(i, k) or self.has_full(k, j)))

    def along(self, products: Products) -> LookAlong:
        """Look at one order, whose products are given, in any order; those of two factors need not be looked at."""
        return LookAlong(self, products)


class LookAlong:
    """What sizes and numbers of nonzeros say of the products of one order: its own, not those of the cheapest orders.

    Parameters
    ----------
    look : FirstLook
        The chain.
    products : list of (int, int, int)
        Products (i, k, j), with all that their sides are made of.
    """

    def __init__(self, look: FirstLook, products: Products) -> None:
        self.look = look
        self._nonzeros: dict[tuple[int, int], float] = {(i, i + 1): count for i, count in enumerate(look.counts)}
        for i, k, j in sorted(products, key=_width):
            places = look.sizes[i] * look.sizes[j]
            filled = float(places) if look.has_full(i, j) else -places * math.expm1(-self.work(i, k, j) / max(places, 1.0))
            self._nonzeros[i, j] = filled

    def nonzeros(self, i: int, j: int) -> float:
        """Return how many nonzeros the product of ``i..j-1`` has."""
        return self._nonzeros[i, j]

    def work(self, i: int, k: int, j: int) -> float:
        """Return how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs."""
        return self._nonzeros[i, k] * self._nonzeros[k, j] / (self.look.sizes[k] or 1)


def _width(product: tuple[int, int, int]) -> int:
    return product[2] - product[0]


def _powers(leaves: Sequence[Leaf]) -> list[bool]:
    """Say from which factors on there is but one and the same sparse one, again and again, up to a dense one or to the end."""
    powers = [not leaf.is_full for leaf in leaves]
    for i in range(len(leaves) - 2, -1, -1):
        powers[i] = powers[i] and (leaves[i + 1].is_full or (powers[i + 1] and leaves[i] is leaves[i + 1]))
    return powers


def first_look(leaves: Sequence[Leaf]) -> FirstLook:
    """Look at sizes and numbers of nonzeros."""
    sizes = (*[leaf.shape[0] for leaf in leaves], leaves[-1].shape[1])
    stored = tuple([leaf.nonzeros for leaf in leaves])
    are_full = tuple([leaf.is_full for leaf in leaves])
    return (_short if len(leaves) <= SHORT else _long)(sizes, stored, are_full)


_short, _long = lru_cache(maxsize=64)(FirstLook), lru_cache(maxsize=1)(FirstLook)  # of a long one tables are large


@lru_cache(maxsize=64)  # of numbers only
def _least(sizes: tuple[int, ...], counts: tuple[float, ...], are_full: tuple[bool, ...]) -> float:
    """Return what `FirstLook.least` does."""
    return nonzero_tables(sizes, counts, are_full, fills=False).costs[0][len(counts)]
