"""Sparse factors that were found to fit before: nothing but what may have changed since is asked again."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

from chainopt.execution.backends.numpy import NUMBERS
from chainopt.execution.forms import goes_with_matmul
from chainopt.structure.sparse import Sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.chain.chain import JacobianChain
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


def prechecked(chain: JacobianChain, factors: Sequence[Array]) -> list[Array] | None:
    """Return factors of which ``@`` is all that a product needs, in a new list; None where more has to be asked.

    Those are NumPy's arrays, and what SciPy stores by rows or columns, once `prepared` has found it inside of its structure.
    Between products of large matrices caches are cold, and each question of Python takes several times as long as elsewhere.
    """
    details = chain.details
    if details is None or details.structures is None or details.batches is not None or type(factors) not in {list, tuple}:
        return None
    sizes = chain.sizes.tolist()
    if len(factors) != len(sizes) - 1 or len(factors) == 1 or not all(map(goes_with_matmul, map(type, factors))):
        return None
    rows, previous, same = sizes[0], None, None
    for matrix, structure, columns in zip(factors, details.structures, sizes[1:], strict=True):
        if matrix is previous and structure is same and columns == rows:
            continue
        if matrix.shape != (rows, columns) or matrix.dtype not in NUMBERS:
            return None
        fits = isinstance(matrix, np.ndarray) if structure is None or structure.is_dense else CHECKED.holds(matrix, structure)
        if not fits:
            return None
        previous, same, rows = matrix, structure, columns
    return [*factors]
