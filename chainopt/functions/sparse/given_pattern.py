"""A pattern that the user gives, of any library, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.errors import ChainError
from chainopt.numbers import counted, shown
from chainopt.structure.patterns import scipy_sparse

if TYPE_CHECKING:
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array

KINDS = "give a SciPy sparse array, a two-dimensional array, or a BCOO, with a row for each entry of the result"


class GivenPattern:
    """Places, of which those count that a sparse array stores, and that are not zero in a dense one.

    Two are equal only where they are one: what was found for one is not looked up for another.

    Parameters
    ----------
    pattern
        A sparse array of SciPy, a BCOO of JAX, or what NumPy makes a two-dimensional array of.

    Raises
    ------
    ChainError
        If it is none of these.
    """

    def __init__(self, pattern: Array) -> None:
        self.entries = _entries(pattern)

    @property
    def shape(self) -> tuple[int, int]:
        """Its rows and columns."""
        rows, columns = self.entries.shape
        return int(rows), int(columns)

    def check_shape(self, shape: tuple[int, int]) -> None:
        """Refuse a pattern of another shape.

        Parameters
        ----------
        shape : (int, int)
            How many entries the results have, and the inputs.

        Raises
        ------
        ChainError
            Which names both shapes.
        """
        if self.shape != shape:
            msg = (
                f"pattern has the shape {self.shape[0]}x{self.shape[1]}, but the results have "
                f"{counted(shape[0], 'entry', 'entries')} and the inputs {shape[1]}: "
                f"give a pattern of {shape[0]}x{shape[1]}, flattened results by flattened inputs"
            )
            raise ChainError(msg)


def tidy(pattern: Array) -> Entries:
    """Return the places of a SciPy sparse array, whatever their values, as a csr_array of True, sorted and each once."""
    places = pattern.tocoo()
    stored = np.ones(places.nnz, dtype=bool)
    shape = int(pattern.shape[0]), int(pattern.shape[1])
    entries: Entries = scipy_sparse().csr_array((stored, (places.row, places.col)), shape=shape)
    entries.sum_duplicates()
    entries.data = np.ones(entries.nnz, dtype=bool)
    return entries


def _entries(pattern: Array) -> Entries:
    sparse = scipy_sparse()
    if hasattr(pattern, "tocsr"):
        if len(pattern.shape) == 2:
            return tidy(pattern)
    elif hasattr(pattern, "indices") and hasattr(pattern, "todense"):  # a BCOO, whose padding is out of bounds
        places = np.asarray(pattern.indices)
        if len(pattern.shape) == 2 and places.ndim == 2 and places.shape[1] == 2:
            places = places[(places < np.asarray(pattern.shape)).all(axis=1)]
            return tidy(sparse.coo_array((np.ones(len(places), dtype=bool), (places[:, 0], places[:, 1])), shape=pattern.shape))
    else:
        try:
            array = np.asarray(pattern)
        except ValueError:  # of rows of unequal lengths
            array = np.empty(0)
        if array.ndim == 2 and array.dtype.kind in "biuf":
            return tidy(sparse.csr_array(array != 0))
    what = f"the shape {tuple(pattern.shape)}" if hasattr(pattern, "shape") else shown(pattern)
    msg = f"pattern is, or has, {what}: {KINDS}, and a column for each of the input"
    raise ChainError(msg)
