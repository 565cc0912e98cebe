"""Matrices with nonzeros at places that are listed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np

from chainopt.errors import ChainError, check_keys
from chainopt.structure.bands import Band
from chainopt.structure.patterns import Places, scipy_sparse
from chainopt.structure.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from chainopt.structure.patterns import Pattern
    from chainopt.typing import Array, IntArray, PlainDict


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Sparse(Structure):
    """Nonzeros at given places.

    Parameters
    ----------
    pattern : SciPy sparse array, or two-dimensional array
        Of a sparse array the entries that it stores count, whatever their value; of another those that are not zero.

    Attributes
    ----------
    shape : (int, int)
        The shape of the pattern, which is the Jacobian's.
    indptr, indices : numpy.ndarray of int64
        The columns of row i are ``indices[indptr[i]:indptr[i + 1]]``, ascending.

    Raises
    ------
    ChainError
        If it is no such array.

    Examples
    --------
    >>> import numpy
    >>> from chainopt import Jacobian, Sparse, optimal_order
    >>> arrow = Sparse(numpy.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]]))
    >>> optimal_order([Jacobian((3, 3), structure=arrow), Jacobian((3, 2))]).cost
    10
    """

    shape: tuple[int, int]
    indptr: IntArray
    indices: IntArray

    def __init__(self, pattern: Array | Sequence[Sequence[object]]) -> None:
        if hasattr(pattern, "tocsr"):
            entries = pattern.tocsr()
            shape, indptr, indices = entries.shape, entries.indptr, entries.indices
            sparse = scipy_sparse()
            # What the matrix says of itself may be of an earlier state, so that it is found out anew.
            entries = sparse.csr_array((entries.data, indices, indptr), shape=shape)
            if not entries.has_canonical_format:
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
        for name, column in (("indptr", indptr), ("indices", indices)):
            array = np.array(column, dtype=np.int64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

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
            If they are no such lists.
        """
        pattern = object.__new__(cls)
        try:
            pattern._hold((int(shape[0]), int(shape[1])), indptr, indices)
            rows, columns = pattern.shape
            fits = pattern.indptr.shape == (rows + 1,) and pattern.indices.ndim == 1
            fits = fits and pattern.indptr[0] == 0 and pattern.indptr[-1] == pattern.indices.size
            fits = fits and all(
                begin <= end and (np.diff([-1, *pattern.indices[begin:end], columns]) > 0).all()
                for begin, end in pairwise(pattern.indptr.tolist())
            )
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
        if self.indices.size == shape[0] * shape[1]:
            return Band.full(*shape)
        return Places.of_rows(shape, self.indptr, self.indices)

    def check(self, shape: tuple[int, int]) -> None:
        """Refuse another shape than that of the pattern."""
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
        return self.shape, self.indptr.tobytes(), self.indices.tobytes()

    def __reduce__(self) -> tuple[object, ...]:
        return Sparse.from_places, (self.shape, self.indptr, self.indices)

    def __repr__(self) -> str:
        return f"Sparse(<{self.indices.size} places in {self.shape[0]}x{self.shape[1]}>)"

    @property
    def label(self) -> str:
        """What stands behind the shape: "sparse 3"."""
        return f"sparse {self.indices.size}"

    @property
    def own_shape(self) -> tuple[int, int]:
        """The shape of the pattern."""
        return self.shape

    def to_dict(self) -> PlainDict:
        """Return the structure as a text and lists of ints."""
        return {
            "kind": "sparse",
            "shape": list(self.shape),
            "indptr": self.indptr.tolist(),
            "indices": self.indices.tolist(),
        }

    @classmethod
    def from_dict(cls, data: PlainDict) -> Self:
        """Make the structure that `to_dict` wrote."""
        check_keys(data, ("kind", "shape", "indptr", "indices"), "data of a structure")
        rows, columns = data["shape"]
        return cls.from_places((rows, columns), data["indptr"], data["indices"])
