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

ROWS = 32  # that are drawn of each side of a product


class OrderCounts:
    """The nonzeros and the work of the products of some orders.

    Of the product (i, k, j), some rows of the left side ``i..k-1`` are formed, and some rows of the right side that their entries
    meet. The former are the group (i, i), rows of factor i times the factors after it; the latter are the group (i, k), which
    begins with rows of factor k.

    Parameters
    ----------
    leaves : sequence of Leaf
        The factors, none of them dense.
    orders : sequence of list of (int, int, int)
        The products (i, k, j) of each.
    """

    def __init__(self, leaves: Sequence[Leaf], orders: Sequence[Sequence[Product]]) -> None:
        alike = {id(leaf): _pattern(leaf.shape, *leaf.rows) for leaf in leaves}
        self._leaves = leaves
        self._draw = np.random.default_rng(0)  # the same estimates at each call
        self._drawn: dict[Group, int] = {}  # rows
        self._entries: dict[tuple[Group, int], int] = {}  # of a group, after the factors up to j-1
        self._met: dict[Group, int] = {}  # entries of factor k that rows of i..k-1 meet
        products = {*chain.from_iterable(orders)}
        ends = _ends(products)
        splits = sorted({(i, k) for i, k, _ in products})
        rows = _Rows(None, {})
        for k, leaf in enumerate(leaves):
            ones = alike[id(leaf)]
            begun = {(k, k): self._some(np.arange(leaf.shape[0]))} if (k, k) in ends else {}
            for i in (i for i, split in splits if split == k):
                entries = rows.columns((i, i))
                self._met[i, k] = int(np.diff(ones.indptr)[entries].sum())
                if (i, k) in ends:
                    begun[i, k] = self._some(entries)
            rows = rows.without([group for group in rows.places if ends[group] == k]).times(ones, begun)
            self._drawn.update((group, numbers.size) for group, numbers in begun.items())
            self._entries.update(((group, k + 1), rows.columns(group).size) for group in rows.places)

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
        return numbers if numbers.size <= ROWS else self._draw.choice(numbers, ROWS, replace=False)


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

    def without(self, ended: Sequence[Group]) -> _Rows:
        """Return what is left when some groups have met all their factors."""
        if not ended:
            return self
        left = {group: place for group, place in self.places.items() if group not in ended}
        kept = np.concatenate([np.arange(*place) for place in left.values()] or [np.arange(0)])
        return _Rows(self.pattern[kept], _places({group: end - begin for group, (begin, end) in left.items()}))

    def times(self, ones: Array, begun: Mapping[Group, IntArray]) -> _Rows:
        """Return the rows times one more factor, and below them those rows of it with which other groups begin."""
        above = [self.pattern @ ones] if self.places else []
        below = [ones[np.concatenate([*begun.values()])]] if begun else []
        sizes = {group: end - begin for group, (begin, end) in self.places.items()}
        sizes |= {group: numbers.size for group, numbers in begun.items()}
        return _Rows(_one_below_the_other([*above, *below]), _places(sizes))


def _pattern(shape: tuple[int, int], indptr: IntArray, indices: IntArray) -> Array:
    return scipy_sparse().csr_array((np.ones(indices.size, dtype=np.bool_), indices, indptr), shape=shape)


def _one_below_the_other(patterns: Sequence[Array]) -> Array:
    """Stack rows; SciPy's ``vstack`` takes several times as long for so few."""
    if len(patterns) < 2:
        return patterns[0] if patterns else None
    above, below = patterns
    indptr = np.concatenate([above.indptr, below.indptr[1:] + above.indptr[-1]])
    return _pattern((indptr.size - 1, above.shape[1]), indptr, np.concatenate([above.indices, below.indices]))


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
