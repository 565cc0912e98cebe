"""Matrices with nonzeros at places that are listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from chainopt.errors import ChainError, check_keys
from chainopt.numbers import counted
from chainopt.structure.bands import Band
from chainopt.structure.patterns import Places, scipy_sparse
from chainopt.structure.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from chainopt.structure.patterns import Pattern
    from chainopt.typing import Array, IntArray, NumpyArray, PlainDict

LARGEST_INT32 = 2**31 - 1


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Sparse(Structure):
    """Nonzeros at given places.

    Parameters
    ----------
    pattern : SciPy sparse array, or two-dimensional array
        For a sparse array the entries that it stores count, whatever their value; for any other, those that are not zero.

    Attributes
    ----------
    shape : (int, int)
        The shape of the pattern, which is the Jacobian's.
    indptr, indices : numpy.ndarray of int64
        The columns of row i are ``indices[indptr[i]:indptr[i + 1]]``, ascending.

    Raises
    ------
    ChainError
        If it is not such an array.

    Examples
    --------
    >>> import numpy
    >>> from chainopt import Jacobian, Sparse, optimal_order
    >>> arrow = Sparse(numpy.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]]))
    >>> optimal_order([Jacobian((3, 3), structure=arrow), Jacobian((3, 2))]).cost
    10
    """

    shape: tuple[int, int]
    begins: NumpyArray  # as indptr and indices, of narrow integers, with which SciPy multiplies faster
    columns: NumpyArray

    def __init__(self, pattern: Array | Sequence[Sequence[object]]) -> None:
        if hasattr(pattern, "tocsr"):
            entries = pattern.tocsr()
            shape, indptr, indices = entries.shape, entries.indptr, entries.indices
            # What the matrix says of itself may be of an earlier state, so that it is found out anew.
            if not _is_ascending(shape[0], indptr, indices):
                sparse = scipy_sparse()
                entries = sparse.csr_array((np.ones(indices.size, dtype=bool), indices, indptr), shape=shape, copy=True)
                entries.sum_duplicates()  # which sorts, too
                indptr, indices = entries.indptr, entries.indices
        else:
            try:
                array = np.asarray(pattern)
            except ValueError:  # of rows of unequal lengths
                array = np.empty(0)
            if array.ndim != 2:
                what = f"the shape {array.shape}" if isinstance(pattern, np.ndarray) else f"the type {type(pattern).__name__}"
                msg = f"pattern has {what}: give a SciPy sparse array, or a two-dimensional array"
                raise ChainError(msg)
            rows, indices = np.nonzero(array)
            shape, indptr = array.shape, np.searchsorted(rows, np.arange(array.shape[0] + 1))
        self._hold((int(shape[0]), int(shape[1])), indptr, indices)

    def _hold(self, shape: tuple[int, int], indptr: ArrayLike, indices: ArrayLike) -> None:
        object.__setattr__(self, "shape", shape)
        for name, column in (("begins", indptr), ("columns", indices)):
            array = np.array(column, dtype=None if getattr(column, "dtype", None) == np.int32 else np.int64)
            if array.dtype == np.int64 and -LARGEST_INT32 <= array.min(initial=0) <= array.max(initial=0) <= LARGEST_INT32:
                array = array.astype(np.int32)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def indptr(self) -> IntArray:
        """Where each row begins in ``indices``, and where the last one ends."""
        return _wide(self.begins)

    @property
    def indices(self) -> IntArray:
        """The columns of the places, ascending in each row."""
        return _wide(self.columns)

    @classmethod
    def from_places(cls, shape: tuple[int, int], indptr: Sequence[int], indices: Sequence[int]) -> Self:
        """Make a pattern from its rows.

        Parameters
        ----------
        shape : (int, int)
            Rows and columns.
        indptr : sequence of int, length rows + 1
            Where each row begins in ``indices``, and where the last one ends.
        indices : sequence of int
            The columns of the places, ascending in each row.

        Raises
        ------
        ChainError
            If they are not such lists.
        """
        pattern = object.__new__(cls)
        try:
            _check_ints(indptr)
            _check_ints(indices)
            pattern._hold((int(shape[0]), int(shape[1])), indptr, indices)
            rows, columns = pattern.shape
            fits = pattern.begins.ndim == pattern.columns.ndim == 1 and _is_ascending(rows, pattern.begins, pattern.columns)
            fits = fits and (not pattern.columns.size or 0 <= pattern.columns.min() <= pattern.columns.max() < columns)
        except (TypeError, ValueError, OverflowError, IndexError):
            fits = False
        if not fits:
            msg = "the places of a sparse pattern are not ascending columns within its shape, row after row"
            raise ChainError(msg)
        return pattern

    def pattern(self, shape: tuple[int, int]) -> Pattern:
        """Return where a matrix of this shape has nonzeros.

        Raises
        ------
        ChainError
            If it is not the shape of the pattern.
        """
        self.check(shape)
        if self.columns.size == shape[0] * shape[1]:
            return Band.full(*shape)
        return Places.of_rows(shape, self.begins, self.columns)

    def check(self, shape: tuple[int, int]) -> None:
        """Refuse any shape but that of the pattern."""
        if shape != self.shape:
            msg = f"structure has a pattern of {self.shape[0]}x{self.shape[1]}, but the shape is {shape}"
            raise ChainError(msg)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sparse):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self.shape, self.begins.tobytes(), self.columns.tobytes()

    def __reduce__(self) -> tuple[object, ...]:
        return Sparse.from_places, (self.shape, self.begins, self.columns)

    def __repr__(self) -> str:
        return f"Sparse(<{counted(self.columns.size, 'place')} in {self.shape[0]}x{self.shape[1]}>)"

    @property
    def label(self) -> str:
        """What is printed after the shape: "sparse 3"."""
        return f"sparse {self.columns.size}"

    @property
    def own_shape(self) -> tuple[int, int]:
        """The shape of the pattern."""
        return self.shape

    def to_dict(self) -> PlainDict:
        """Return the structure as a string and lists of ints."""
        return {
            "kind": "sparse",
            "shape": list(self.shape),
            "indptr": self.begins.tolist(),
            "indices": self.columns.tolist(),
        }

    @classmethod
    def from_dict(cls, data: PlainDict) -> Self:
        """Make the structure that `to_dict` wrote."""
        check_keys(data, ("kind", "shape", "indptr", "indices"), "data of a structure")
        rows, columns = data["shape"]
        return cls.from_places((rows, columns), data["indptr"], data["indices"])


def _check_ints(numbers: Sequence[int] | NumpyArray) -> None:
    """Refuse what NumPy would round, or mistake for a number.

    Raises
    ------
    TypeError
        If it is not a sequence of ints.
    """
    if isinstance(numbers, np.ndarray):
        is_whole = numbers.dtype.kind in "iu" or not numbers.size
    else:
        is_whole = {*map(type, numbers)} <= {int} or all(isinstance(number, np.integer) for number in numbers)
    if not is_whole:
        raise TypeError


def _is_ascending(rows: int, indptr: NumpyArray, indices: NumpyArray) -> bool:
    """Whether rows begin one behind the other, and their columns ascend, as in the canonical format of `scipy.sparse`."""
    if indptr.shape != (rows + 1,) or indptr[0] != 0 or indptr[-1] != indices.size or (indptr[1:] < indptr[:-1]).any():
        return False
    is_first = np.zeros(indices.size + 1, dtype=bool)
    is_first[indptr] = True
    return bool((is_first[1:-1] | (indices[1:] > indices[:-1])).all())


def _wide(array: NumpyArray) -> IntArray:
    wide = array.astype(np.int64)
    wide.setflags(write=False)
    return wide
