"""The pattern of nonzeros of a matrix, and of a product: the Boolean product, which no bracketing changes.

The simplest form that holds a pattern is used: a `Band`, in closed form; a `Rectangle`, what a dense factor makes of its
neighbors: some rows in full, but for some columns; `Places`, listed one by one; or, where they are many, a `Bitmap`,
whose whole rows are joined in the time of looking up some places. For every inner index p, a product needs one
multiplication for every pair of a nonzero in column p of the left and one in row p of the right matrix.

Reference: A. Griewank and U. Naumann, "Accumulating Jacobians as chained sparse matrix products", Math. Program. 95 (2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from operator import mul
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np

from chainopt.errors import raise_missing_extra
from chainopt.kernels.interrupts import interrupts_held
from chainopt.structure import bands, grid
from chainopt.structure.bands import Band
from chainopt.structure.grid import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chainopt.typing import BoolArray, CostArray, IntArray

    Entries: TypeAlias = "csr_array[np.bool_, tuple[int, int]]"


@dataclass(frozen=True, slots=True, eq=False)
class Rectangle:
    """All places in some rows and some columns."""

    rows: BoolArray
    columns: BoolArray

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the matrix."""
        return self.rows.size, self.columns.size

    @property
    def nonzeros(self) -> int:
        """How many places there are."""
        return int(self.rows.sum()) * int(self.columns.sum())

    def row_counts(self) -> IntArray:
        """How many places each row has."""
        return np.where(self.rows, self.columns.sum(), 0)

    def column_counts(self) -> IntArray:
        """How many places each column has."""
        return np.where(self.columns, self.rows.sum(), 0)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Places one by one, in a SciPy sparse array of bools in row order."""

    entries: Entries

    @classmethod
    def of_rows(cls, shape: tuple[int, int], indptr: IntArray, indices: IntArray) -> Self:
        """List the places row by row.

        Parameters
        ----------
        shape : (int, int)
            Rows and columns.
        indptr : numpy.ndarray of int64, shape (rows + 1,)
            Where each row begins in ``indices``, and where the last one ends.
        indices : numpy.ndarray of int64
            The columns of the places, ascending in each row.
        """
        return cls(scipy_sparse().csr_array((np.ones(indices.size, dtype=bool), indices, indptr), shape=shape))

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the matrix."""
        rows, columns = self.entries.shape
        return int(rows), int(columns)

    @property
    def nonzeros(self) -> int:
        """How many places there are."""
        return int(self.entries.nnz)

    def row_counts(self) -> IntArray:
        """How many places each row has."""
        return np.asarray(np.diff(self.entries.indptr), dtype=np.int64)

    def column_counts(self) -> IntArray:
        """How many places each column has."""
        return np.bincount(self.entries.indices, minlength=self.shape[1]).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Bitmap:
    """A bit for every place, rows padded to whole bytes."""

    bits: NDArray[np.uint8]
    width: int

    @classmethod
    def of(cls, entries: BoolArray) -> Bitmap:
        """Pack an array of bools."""
        return cls(np.packbits(entries, axis=1), entries.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the matrix."""
        return self.bits.shape[0], self.width

    def unpacked(self) -> NDArray[np.uint8]:
        """Return an array of ones and zeros."""
        return np.unpackbits(self.bits, axis=1, count=self.width)

    @property
    def nonzeros(self) -> int:
        """How many places there are."""
        return int(self.row_counts().sum())

    def row_counts(self) -> IntArray:
        """How many places each row has."""
        return np.asarray(self.unpacked().sum(axis=1, dtype=np.int64))

    def column_counts(self) -> IntArray:
        """How many places each column has."""
        return np.asarray(self.unpacked().sum(axis=0, dtype=np.int64))


Listed: TypeAlias = Band | Rectangle | Places | Bitmap
Pattern: TypeAlias = Listed | Grid  # all factors of a chain have a grid, or none
DENSITY_OF_BITMAPS = 1 / 16


def product(left: Pattern, right: Pattern) -> Pattern:
    """Return the pattern of a product: a place is in it if some inner index joins a nonzero of both."""
    if isinstance(left, Band) and isinstance(right, Band):
        return bands.product(left, right)
    if isinstance(left, Grid) and isinstance(right, Grid):  # all of a chain are
        return grid.product(left, right)
    if isinstance(left, Band) and left.is_unit:
        return right
    if isinstance(right, Band) and right.is_unit:
        return left
    left, right = _explicit(left), _explicit(right)
    if isinstance(left, Rectangle) and isinstance(right, Rectangle):
        meets = bool((left.columns & right.rows).any())
        return _simplest(Rectangle(left.rows & meets, right.columns & meets))
    if isinstance(left, Rectangle):
        return _simplest(Rectangle(left.rows, reached(transposed(right), left.columns)))
    if isinstance(right, Rectangle):
        return _simplest(Rectangle(reached(left, right.rows), right.columns))
    if isinstance(left, Bitmap) and isinstance(right, Bitmap):
        common = left.unpacked().astype(np.float32) @ right.unpacked().astype(np.float32)
        return _simplest(Bitmap.of(common > 0))
    if isinstance(left, Bitmap):
        return transposed(product(transposed(right), transposed(left)))
    if isinstance(right, Bitmap):
        return _simplest(Bitmap(_joined_rows(places(left), right.bits), right.width))
    return _simplest(Places((places(left) @ places(right)).tocsr()))


def union(one: Pattern, other: Pattern) -> Pattern:
    """Return the pattern of a sum."""
    for pattern in (one, other):
        if isinstance(pattern, Band) and pattern.is_full:
            return Band.full(*pattern.shape)
    return _simplest(Places((places(one) + places(other)).tocsr()))


def multiplications(left: Pattern, right: Pattern) -> int:
    """Return how many multiplications a product needs: over the inner index, column count times row count."""
    if isinstance(left, Band) and isinstance(right, Band):
        return bands.multiplications(left, right)
    if isinstance(left, Grid) and isinstance(right, Grid):
        return grid.multiplications(left, right)
    if any(isinstance(pattern, Band) and pattern.is_unit for pattern in (left, right)):
        return 0
    return counted(left.column_counts(), right.row_counts())


def is_unit(pattern: Pattern) -> bool:
    """Whether it is the pattern of an identity, whose products cost nothing."""
    return isinstance(pattern, Band) and pattern.is_unit


def counted(columns: IntArray, rows: IntArray) -> int:
    """Return the sum of the products of two arrays of counts, exactly."""
    if int(columns.max(initial=0)) * int(rows.max(initial=0)) * columns.size < 2**63:
        return int(columns @ rows)
    return sum(map(mul, columns.tolist(), rows.tolist()))


def table_of_multiplications(lefts: list[Pattern], rights: list[Pattern]) -> CostArray:
    """Return `multiplications` of every left with every right; all share the inner size. int64 or Python ints."""
    if all(isinstance(pattern, Band) for pattern in (*lefts, *rights)):
        return bands.table_of_multiplications(lefts, rights)  # type: ignore[arg-type]
    if any(isinstance(pattern, Grid) for pattern in lefts):
        return np.array([[multiplications(left, right) for right in rights] for left in lefts], dtype=object)
    columns = np.stack([pattern.column_counts() for pattern in lefts])
    rows = np.stack([pattern.row_counts() for pattern in rights])
    largest = int(columns.max(initial=0)) * int(rows.max(initial=0)) * columns.shape[1]
    if largest < 2**53:  # then float64 is exact, and the library for it fast
        table: CostArray = (columns.astype(np.float64) @ rows.T.astype(np.float64)).astype(np.int64)
    else:
        table = columns.astype(object) @ rows.T.astype(object)
    units = [[isinstance(pattern, Band) and pattern.is_unit for pattern in side] for side in (lefts, rights)]
    return np.where(np.logical_or.outer(*units), 0, table)


def transposed(pattern: Pattern) -> Pattern:
    """Return the pattern of the transpose."""
    if isinstance(pattern, Band):
        return pattern.transposed()
    if isinstance(pattern, Rectangle):
        return Rectangle(pattern.columns, pattern.rows)
    if isinstance(pattern, Bitmap):
        return Bitmap.of(np.ascontiguousarray(pattern.unpacked().T))
    if isinstance(pattern, Grid):
        return pattern.transposed()
    return Places(pattern.entries.T.tocsr())


def _joined_rows(entries: Entries, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Join, for each row of a sparse pattern, the rows of bits that its places name."""
    joined = np.zeros((entries.shape[0], rows.shape[1]), dtype=np.uint8)
    filled = np.flatnonzero(np.diff(entries.indptr))
    if filled.size:
        joined[filled] = np.bitwise_or.reduceat(rows[entries.indices], entries.indptr[filled], axis=0)
    return joined


def reached(pattern: Pattern, columns: BoolArray) -> BoolArray:
    """Tell which rows have a nonzero in one of some columns."""
    pattern = _listed(pattern)
    if isinstance(pattern, Band):
        before = np.concatenate([[0], np.cumsum(columns)])
        rows = bands.numbered(*pattern.shape)
        begin = np.clip(rows - pattern.lower, 0, pattern.column_end)
        end = np.clip(rows + pattern.upper + 1, begin, max(pattern.column_end, 0))
        return np.asarray((before[np.maximum(begin, end)] > before[begin]) & (rows < pattern.row_end))
    if isinstance(pattern, Rectangle):
        return pattern.rows & bool((pattern.columns & columns).any())
    if isinstance(pattern, Bitmap):
        return np.asarray((pattern.bits & np.packbits(columns)).any(axis=1))
    if columns.all():
        return np.asarray(np.diff(pattern.entries.indptr) > 0)
    return np.asarray(pattern.entries @ columns.astype(np.int64) > 0)


def reached_columns(pattern: Pattern, rows: BoolArray) -> BoolArray:
    """Tell which columns have a nonzero in one of some rows."""
    if not isinstance(pattern, Places):
        return reached(transposed(pattern), rows)
    entries = pattern.entries
    met = np.zeros(entries.shape[1], dtype=bool)
    met[entries.indices if rows.all() else entries.indices[np.repeat(rows, np.diff(entries.indptr))]] = True
    return met


def places(pattern: Pattern) -> Entries:
    """Return a SciPy sparse array of bools in row order that lists the places."""
    pattern = _listed(pattern)
    if isinstance(pattern, Places):
        return pattern.entries
    sparse = scipy_sparse()
    entries: Entries
    if isinstance(pattern, Bitmap):
        entries = sparse.csr_array(pattern.unpacked().astype(bool))
        return entries
    if isinstance(pattern, Rectangle):
        rows, columns = np.flatnonzero(pattern.rows), np.flatnonzero(pattern.columns)
        pairs = np.repeat(rows, columns.size), np.tile(columns, rows.size)
    else:
        counts = pattern.row_counts()
        begins = np.maximum(0, bands.numbered(*pattern.shape) - pattern.lower)
        row_ends = np.cumsum(counts)
        within = np.arange(int(row_ends[-1]) if row_ends.size else 0) - np.repeat(row_ends - counts, counts)
        pairs = np.repeat(bands.numbered(*pattern.shape), counts), np.repeat(begins, counts) + within
    entries = sparse.csr_array((np.ones(pairs[0].size, dtype=bool), pairs), shape=pattern.shape)
    return entries


def _listed(pattern: Pattern) -> Listed:
    """Write a grid as the places that it counts."""
    if not isinstance(pattern, Grid):
        return pattern
    heights, widths = pattern.heights.astype(np.int64), pattern.widths.astype(np.int64)
    return Bitmap.of(pattern.cells.repeat(heights, axis=0).repeat(widths, axis=1))


@cache  # it is asked for again and again
def scipy_sparse() -> Any:
    """Import `scipy.sparse`, or say how to install it."""
    try:
        with interrupts_held():
            from scipy import sparse
    except ModuleNotFoundError:
        raise_missing_extra("a sparse pattern", "SciPy", "sparse")
    return sparse


def nonzero_count(matrix: Any) -> int:
    """Count the nonzeros of a SciPy sparse array or matrix, which stays as it is.

    SciPy adds up, in the arrays of the matrix itself, entries that are stored at the same place; others may hold those arrays.
    """
    return int((matrix if getattr(matrix, "has_canonical_format", True) else matrix.copy()).count_nonzero())


def _explicit(pattern: Pattern) -> Pattern:
    """Write a band that no diagonal cuts as the rectangle that it is."""
    if isinstance(pattern, Band) and pattern.is_rectangle:
        rows, columns = pattern.shape
        return Rectangle(bands.numbered(rows) < pattern.row_end, bands.numbered(columns) < pattern.column_end)
    return pattern


def _simplest(pattern: Rectangle | Places | Bitmap) -> Pattern:
    rows, columns = pattern.shape
    nonzeros = pattern.nonzeros
    if nonzeros == rows * columns:
        return Band.full(rows, columns)
    if isinstance(pattern, Rectangle):
        return pattern
    # Products of sparse matrices fill up, but for rows and columns that are empty.
    full = Rectangle(pattern.row_counts() > 0, pattern.column_counts() > 0)
    if full.nonzeros == nonzeros:
        return full
    if isinstance(pattern, Places) and nonzeros > rows * columns * DENSITY_OF_BITMAPS:
        return Bitmap.of(pattern.entries.toarray())
    return pattern
