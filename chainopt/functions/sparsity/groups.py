"""Sets of columns, numbered: many entries of an array may point to the same one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from chainopt.typing import BoolArray, IntArray, NumpyArray

WIDE = 4  # a set of more than one column in so many is dense


@dataclass(frozen=True, eq=False)
class Groups:
    """Sets of columns in compressed rows.

    Parameters
    ----------
    indptr : numpy.ndarray of int64, shape (groups + 1,)
        Where each set begins in ``indices``, and where the last one ends.
    indices : numpy.ndarray
        The columns, ascending in each set.
    columns : int
        How many columns there are.
    origin : str, optional
        What made a set dense.
    """

    indptr: IntArray
    indices: NumpyArray
    columns: int
    origin: str | None = None

    @cached_property
    def counts(self) -> IntArray:
        """How many columns each set has."""
        return np.diff(self.indptr)

    @property
    def is_wide(self) -> bool:
        """Whether one of the sets is dense."""
        return bool(self.counts.max(initial=0) * WIDE > self.columns)

    @classmethod
    def of_keys(cls, keys: IntArray, rows: int, columns: int, origin: str | None = None) -> Groups:
        """Make the sets from numbers ``row * columns + column``, in any order, and some perhaps twice."""
        keys = distinct(keys)
        row = keys // max(columns, 1)
        indptr = np.zeros(rows + 1, dtype=np.int64)
        np.cumsum(np.bincount(row, minlength=rows), out=indptr[1:])
        return cls(indptr, (keys - row * columns).astype(np.int32), columns, origin)

    @classmethod
    def of_numbers(cls, numbers: NumpyArray, columns: int) -> Groups:
        """Make the sets from the rows of a narrow array of columns, in any order, some perhaps twice, and -1 for none."""
        ordered = np.sort(numbers, axis=1)
        is_first = ordered >= 0
        is_first[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
        indptr = np.zeros(len(numbers) + 1, dtype=np.int64)
        np.cumsum(is_first.sum(axis=1), out=indptr[1:])
        return cls(indptr, ordered[is_first], columns)

    @classmethod
    def single(cls, members: BoolArray, origin: str | None = None) -> Groups:
        """Make one set, of the columns at which an array is true."""
        indices = np.flatnonzero(members).astype(np.int32)
        return cls(np.array([0, indices.size], dtype=np.int64), indices, members.size, origin)

    @cached_property
    def matrix(self) -> csr_array:
        """The sets as the rows of a matrix."""
        from scipy.sparse import csr_array

        data = np.ones(self.indices.size, dtype=bool)
        return csr_array((data, self.indices, self.indptr.astype(np.int32)), shape=(self.counts.size, self.columns))

    @classmethod
    def of_matrix(cls, matrix: csr_array) -> Groups:
        """Take the rows of a matrix for sets."""
        matrix.sort_indices()
        return cls(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False), matrix.shape[1])

    def product(self, table: Groups) -> Groups:
        """Replace each column by the set with that number."""
        if self.indices.size == self.counts.size and (self.counts == 1).all():
            counts, indices = table.expanded(self.indices)
            return Groups(np.concatenate([[0], np.cumsum(counts)]), indices, table.columns)
        return Groups.of_matrix(self.matrix @ table.matrix)

    def union(self, other: Groups) -> Groups:
        """Join sets of equal number."""
        if not self.indices.size or not other.indices.size:
            return other if other.indices.size else self
        return Groups.of_matrix(self.matrix + other.matrix)

    def expanded(self, ids: NumpyArray) -> tuple[IntArray, NumpyArray]:
        """List the columns of the sets with these numbers, one set after the other, and how many each has."""
        counts = np.where(ids < 0, 0, self.counts[ids]) if self.counts.size else np.zeros(ids.size, dtype=np.int64)
        ends = np.cumsum(counts)
        shifts = np.repeat(self.indptr[ids] - (ends - counts), counts)
        return counts, self.indices[np.arange(shifts.size) + shifts]

    def stacked(self, other: Groups) -> Groups:
        """Return these sets, followed by those of another."""
        indptr = np.concatenate([self.indptr, other.indptr[1:] + self.indptr[-1]])
        return Groups(indptr, np.concatenate([self.indices, other.indices]), self.columns, self.origin or other.origin)


def distinct(keys: IntArray) -> IntArray:
    """Return numbers in ascending order, each once."""
    keys = np.sort(keys)
    return keys if keys.size < 2 else keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
