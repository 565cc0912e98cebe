"""Patterns that are bands: dense, diagonal, identity and banded matrices and all their products, in closed form.

A band is the set of places (i, j) with ``-lower <= j - i <= upper``, ``i < row_end`` and ``j < column_end``. Bands are
closed under products. (i, j) is a nonzero of the product of two of them if some p lies in ``[0, inner)``, in
``[i - lower1, i + upper1]`` and in ``[j - upper2, j + lower2]``, where ``inner`` is the lesser of the first one's
``column_end`` and the second one's ``row_end``. Intervals of integers that meet in pairs all meet (Helly), which leaves

    -(lower1 + lower2) <= j - i <= upper1 + upper2,    i < inner + lower1,    j < inner + upper2.

So all that a rectangular factor can do to a band is cut off rows and columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np

from chainopt.errors import ChainError
from chainopt.numbers import count

if TYPE_CHECKING:
    from chainopt.typing import CostArray, IntArray, SizeArray

INT64_LIMIT = 2**63
MOST_NUMBERED = 2**25  # rows, a quarter of a gigabyte of them
FEW = 40  # pairs, up to which Python ints are faster than arrays


def numbered(size: int, others: int = 0) -> IntArray:
    """Return the numbers from 0 of rows (or columns) that are visited one by one; ``others`` counts the columns (or rows).

    Raises
    ------
    ChainError
        If there are too many.
    """
    if size > MOST_NUMBERED or others >= INT64_LIMIT // 2:
        msg = (
            f"a size is {count(max(size, others))}: beside sparse matrices, whose nonzeros are listed row by row, sizes go up to "
            f"{count(MOST_NUMBERED)}; leave the structures out"
        )
        raise ChainError(msg)
    return np.arange(size, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Band:
    """The places with ``-lower <= j - i <= upper``, ``i < row_end`` and ``j < column_end``; a unit is an identity."""

    shape: tuple[int, int]
    lower: int
    upper: int
    row_end: int
    column_end: int
    is_unit: bool = False

    @classmethod
    def full(cls, rows: int, columns: int) -> Self:
        """Every place of a matrix."""
        return cls((rows, columns), rows, columns, rows, columns)

    @classmethod
    def of(cls, shape: tuple[int, int], lower: int, upper: int, *, is_unit: bool = False) -> Self:
        """Make the band of a matrix.

        Parameters
        ----------
        shape : (int, int)
            Rows and columns.
        lower, upper : int
            How many diagonals below and above the main one have places.
        is_unit : bool
            Whether the matrix is an identity.
        """
        rows, columns = shape
        lower, upper = min(lower, rows), min(upper, columns)
        return cls(shape, lower, upper, min(rows, columns + lower), min(columns, rows + upper), is_unit)

    @property
    def is_full(self) -> bool:
        """Whether every place of the matrix belongs to it."""
        rows, columns = self.shape
        return self.row_end == rows and self.column_end == columns and self.lower >= rows - 1 and self.upper >= columns - 1

    @property
    def is_rectangle(self) -> bool:
        """Whether it is what `row_end` and `column_end` leave, uncut by diagonals."""
        return self.lower >= self.row_end - 1 and self.upper >= self.column_end - 1

    @property
    def nonzeros(self) -> int:
        """How many places there are."""
        places = replace(self, is_unit=False)
        return multiplications(places, Band.full(self.shape[1], 1))

    def row_counts(self) -> IntArray:
        """How many places each row has."""
        rows = numbered(*self.shape)
        counts = np.minimum(self.column_end, rows + self.upper + 1) - np.maximum(0, rows - self.lower)
        return np.where(rows < self.row_end, np.maximum(counts, 0), 0)

    def column_counts(self) -> IntArray:
        """How many places each column has."""
        return self.transposed().row_counts()

    def transposed(self) -> Band:
        """Return the pattern of the transpose."""
        rows, columns = self.shape
        return Band((columns, rows), self.upper, self.lower, self.column_end, self.row_end, self.is_unit)

    @property
    def widest_row(self) -> int:
        """How many places the fullest row has; the counts rise, stay and fall, so that only the bends matter."""
        if self.row_end == 0 or self.column_end == 0:
            return 0
        bends = [min(max(row, 0), self.row_end - 1) for row in (0, self.lower, self.column_end - self.upper - 1)]
        return max(max(0, min(self.column_end, row + self.upper + 1) - max(0, row - self.lower)) for row in bends)


def product(left: Band, right: Band) -> Band:
    """Return the pattern of a product."""
    if left.is_unit:
        return right
    if right.is_unit:
        return left
    shape = left.shape[0], right.shape[1]
    inner = min(left.column_end, right.row_end)
    if inner == 0 or left.row_end == 0 or right.column_end == 0:
        return Band(shape, 0, 0, 0, 0)
    return Band(
        shape,
        min(left.lower + right.lower, shape[0]),  # clipped, so that long chains of bands have small numbers
        min(left.upper + right.upper, shape[1]),
        min(left.row_end, inner + left.lower),
        min(right.column_end, inner + right.upper),
    )


def multiplications(left: Band, right: Band) -> int:
    """Return how many multiplications a product needs, exactly.

    It is the sum over the inner index p of how many places column p has on the left, times how many row p has on the right.
    Both are piecewise linear in p. Between their bends the sum is a polynomial.
    """
    if left.is_unit or right.is_unit:
        return 0
    end = max(min(left.column_end, right.row_end, left.row_end + left.upper, right.column_end + right.lower), 0)
    bends = left.row_end - left.lower - 1, left.upper, right.column_end - right.upper - 1, right.lower
    total = 0
    for begin, stop in pairwise(sorted([0, *[min(max(bend, 0), end) for bend in bends], end])):
        steps = stop - begin
        if steps == 0:
            continue
        rows = min(left.row_end, begin + left.lower + 1) - max(0, begin - left.upper)
        columns = min(right.column_end, begin + right.upper + 1) - max(0, begin - right.lower)
        row_slope = (begin < bends[0]) - (begin >= bends[1])
        column_slope = (begin < bends[2]) - (begin >= bends[3])
        pairs = steps * (steps - 1) // 2
        squares = pairs * (2 * steps - 1) // 3
        total += steps * rows * columns + (rows * column_slope + columns * row_slope) * pairs + row_slope * column_slope * squares
    return total


def table_of_multiplications(lefts: list[Band], rights: list[Band]) -> CostArray:
    """Return `multiplications` of every left with every right: an array with a row per left, of int64 or Python ints."""
    if len(lefts) * len(rights) <= FEW:
        table = np.empty((len(lefts), len(rights)), dtype=object)
        table[:] = [[multiplications(left, right) for right in rights] for left in lefts]
        return table.astype(np.int64) if table.max(initial=0) < INT64_LIMIT else table
    sizes = [size for band in (*lefts, *rights) for size in band.shape]
    is_small = 12 * (max(sizes) + 1) ** 3 < INT64_LIMIT  # 12: what is formed before the division by 6, and a margin
    dtype = np.dtype(np.int64 if is_small else object)
    upward = np.array([[b.row_end, b.lower, b.upper, b.column_end] for b in lefts], dtype=dtype).T[:, :, None]
    across = np.array([[b.column_end, b.upper, b.lower, b.row_end] for b in rights], dtype=dtype).T[:, None, :]
    end = np.minimum(np.minimum(upward[3], across[3]), np.minimum(upward[0] + upward[2], across[0] + across[2]))
    end = np.maximum(end, 0)
    bends = [upward[0] - upward[1] - 1, upward[2], across[0] - across[1] - 1, across[2]]
    cuts = np.stack([np.zeros_like(end), *[np.clip(np.broadcast_to(bend, end.shape), 0, end) for bend in bends], end])
    cuts.sort(axis=0)
    total = np.zeros_like(end)
    for begin, stop in pairwise(cuts):
        steps = stop - begin
        left, left_slope = _counts(upward, begin)
        right, right_slope = _counts(across, begin)
        pairs = steps * (steps - 1) // 2
        squares = pairs * (2 * steps - 1) // 3
        total = (
            total + steps * left * right + (left * right_slope + right * left_slope) * pairs + left_slope * right_slope * squares
        )
    units = np.array([[b.is_unit] for b in lefts]) | np.array([b.is_unit for b in rights])
    return np.where(units, 0, total)


def _counts(band: SizeArray, place: SizeArray) -> tuple[SizeArray, SizeArray]:
    """Return how many places the line at ``place`` crosses, and how that grows up to the next bend."""
    row_end, below, above, _ = band
    counts = np.minimum(row_end, place + below + 1) - np.maximum(0, place - above)
    slopes = (place < row_end - below - 1).astype(counts.dtype) - (place >= above).astype(counts.dtype)
    return counts, slopes
