"""SciPy's sparse arrays and matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scipy import sparse

from chainopt.execution.backends.base import Backend
from chainopt.execution.backends.numpy import is_numeric

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class ScipyBackend(Backend):
    """What the package asks of `scipy.sparse`."""

    library, arrays = "SciPy", "SciPy's sparse arrays"
    is_sparse = goes_with_scipy = True

    def owns(self, factor: Any) -> bool:
        """Whether something is a sparse array or matrix."""
        return bool(sparse.issparse(factor))

    def is_numeric(self, matrix: Any) -> bool:
        """Whether an array holds numbers."""
        return is_numeric(matrix.dtype)

    def dense(self, matrix: Any) -> Any:
        """Return a matrix with all its entries, as a NumPy array."""
        return matrix.toarray()

    def concatenate(self, parts: Sequence[Any], axis: int) -> Any:
        """Put matrices below each other (axis 0) or side by side (axis 1)."""
        return sparse.hstack(parts) if axis == 1 else sparse.vstack(parts)

    def scale_rows(self, vector: Any, matrix: Any) -> Any:
        """Multiply with a diagonal matrix on the left."""
        return sparse.diags_array(vector) @ matrix

    def scale_columns(self, matrix: Any, vector: Any) -> Any:
        """Multiply with a diagonal matrix on the right."""
        return matrix @ sparse.diags_array(vector)

    def numbers(self, matrix: Any) -> Any:
        """Return the array itself: its numbers are known."""
        return matrix

    def nonzeros(self, matrix: Any, mask: NDArray[np.bool_] | None = None) -> int:
        """Count the nonzeros of an array, all or those where a mask says."""
        return int((matrix if mask is None else matrix.astype(bool).multiply(mask)).count_nonzero())


BACKEND = ScipyBackend()
