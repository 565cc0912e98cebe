"""The pattern of nonzeros of a matrix, and of a product: the Boolean product, which no bracketing changes.

Three forms are closed under products, and the simplest that holds a pattern is used: a `Band`, in closed form; a
`Rectangle`, what a dense factor makes of its neighbours: some rows in full, but for some columns; and `Places`, listed
one by one. A product needs, for every inner index p, one multiplication for every pair of a nonzero in column p of the
left and one in row p of the right matrix.

Reference: A. Griewank and U. Naumann, "Accumulating Jacobians as chained sparse matrix products", Math. Program. 95 (2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from chainopt.exceptions import ChainError
from chainopt.structure import bands
from chainopt.structure.bands import Band

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Rectangle:
    """All places in some rows and some columns."""

    rows: Bools
    columns: Bools

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the matrix."""
        return self.rows.size, self.columns.size

    @property
    def nonzeros(self) -> int:
        """How many places there are."""
        return int(self.rows.sum()) * int(self.columns.sum())

    def row_counts(self) -> Counts:
        """How many places each row has."""
        return np.where(self.rows, self.columns.sum(), 0)

    def column_counts(self) -> Counts:
        """How many places each column has."""
        return np.where(self.columns, self.rows.sum(), 0)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Places one by one, in a SciPy sparse array of bools in row order."""

    entries: Any

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the matrix."""
        rows, columns = self.entries.shape
        return int(rows), int(columns)

    @property
    def nonzeros(self) -> int:
        """How many places there are."""
        return int(self.entries.nnz)

    def row_counts(self) -> Counts:
        """How many places each row has."""
        return np.asarray(np.diff(self.entries.indptr), dtype=np.int64)

    def column_counts(self) -> Counts:
        """How many places each column has."""
        return np.bincount(self.entries.indices, minlength=self.shape[1]).astype(np.int64)


Pattern: TypeAlias = Band | Rectangle | Places


def product(left: Pattern, right: Pattern) -> Pattern:
    """Return the pattern of a product: a place is in it if some inner index joins a nonzero of both."""
    if isinstance(left, Band) and isinstance(right, Band):
        return bands.product(left, right)
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
    return _simplest(Places((places(left) @ places(right)).tocsr()))


def multiplications(left: Pattern, right: Pattern) -> int:
    """Return how many multiplications a product needs: over the inner index, column count times row count."""
    if isinstance(left, Band) and isinstance(right, Band):
        return int(bands.multiplications([left], [right]).item())
    if any(isinstance(pattern, Band) and pattern.is_unit for pattern in (left, right)):
        return 0
    pairs = zip(left.column_counts().tolist(), right.row_counts().tolist(), strict=True)
    return sum(columns * rows for columns, rows in pairs)


def table_of_multiplications(lefts: list[Pattern], rights: list[Pattern]) -> NDArray[Any]:
    """Return `multiplications` of every left with every right; all share the inner size. int64 or Python ints."""
    if all(isinstance(pattern, Band) for pattern in (*lefts, *rights)):
        return bands.multiplications(lefts, rights)  # type: ignore[arg-type]
    columns = np.stack([pattern.column_counts() for pattern in lefts])
    rows = np.stack([pattern.row_counts() for pattern in rights])
    largest = int(columns.max(initial=0)) * int(rows.max(initial=0)) * columns.shape[1]
    if largest < 2**53:  # then float64 is exact, and the library for it fast
        table: NDArray[Any] = (columns.astype(np.float64) @ rows.T.astype(np.float64)).astype(np.int64)
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
    return Places(pattern.entries.T.tocsr())


def reached(pattern: Pattern, columns: Bools) -> Bools:
    """Tell which rows have a nonzero in one of some columns."""
    if isinstance(pattern, Band):
        before = np.concatenate([[0], np.cumsum(columns)])
        rows = np.arange(pattern.shape[0])
        begin = np.clip(rows - pattern.lower, 0, pattern.column_end)
        end = np.clip(rows + pattern.upper + 1, begin, max(pattern.column_end, 0))
        return np.asarray((before[np.maximum(begin, end)] > before[begin]) & (rows < pattern.row_end))
    if isinstance(pattern, Rectangle):
        return pattern.rows & bool((pattern.columns & columns).any())
    return np.asarray(pattern.entries @ columns.astype(np.int64) > 0)


def places(pattern: Pattern) -> Any:
    """Return a SciPy sparse array of bools in row order that lists the places."""
    if isinstance(pattern, Places):
        return pattern.entries
    sparse = scipy_sparse()
    if isinstance(pattern, Rectangle):
        rows, columns = np.flatnonzero(pattern.rows), np.flatnonzero(pattern.columns)
        pairs = np.repeat(rows, columns.size), np.tile(columns, rows.size)
    else:
        counts = pattern.row_counts()
        begins = np.maximum(0, np.arange(pattern.shape[0]) - pattern.lower)
        row_ends = np.cumsum(counts)
        within = np.arange(int(row_ends[-1]) if row_ends.size else 0) - np.repeat(row_ends - counts, counts)
        pairs = np.repeat(np.arange(pattern.shape[0]), counts), np.repeat(begins, counts) + within
    return sparse.csr_array((np.ones(pairs[0].size, dtype=bool), pairs), shape=pattern.shape)


def scipy_sparse() -> Any:
    """Import `scipy.sparse`, or say how to install it."""
    try:
        from scipy import sparse
    except ModuleNotFoundError:
        msg = 'sparse patterns need SciPy: install it with python -m pip install "jacobian-chainopt[sparse]"'
        raise ChainError(msg) from None
    return sparse


def _explicit(pattern: Pattern) -> Pattern:
    """Write a band that no diagonal cuts as the rectangle that it is."""
    if isinstance(pattern, Band) and pattern.is_rectangle:
        rows, columns = pattern.shape
        return Rectangle(np.arange(rows) < pattern.row_end, np.arange(columns) < pattern.column_end)
    return pattern


def _simplest(pattern: Rectangle | Places) -> Pattern:
    rows, columns = pattern.shape
    return Band.full(rows, columns) if pattern.nonzeros == rows * columns else pattern
