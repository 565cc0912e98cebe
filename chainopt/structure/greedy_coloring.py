"""Few colors for the columns of a sparse pattern: the best of some greedy colorings, each compiled where that pays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.kernels import coloring, policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.structure.patterns import Entries
    from chainopt.typing import IntArray

SECONDS_PER_PAIR = 3e-7  # of a column and a neighbor of it, uncompiled, over all orders
PATIENCE = 20  # times what ordering chains has: a pattern is colored once, by several kernels, each of which takes long to load
FEW_PAIRS = 4_000_000  # of columns that share a row: so many are looked at one by one. Else
NARROW = 64  # a row of so many columns is walked column by column; of a wider one the colors are kept as bits
WORDS = 2**24  # at most for those
IN_WORDS = coloring.BITS  # places of the fullest row, with which the colors of each row are first tried as the bits of one word
PASSES = 3  # over a coloring, each of which may find a better one, until so many have not
MANY_PASSES = 2_000_000  # neighbors that are looked at in all passes, unless those few are more
FEW_COLUMNS = 10_000  # more of them are not colored in every order: it is dearer than the color that it may save


def greedy_colors(entries: Entries) -> IntArray:
    """Color columns with few colors, so that columns that share a row differ; -1 where a column is empty.

    The columns are numbered cyclically, as suits a stencil, or colored greedily: in their order, those with many neighbors
    first, or those with few last. Then they are colored again, color by color, which never takes more. It ends as soon as the
    colors are as few as the places of the fullest row.

    Parameters
    ----------
    entries : scipy.sparse.csr_array of bool
        The pattern.

    Returns
    -------
    numpy.ndarray of int64, shape (columns,)
    """
    return _Coloring(entries).best()


def fewest_colors(entries: Entries) -> int:
    """Return a number of colors that no coloring of the columns is below.

    As many as the places of the fullest row, and, as long as there are not too many pairs of columns that share a row, as Turán's
    theorem asks of so many pairs: n^2 / (n^2 - 2 pairs) of n columns that are not empty.
    """
    widths = np.diff(entries.indptr).astype(np.int64)
    used = int(np.unique(entries.indices).size)
    most = int(widths.max(initial=0))
    if most == used or not used**2 // 2 <= int((widths**2).sum()) <= FEW_PAIRS:  # fewer would not ask for a third color
        return most
    apart = used**2 + used - (entries.T @ entries).nnz
    return max(most, -(-(used**2) // apart))


class _Coloring:
    """The colorings of one pattern."""

    def __init__(self, entries: Entries) -> None:
        self.columns = int(entries.shape[1])
        by_columns = entries.tocsc()
        self.widths = np.diff(entries.indptr).astype(np.int64)
        self.used = np.flatnonzero(np.diff(by_columns.indptr))
        self.bound = int(self.widths.max(initial=0))
        self.fewest = fewest_colors(entries)
        threshold = max(NARROW, self.columns // coloring.BITS)
        while int((self.widths > threshold).sum()) * self._words > WORDS:
            threshold *= 2
        is_wide = (self.widths > threshold) & (int((self.widths**2).sum()) > FEW_PAIRS)
        self.wide = np.where(is_wide, np.cumsum(is_wide) - 1, -1).astype(np.int32)
        self.pairs = int((np.where(is_wide, threshold, self.widths) * self.widths).sum())
        self.is_compiled = policy.compiled_pays(self.pairs * SECONDS_PER_PAIR / PATIENCE)
        arrays = (entries.indptr, entries.indices, by_columns.indptr, by_columns.indices)
        self.places = [self._given(array.astype(np.int32)) for array in arrays]
        self.wide_given = self._given(self.wide)

    @property
    def _words(self) -> int:
        return self.columns // coloring.BITS + 1

    def best(self) -> IntArray:
        """Return the best coloring that is found."""
        if self.fewest >= self.used.size:  # no two of them can have the same
            best: IntArray = np.full(self.columns, -1, dtype=np.int64)
            best[self.used] = np.arange(self.used.size)
            return best
        counted = self._counted_off()
        if counted is not None and int(counted.max()) < self.bound:
            return counted
        best = self.greedy(self.used)
        best = best if counted is None else _better(best, counted)
        for improve in (self._by_degrees, self._again):
            if int(best.max()) < self.bound:
                break
            best = improve(best)
        return best

    def greedy(self, order: IntArray) -> IntArray:
        """Color the columns in an order."""
        colors = self._stamps(self.columns)
        given = self._given(order.astype(np.int32))
        if self.bound <= IN_WORDS:
            words = self._given(np.zeros(self.widths.size, dtype=np.int64))
            if self._kernel(coloring.color_in_words)(given, *self.places[2:], words, colors) >= 0:
                return np.asarray(colors, dtype=np.int64)
            colors = self._stamps(self.columns)
        taken = self._given(np.zeros((int(self.wide.max(initial=-1)) + 1, self._words), dtype=np.int64))
        stamps = self._stamps(self.columns + coloring.BITS)
        self._kernel(coloring.color)(given, *self.places, self.wide_given, taken, stamps, colors)
        return np.asarray(colors, dtype=np.int64)

    def _counted_off(self) -> IntArray | None:
        """Color by the remainder of the column's number, if there is a divisor that fits and takes few colors."""
        most = 2 * self.bound
        begins, indices = self.places[:2]
        stamps = self._given(np.full(most, -1, dtype=np.int64))
        modulus = self._kernel(coloring.least_modulus)(self.bound, most, begins, indices, stamps)
        if modulus == most:
            return None
        remainders = np.full(self.columns, -1, dtype=np.int64)
        remainders[self.used] = self.used % modulus
        return _renumbered(remainders)

    def _by_degrees(self, best: IntArray) -> IntArray:
        """Color in the orders that degrees give, if that takes fewer."""
        if self.columns > FEW_COLUMNS:  # a neighbor is counted once for each row that it shares
            begins, rows = (np.asarray(part) for part in self.places[2:])
            degrees = np.diff(np.concatenate([[0], np.cumsum(self.widths[rows])])[begins])[self.used]
            return _better(best, self.greedy(self.used[_falling(degrees)]))
        counts = self._stamps(self.columns)
        self._kernel(coloring.degrees)(*self.places, self.wide_given, self._stamps(self.columns), counts)
        degrees = np.asarray(counts)[self.used]
        best = _better(best, self.greedy(self.used[_falling(degrees)]))
        if int(best.max()) < self.bound:
            return best
        heads = self._stamps(int(degrees.max()) + 1)
        order = self._stamps(self.columns)
        scratch = [self._stamps(self.columns) for _ in range(3)]
        self._kernel(coloring.smallest_last)(
            *self.places, self.wide_given, scratch[0], counts, heads, scratch[1], scratch[2], order
        )
        ordered = np.asarray(order)
        is_used = np.zeros(self.columns, dtype=bool)
        is_used[self.used] = True
        return _better(best, self.greedy(ordered[is_used[ordered]]))

    def _again(self, best: IntArray) -> IntArray:
        """Color class by class, from the last one, or the smallest: columns that share a color may share the first free one."""
        most = max(PASSES, MANY_PASSES // (self.pairs + 1)) if self.columns <= FEW_COLUMNS else 1
        fruitless = 0
        for number in range(most):
            if int(best.max()) < self.bound or fruitless == PASSES:
                break
            colors = best[self.used]
            again = self.greedy(
                self.used[_falling(colors) if number % 2 == 0 else np.lexsort((colors, np.bincount(colors)[colors]))]
            )
            fruitless = 0 if int(again.max()) < int(best.max()) else fruitless + 1
            best = _better(best, again, prefers_other=True)
        return best

    def _kernel(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        return policy.compiled(kernel) if self.is_compiled else kernel

    def _given(self, array: Any) -> Any:
        """Return an array as a kernel takes it: uncompiled ones are quicker with lists."""
        return array if self.is_compiled else array.tolist()

    def _stamps(self, size: int) -> Any:
        return self._given(np.full(size, -1, dtype=np.int32))


def _better(one: IntArray, other: IntArray, *, prefers_other: bool = False) -> IntArray:
    return other if int(other.max()) < int(one.max()) + prefers_other else one


def _falling(numbers: IntArray) -> IntArray:
    """Return the places of numbers that are not negative, the largest first, of equal ones the first; small ones are counted."""
    largest = int(numbers.max(initial=0))
    order: IntArray = np.argsort((largest - numbers).astype(np.uint16 if largest < 2**16 else np.int64), kind="stable")
    return order


def _renumbered(colors: IntArray) -> IntArray:
    """Renumber the colors without gaps."""
    used = colors >= 0
    colors[used] = np.unique(colors[used], return_inverse=True)[1]
    return colors
