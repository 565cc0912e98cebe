"""What is known of the factors of a chain at first sight: how many nonzeros they have, not where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainopt.structure.bands import Band
from chainopt.structure.patterns import places, scipy_sparse
from chainopt.structure.sparse import Sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.structure.structure import Structure
    from chainopt.typing import Array, NumpyArray

FILLED = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A factor.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    nonzeros : int
        How many nonzeros it has.
    is_full : bool
        Whether it is dense, so that products with it are too, but for empty rows and columns.
    is_unit : bool
        Whether it is an identity, whose products cost nothing.
    is_closed : bool
        Whether its pattern is a band, whose products with other bands are known in closed form.
    source : Structure or SciPy sparse array, optional
        Where the nonzeros are; None for a dense factor.
    """

    shape: tuple[int, int]
    nonzeros: int
    is_full: bool = False
    is_unit: bool = False
    is_closed: bool = False
    source: Structure | Array = None

    @property
    def has_gaps(self) -> bool:
        """Whether more than a tenth of its rows, or of its columns if it lists those, is empty, as products may then be."""
        begins = getattr(self.source, "begins", getattr(self.source, "indptr", None))
        return begins is not None and bool(np.count_nonzero(begins[1:] > begins[:-1]) < FILLED * (begins.size - 1))

    @property
    def rows(self) -> tuple[NumpyArray, NumpyArray]:
        """Where each row begins, and the columns of its nonzeros, as in a `scipy.sparse.csr_array`."""
        if isinstance(self.source, Sparse):
            return self.source.begins, self.source.columns
        entries = self.source.tocsr() if hasattr(self.source, "tocsr") else places(self.source.pattern(self.shape))
        return entries.indptr, entries.indices

    def ones(self) -> Array:
        """Return a `scipy.sparse.csr_array` with ones in the places of its nonzeros."""
        indptr, indices = self.rows
        return scipy_sparse().csr_array((np.ones(indices.size), indices, indptr), shape=self.shape)


def dense_leaf(shape: tuple[int, int]) -> Leaf:
    """Return a factor without zeros."""
    return Leaf(shape, shape[0] * shape[1], is_full=True, is_closed=True)


def leaves_of(shapes: Sequence[tuple[int, int]], structures: Sequence[Structure]) -> list[Leaf]:
    """Look at the factors of a chain; the same structure twice is one leaf.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Rows and columns of each factor.
    structures : sequence of Structure
        Where each has nonzeros.
    """
    alike: dict[tuple[int, tuple[int, int]], Leaf] = {}
    leaves = []
    for shape, structure in zip(shapes, structures, strict=True):
        key = id(structure), shape
        if key not in alike:
            alike[key] = _leaf(shape, structure)
        leaves.append(alike[key])
    return leaves


def _leaf(shape: tuple[int, int], structure: Structure) -> Leaf:
    if structure.is_dense:
        return dense_leaf(shape)
    if isinstance(structure, Sparse):  # which need not list its places for that
        count = structure.columns.size
        is_full = count == shape[0] * shape[1]
        return dense_leaf(shape) if is_full else Leaf(shape, count, source=structure)
    pattern = structure.pattern(shape)
    if not isinstance(pattern, Band):
        return Leaf(shape, pattern.nonzeros, source=structure)
    if pattern.is_full and not pattern.is_unit:
        return dense_leaf(shape)
    return Leaf(shape, pattern.nonzeros, is_unit=pattern.is_unit, is_closed=True, source=structure)
