"""Arrays of any library that follows the array API standard, whose functions are called in its own namespace."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from chainopt.execution.backends.base import Backend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Array, BoolArray, DType, NumpyArray


class ArrayApiBackend(Backend):
    """What the package asks of a library that is known by its namespace alone.

    Parameters
    ----------
    name : str
        The module of the functions of the standard.
    """

    stands_alone = True

    def __init__(self, name: str) -> None:
        self._name, self._functions = name, import_module(name)
        self.library, self.arrays = name, f"{name} arrays"

    def __reduce__(self) -> tuple[object, ...]:
        return backend_named, (self._name,)

    def owns(self, factor: Array) -> bool:
        """Whether something is an array of the library."""
        return backend_for(factor) is self

    def sample(self, array: Array) -> Array:
        """Return an empty array of the dtype and on the device of another."""
        return self._functions.empty(0, dtype=array.dtype, device=array.device)

    def convert(self, matrix: NumpyArray, like: Array) -> Array:
        """Make an array of a NumPy array, on the device of another."""
        return self._functions.asarray(matrix, device=like.device)

    def seed(self, matrix: NumpyArray, dtype: DType, sample: Array) -> Array:
        """Make an array of a seed."""
        if dtype is None or isinstance(dtype, np.dtype):
            dtype = sample.dtype
        return self._functions.asarray(matrix, dtype=dtype, device=sample.device)

    def from_diagonal(self, vector: Array) -> Array:
        """Return the square matrix with this diagonal."""
        size = vector.shape[0]
        return self.masked(self._functions.broadcast_to(vector, (size, size)), np.eye(size, dtype=bool))

    def diagonal(self, matrix: Array) -> Array:
        """Return the diagonal of a square matrix."""
        return self.reshape(matrix, (-1,))[:: matrix.shape[0] + 1]

    def adjoint(self, matrix: Array) -> Array:
        """Return the conjugate transpose."""
        is_complex = self._functions.isdtype(matrix.dtype, "complex floating")
        return (self._functions.conj(matrix) if is_complex else matrix).mT

    def reshape(self, array: Array, shape: tuple[int, ...]) -> Array:
        """Return an array in another shape."""
        return self._functions.reshape(array, shape)

    def concatenate(self, parts: Sequence[Array], axis: int) -> Array:
        """Put matrices below each other (axis 0) or side by side (axis 1)."""
        return self._functions.concat(list(parts), axis=axis)

    def take(self, matrix: Array, positions: NumpyArray, axis: int) -> Array:
        """Return the rows (axis 0) or columns (axis 1) at some positions."""
        return self._functions.take(matrix, self.convert(positions, matrix), axis=axis)

    def masked(self, matrix: Array, mask: BoolArray) -> Array:
        """Return an array with zeros where a mask says no."""
        zero = self._functions.zeros((), dtype=matrix.dtype, device=matrix.device)
        return self._functions.where(self.convert(mask, matrix), matrix, zero)

    def numbers(self, array: Array) -> Array:
        """Return the array itself: its numbers are known."""
        return array

    def nonzeros(self, matrix: Array, mask: BoolArray | None = None) -> int:
        """Count the nonzeros of an array, all or those where a mask says."""
        is_nonzero = matrix != 0
        if mask is not None:
            is_nonzero = is_nonzero & self.convert(mask, matrix)
        return int(self._functions.sum(self._functions.astype(is_nonzero, self._functions.int64)))

    def is_all_ones(self, vector: Array) -> bool:
        """Whether the entries of an array are all 1."""
        return bool(self._functions.all(vector == 1))


@cache
def backend_named(name: str) -> ArrayApiBackend:
    """Return what stands for the library with this namespace, in all processes the same."""
    return ArrayApiBackend(name)


def backend_for(factor: Array) -> ArrayApiBackend | None:
    """Return what stands for the library of an array that follows the standard; None for anything else."""
    namespace = getattr(factor, "__array_namespace__", None)
    if namespace is None or isinstance(factor, np.generic):
        return None
    return backend_named(namespace().__name__)
