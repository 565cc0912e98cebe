"""What the products of some orders of multiplication need, estimated from some rows of each: where products hardly fill up.

Sizes and numbers of nonzeros say too much of matrices whose nonzeros are near each other, as those of blocks, bands and stencils:
their products meet at the same places again and again. Rows that are formed tell what is left.

All rows are multiplied by a factor at once: one pass through the chain, from left to right, serves all products of all orders.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from chainopt.structure.patterns import scipy_sparse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chainopt.structure.leaves import Leaf
    from chainopt.typing import Array, IntArray

    Product = tuple[int, int, int]
    Group = tuple[int, int]

MOST, FEWEST = 32, 2  # rows that are drawn of each side of a product
PART = 8  # of what the chain needs, if all rows are alike and its least size is that of all products, may be needed for them


def order_counts(leaves: Sequence[Leaf], orders: Sequence[Sequence[Product]], most: float) -> OrderCounts | None:
    """Form some rows of the products of some orders.

    Parameters
    ----------
    leaves : sequence of Leaf
        The factors, none of them dense.
    orders : sequence of list of (int, int, int)
        The products (i, k, j) of each.
    most : float
        How many multiplications may be spent: rows that fill up on the way to a thin factor may need more than the product.

    Returns
    -------
    OrderCounts or None
        None where it would take long beside the product.
    """
    least = min(min(leaf.shape) for leaf in leaves)
    rows = min(MOST, least // (PART * len(leaves)))  # at each factor two groups of rows begin, which go through half of the chain
    if rows < FEWEST:
        return None
    counts = OrderCounts(leaves, rows)
    return counts if counts.form({*chain.from_iterable(orders)}, most) else None


class OrderCounts:
    """The nonzeros and the work of some products.

    Of the product (i, k, j), some rows of the left side ``i..k-1`` are formed, and some rows of the right side that their entries
    meet. The former are the group (i, i), rows of factor i times the factors after it; the latter are the group (i, k), which
    begins with rows of factor k.

    Parameters
    ----------
    leaves : sequence of Leaf
        The factors, none of them dense.
    rows : int
        How many are drawn for a group, at most.
    """

    def __init__(self, leaves: Sequence[Leaf], rows: int) -> None:
        self._leaves, self._rows = leaves, rows
        self._draw = np.random.default_rng(0)  # the same estimates at each call
        self._drawn: dict[Group, int] = {}  # rows
        self._entries: dict[tuple[Group, int], int] = {}  # of a group, after the factors up to j-1
        self._met: dict[Group, int] = {}  # entries of factor k that rows of i..k-1 meet

    def form(self, products: set[Product], most: float) -> bool:
        """Form rows of products (i, k, j); return False where that needs more multiplications than ``most``."""
        alike = {id(leaf): _pattern(leaf.shape, *leaf.rows) for leaf in self._leaves}
        splits = sorted({(i, k) for i, k, _ in products})
        ends, rows, formed = _ends(products), _Rows(None, {}), 0
        for k, leaf in enumerate(self._leaves):
            ones = alike[id(leaf)]
            lengths = np.diff(ones.indptr)
            begun = {(k, k): self._some(np.arange(leaf.shape[0]))} if (k, k) in ends else {}
            for i in (i for i, split in splits if split == k):
                entries = rows.columns((i, i))
                self._met[i, k] = int(lengths[entries].sum())
                if (i, k) in ends:
                    begun[i, k] = self._some(entries)
            rows = rows.without([group for group in rows.places if ends[group] == k])
            formed += rows.work(lengths)
            if formed > most:
                return False
            rows = rows.times(ones, begun)
            self._drawn.update((group, numbers.size) for group, numbers in begun.items())
            self._entries.update(((group, k + 1), rows.columns(group).size) for group in rows.places)
        return True

    def nonzeros(self, i: int, j: int) -> float:
        """Return how many nonzeros the product of ``i..j-1`` has."""
        return float(self._leaves[i].nonzeros) if j == i + 1 else self._share(i) * self._entries[(i, i), j]

    def work(self, i: int, k: int, j: int) -> float:
        """Return how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs."""
        if j == k + 1:
            return self._share(i) * self._met[i, k]
        drawn = self._drawn[i, k]
        return self._share(i) * self._entries[(i, i), k] * (self._entries[(i, k), j] / drawn if drawn else 0.0)

    def _share(self, i: int) -> float:
        """Return for how many rows of factor i each of those stands that were drawn."""
        drawn = self._drawn[i, i]
        return self._leaves[i].shape[0] / drawn if drawn else 0.0

    def _some(self, numbers: IntArray) -> IntArray:
        return numbers if numbers.size <= self._rows else self._draw.choice(numbers, self._rows, replace=False)


class _Rows:
    """The rows of several groups, one below the other.

    Parameters
    ----------
    pattern : scipy.sparse.csr_array
        True in the places of their nonzeros; none if there are no groups.
    places : dict of (int, int) to (int, int)
        Where each group begins and ends.
    """

    def __init__(self, pattern: Array, places: Mapping[Group, tuple[int, int]]) -> None:
        self.pattern, self.places = pattern, places

    def columns(self, group: Group) -> IntArray:
        """Return the columns of the nonzeros of a group."""
        begin, end = self.places[group]
        indptr = self.pattern.indptr
        found: IntArray = self.pattern.indices[indptr[begin] : indptr[end]]
        return found

    def work(self, lengths: IntArray) -> int:
        """Return how many multiplications a product with one more factor needs, whose rows have so many nonzeros."""
        return int(lengths[self.pattern.indices].sum()) if self.places else 0

    def without(self, ended: Sequence[Group]) -> _Rows:
        """Return what is left when some groups have met all their factors."""
        if not ended:
            return self
        left = {group: place for group, place in self.places.items() if group not in ended}
        kept = np.concatenate([np.arange(*place) for place in left.values()] or [np.arange(0)])
        return _Rows(self.pattern[kept], _places({group: end - begin for group, (begin, end) in left.items()}))

    def times(self, ones: Array, begun: Mapping[Group, IntArray]) -> _Rows:
        """Return the rows times one more factor, and below them those rows of it with which other groups begin."""
        above = self.pattern @ ones if self.places else None
        if not begun:
            return _Rows(above, self.places)
        sizes = {group: end - begin for group, (begin, end) in self.places.items()}
        sizes |= {group: numbers.size for group, numbers in begun.items()}
        return _Rows(_with_rows(above, ones, np.concatenate([*begun.values()])), _places(sizes))


def _with_rows(above: Array, ones: Array, numbers: IntArray) -> Array:
    """Return a matrix with some rows of another one below it; SciPy's own functions take several times as long for so few."""
    begins, lengths = ones.indptr[numbers], np.diff(ones.indptr)[numbers]
    ends = np.cumsum(lengths)
    indices = ones.indices[np.repeat(begins - (ends - lengths), lengths) + np.arange(ends[-1] if ends.size else 0)]
    indptr = np.concatenate([[0], ends])
    if above is not None:
        indptr = np.concatenate([above.indptr, above.indptr[-1] + ends])
        indices = np.concatenate([above.indices, indices])
    return _pattern((indptr.size - 1, ones.shape[1]), indptr, indices)


def _pattern(shape: tuple[int, int], indptr: IntArray, indices: IntArray) -> Array:
    return scipy_sparse().csr_array((np.ones(indices.size, dtype=np.bool_), indices, indptr), shape=shape)


def _places(sizes: Mapping[Group, int]) -> dict[Group, tuple[int, int]]:
    """Return where each group begins and ends."""
    places, end = {}, 0
    for group, size in sizes.items():
        places[group] = end, end + size
        end += size
    return places


def _ends(products: set[Product]) -> dict[Group, int]:
    """Return after which factor each group has met all that it has to."""
    ends: dict[Group, int] = {}
    for i, k, j in products:
        ends[i, i] = max(ends.get((i, i), 0), j)
        if j > k + 1:
            ends[i, k] = max(ends.get((i, k), 0), j)
    return ends
