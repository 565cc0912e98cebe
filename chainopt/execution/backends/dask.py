"""Dask arrays: in chunks throughout, and nothing is computed here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from dask import array, delayed

from chainopt.execution.backends.base import Backend
from chainopt.execution.backends.numpy import is_numeric

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Future

    from chainopt.typing import Array, BoolArray, DType, NumpyArray


class DaskBackend(Backend):
    """What the package asks of Dask."""

    library, arrays = "Dask", "Dask arrays"
    stands_alone = in_chunks = True

    def owns(self, factor: Array) -> bool:
        """Whether something is a Dask array."""
        return isinstance(factor, array.Array)

    def is_lazy(self, _: Array) -> bool:
        """Whether an array is computed later: all are."""
        return True

    def is_numeric(self, matrix: Array) -> bool:
        """Whether an array holds numbers."""
        return is_numeric(matrix.dtype)

    def sample(self, _: Array) -> Array:
        """Return an empty array: seeds come in chunks."""
        return array.empty(0)

    def convert(self, matrix: NumpyArray, _: Array) -> Array:
        """Cut a NumPy array into chunks."""
        return array.from_array(matrix, name=False)  # a name of its own: to hash the entries takes longer than to send them

    def adopt(self, future: Future, shape: tuple[int, ...], dtype: DType) -> Array:
        """Take a matrix that is on a cluster as an array of one chunk."""
        return array.from_delayed(delayed(future), shape=shape, dtype=dtype)

    def seed(self, matrix: NumpyArray, dtype: DType, sample: Array) -> Array:
        """Cut a seed into chunks."""
        return self.convert(super().seed(matrix, dtype, sample), sample)

    def eye(self, shape: tuple[int, int], offset: int, dtype: DType, _: Array) -> Array:
        """Return a seed of zeros with ones on a diagonal, none of whose chunks is made yet."""
        row, column = max(offset, 0), max(-offset, 0)
        unit = array.eye(max(row + shape[0], column + shape[1]), dtype=dtype or float)
        return unit[row : row + shape[0], column : column + shape[1]]

    def from_diagonal(self, vector: Array) -> Array:
        """Return the square matrix with this diagonal."""
        return array.diag(vector)

    def diagonal(self, matrix: Array) -> Array:
        """Return the diagonal of a square matrix."""
        return array.diagonal(matrix)

    def concatenate(self, parts: Sequence[Array], axis: int) -> Array:
        """Put matrices below each other (axis 0) or side by side (axis 1)."""
        return array.concatenate(parts, axis=axis)

    def masked(self, matrix: Array, mask: BoolArray) -> Array:
        """Return an array with zeros where a mask says no."""
        return array.where(mask, matrix, 0)

    def pass_through(self, step: Callable[[Array, Array], Array], stage: Array, matrix: Array, axis: int) -> Array:
        """Take a matrix through a stage: blocks of whole columns (axis 1) or of whole rows (axis 0), each by itself."""
        whole = matrix.rechunk({1 - axis: -1, axis: "auto"})
        chunks = ((stage.shape[0],), whole.chunks[1]) if axis == 1 else (whole.chunks[0], (stage.shape[1],))
        dtype = np.result_type(getattr(stage, "dtype", None) or float, matrix.dtype)
        return array.map_blocks(partial(step, stage), whole, chunks=chunks, dtype=dtype, meta=np.empty((0, 0), dtype=dtype))


BACKEND = DaskBackend()
