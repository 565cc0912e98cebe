"""Which sparse arrays store nothing outside of which patterns: to look takes longer than a product with a vector."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from chainopt.structure.sparse import Sparse

if TYPE_CHECKING:
    from chainopt.structure.structure import Structure
    from chainopt.typing import Array

MOST_KNOWN = 1024


class CheckedPatterns:
    """Sparse arrays that were found to lie inside of a structure.

    This holds for the arrays of indices, whatever the values are. If someone writes into those, a nonzero outside is not noticed;
    the product is right all the same, as the matrix itself is multiplied.
    """

    def __init__(self) -> None:
        self._triples: dict[tuple[str, int, int, int], tuple[weakref.ref[Array], ...]] = {}

    def holds(self, matrix: Array, structure: Structure) -> bool:
        """Whether a matrix has been found inside of a structure."""
        indices = getattr(matrix, "indices", None)
        if indices is None or not isinstance(structure, Sparse):
            return False
        begins, places = getattr(matrix, "indptr", None), structure.columns
        known = self._triples.get((getattr(matrix, "format", ""), id(indices), id(begins), id(places)))
        return known is not None and known[0]() is indices and known[1]() is begins and known[2]() is places

    def add(self, matrix: Array, structure: Structure) -> None:
        """Remember that it has been found there."""
        if not isinstance(structure, Sparse) or not (hasattr(matrix, "indices") and hasattr(matrix, "indptr")):
            return
        if len(self._triples) >= MOST_KNOWN:
            self._triples.clear()
        held = matrix.indices, matrix.indptr, structure.columns
        self._triples[matrix.format, *map(id, held)] = tuple(map(weakref.ref, held))


CHECKED = CheckedPatterns()
