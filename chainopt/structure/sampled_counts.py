"""How many nonzeros the rows and columns of all products in a chain have, estimated in time linear in those of the factors.

The counts of the rows of a product travel leftwards: a row has as many nonzeros as the rows that it picks have together, less
those that meet at one place. How many meet is known for some random rows, whose patterns are formed. The counts of the columns
travel rightwards, and add up to the same number. A dense factor makes a product a rectangle, of the rows that are not empty to
its left and of the columns that are not to its right, which are known exactly.

References: E. Cohen, "Structure prediction and computation of sparse matrix products", J. Comb. Optim. 2 (1998), which lets
sketches travel likewise; J. Sommer, M. Boehm, A. V. Evfimievski, B. Reinwald, P. J. Haas, "MNC: structure-exploiting sparsity
estimation for matrix expressions", SIGMOD 2019, which lets counts do so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chainopt.structure.leaves import Leaf
    from chainopt.typing import Array, BoolArray, IntArray

    Counts = NDArray[np.float64]
    Interval = tuple[int, int]

FEWEST, MOST, ENTRIES = 32, 256, 400_000  # rows that are drawn, and how many entries they may have
MANY = 64  # factors of which so many are drawn; of longer chains fewer


class SampledCounts:
    """The nonzeros in each row, and in each column, of the product of the factors ``i..j-1``, for every i < j.

    Parameters
    ----------
    leaves : sequence of Leaf
        The factors; those that are the same object share their counts, and so do their products.
    """

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        alike: dict[int, Array] = {}
        for leaf in leaves:
            if id(leaf) not in alike:
                alike[id(leaf)] = None if leaf.is_full else leaf.ones()
        self._leaves = leaves
        self._ones = [alike[id(leaf)] for leaf in leaves]
        self._first: dict[tuple[Interval | None, int], Interval] = {}  # by that without the last factor, and by this one
        self._same: dict[Interval, Interval] = {}
        self._rows: dict[Interval, Counts] = {}
        self._columns: dict[Interval, Counts] = {}
        self._sampled: dict[Interval, int] = {}  # how many nonzeros the rows have that are drawn
        self._drawn: dict[int, _DrawnRows] = {}

    def nonzeros(self, i: int, j: int) -> float:
        """Return how many nonzeros the product of ``i..j-1`` has."""
        return float(self.rows(i, j).sum())

    def work(self, i: int, k: int, j: int) -> float:
        """Return how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs; of two factors exactly."""
        return float(self.columns(i, k) @ self.rows(k, j))

    def rows(self, i: int, j: int) -> Counts:
        """Return how many nonzeros each row of the product of ``i..j-1`` has."""
        start = i
        while start < j and self._alike(start, j) not in self._rows:
            start += 1
        for first in range(start - 1, i - 1, -1):
            same = self._alike(first, j)
            self._rows[same] = self._count_rows(*same)
        return self._rows[self._alike(i, j)]

    def columns(self, i: int, j: int) -> Counts:
        """Return how many nonzeros each column of the product of ``i..j-1`` has."""
        end = j
        while end > i and self._alike(i, end) not in self._columns:
            end -= 1
        for last in range(end + 1, j + 1):
            same = self._alike(i, last)
            self._columns[same] = self._count_columns(*same)
        return self._columns[self._alike(i, j)]

    def _alike(self, i: int, j: int) -> Interval:
        """Return an interval with the same factors, always the same one."""
        known = j
        while known > i and (i, known) not in self._same:
            known -= 1
        for end in range(known + 1, j + 1):
            begin = self._same[i, end - 1] if end > i + 1 else None
            self._same[i, end] = self._first.setdefault((begin, id(self._leaves[end - 1])), (i, end))
        return self._same[i, j]

    def _count_rows(self, i: int, j: int) -> Counts:
        ones = self._ones[i]
        full = self._first_full(i, j)
        if full is not None:
            filled, live = self._rectangle(i, full, j)
            return np.where(filled, float(live.sum()), 0.0)
        if j == i + 1:
            return np.asarray(np.diff(ones.indptr), dtype=np.float64)
        width = self._leaves[j - 1].shape[1]
        counts = _spread(ones @ self._rows[self._alike(i + 1, j)], width)
        nonzeros = self._nonzeros_drawn(i, j)
        found = counts[self._drawn[i].rows].sum()
        return _adding_up_to(counts.sum() * (nonzeros / found) if found else counts.sum(), counts, width)

    def _nonzeros_drawn(self, i: int, j: int) -> int:
        """Return how many nonzeros some rows of a product have."""
        if i not in self._drawn:
            widest = max(leaf.shape[1] for leaf in self._leaves)
            most = min(MOST, ENTRIES // max(widest, 1), MOST * MANY // len(self._leaves))
            self._drawn[i] = _DrawnRows(self._ones[i], max(FEWEST, most), i)
            self._sampled[i, i + 1] = self._drawn[i].pattern.nnz
        drawn = self._drawn[i]
        for end in range(i + drawn.factors, j):
            drawn.multiply(self._ones[end])
            self._sampled[i, end + 1] = drawn.pattern.nnz
        return self._sampled[i, j]

    def _count_columns(self, i: int, j: int) -> Counts:
        leaf, last = self._leaves[i], self._ones[j - 1]
        full = self._first_full(i, j)
        if full is not None:
            filled, live = self._rectangle(i, full, j)
            return np.where(live, float(filled.sum()), 0.0)
        if j == i + 1:
            return np.bincount(last.indices, minlength=leaf.shape[1]).astype(np.float64)
        counts = _spread(self._columns[self._alike(i, j - 1)] @ last, leaf.shape[0])
        return _adding_up_to(self.nonzeros(i, j), counts, leaf.shape[0])

    def _first_full(self, i: int, j: int) -> int | None:
        return next((position for position in range(i, j) if self._leaves[position].is_full), None)

    def _rectangle(self, i: int, full: int, j: int) -> tuple[BoolArray, BoolArray]:
        """Return the rows and the columns that are not empty of a product with a dense factor."""
        filled = np.ones(self._leaves[i].shape[0], dtype=bool)
        if i < full:
            filled = self.rows(i, full) > 0
        live = np.ones(self._leaves[full].shape[1], dtype=bool)
        for position in range(full + 1, j):
            live = self._met(position, live)
        height, width = self._leaves[full].shape
        is_empty = not (height and width and filled.any() and live.any())
        return filled & (not is_empty), live & (not is_empty)

    def _met(self, position: int, live: BoolArray) -> BoolArray:
        """Return the columns of a factor that have a nonzero in one of some rows."""
        ones = self._ones[position]
        if ones is None:
            return np.full(self._leaves[position].shape[1], live.any())
        met = np.zeros(ones.shape[1], dtype=bool)
        met[ones.indices if live.all() else ones.indices[np.repeat(live, np.diff(ones.indptr))]] = True
        return met


class _DrawnRows:
    """The patterns of some rows of a product, which grows to the right factor by factor.

    Parameters
    ----------
    ones : scipy.sparse.csr_array
        Its first factor.
    count : int
        How many rows are drawn, at most.
    seed : int
        By which they are drawn: the same estimates at each call.
    """

    def __init__(self, ones: Array, count: int, seed: int) -> None:
        height = ones.shape[0]
        draw = np.random.default_rng(seed)
        self.rows: IntArray = np.arange(height) if height <= count else np.sort(draw.choice(height, count, replace=False))
        self.pattern = ones[self.rows]
        self.factors = 1
        self._keeps: Array = None  # a factor that leaves the pattern as it is

    def multiply(self, ones: Array) -> None:
        """Multiply by one more factor."""
        self.factors += 1
        if ones is self._keeps:
            return
        product = self.pattern @ ones
        product.data[:] = 1.0
        self._keeps = None
        if product.nnz == self.pattern.nnz and ones.shape[0] == ones.shape[1]:
            is_full = product.nnz == product.shape[0] * product.shape[1]
            if is_full or (product != self.pattern).nnz == 0:
                self._keeps = ones
        self.pattern = product


def _spread(pairs: Counts, places: int) -> Counts:
    """Return how many of some places are hit by so many pairs, if each hits one of them by chance.

    That is ``places * (1 - exp(-each))`` for so many pairs at each place, of which four terms of the exponential's series leave
    1.3 % at most, in a tenth of the time.
    """
    each = pairs / max(places, 1)
    growth = each * (1 + each / 2 * (1 + each / 3 * (1 + each / 4)))
    hit: Counts = places * (growth / (1 + growth))
    return hit


def _adding_up_to(total: float, counts: Counts, most: int) -> Counts:
    """Scale counts to a sum, as far as none is more than there are places."""
    present = counts.sum()
    return np.minimum(counts * (total / present), most) if present else counts
