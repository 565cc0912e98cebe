"""SciPy's sparse arrays and matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy import sparse

from chainopt.execution.backends.base import Backend
from chainopt.execution.backends.numpy import is_numeric
from chainopt.structure.patterns import nonzero_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Array, BoolArray


class ScipyBackend(Backend):
    """What the package asks of `scipy.sparse`."""

    library, arrays = "SciPy", "SciPy's sparse arrays"
    is_sparse = goes_with_scipy = True

    def owns(self, factor: Array) -> bool:
        """Whether something is a sparse array or matrix."""
        return bool(sparse.issparse(factor))

    def has_own_class(self, matrix: Array) -> bool:
        """Whether it is of a class of SciPy's, and of no subclass."""
        return type(matrix).__module__.startswith("scipy.sparse.")

    def is_numeric(self, matrix: Array) -> bool:
        """Whether an array holds numbers."""
        return is_numeric(matrix.dtype)

    def takes_forms(self, matrix: Array) -> bool:
        """Whether it is a sparse array of numbers that has a diagonal: no matrix, whose ``*`` is a product, and not of bools."""
        return matrix.dtype.kind != "b" and isinstance(matrix, sparse.sparray)

    def dense(self, matrix: Array) -> Array:
        """Return a matrix with all its entries, as a NumPy array."""
        return matrix.toarray()

    def concatenate(self, parts: Sequence[Array], axis: int) -> Array:
        """Put matrices below each other (axis 0) or side by side (axis 1)."""
        return sparse.hstack(parts) if axis == 1 else sparse.vstack(parts)

    def scale_rows(self, vector: Array, matrix: Array) -> Array:
        """Multiply with a diagonal matrix on the left."""
        return sparse.diags_array(vector) @ matrix

    def scale_columns(self, matrix: Array, vector: Array) -> Array:
        """Multiply with a diagonal matrix on the right."""
        return matrix @ sparse.diags_array(vector)

    def numbers(self, matrix: Array) -> Array:
        """Return the array itself: its numbers are known."""
        return matrix

    def nonzeros(self, matrix: Array, mask: BoolArray | None = None) -> int:
        """Count the nonzeros of an array, all or those where a mask says."""
        return nonzero_count(matrix if mask is None else matrix.astype(bool).multiply(mask))


BACKEND = ScipyBackend()
