"""JAX's arrays, traced or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.execution.backends.base import Backend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Array, BoolArray, DType, NumpyArray


class JaxBackend(Backend):
    """What the package asks of JAX."""

    library, arrays = "JAX", "JAX arrays"

    def owns(self, factor: Array) -> bool:
        """Whether something is a JAX array, or stands for one while a function is traced."""
        return isinstance(factor, jax.Array | jax.core.Tracer)

    def is_lazy(self, array: Array) -> bool:
        """Whether an array is traced."""
        return isinstance(array, jax.core.Tracer)

    def sample(self, _: Array) -> Array:
        """Return an empty array: seeds are JAX's, of JAX's default dtype."""
        return jnp.empty(0)

    def convert(self, matrix: NumpyArray, _: Array) -> Array:
        """Make a JAX array of a NumPy array."""
        return jnp.asarray(matrix)

    def seed(self, matrix: NumpyArray, dtype: DType, sample: Array) -> Array:
        """Make a JAX array of a seed."""
        return jnp.asarray(super().seed(matrix, dtype, sample))

    def from_diagonal(self, vector: Array) -> Array:
        """Return the square matrix with this diagonal."""
        return jnp.diag(vector)

    def concatenate(self, parts: Sequence[Array], axis: int) -> Array:
        """Put matrices below each other (axis 0) or side by side (axis 1)."""
        return jnp.concatenate(parts, axis=axis)

    def masked(self, matrix: Array, mask: BoolArray) -> Array:
        """Return an array with zeros where a mask says no."""
        return jnp.where(mask, matrix, 0)

    def numbers(self, array: Array) -> Array:
        """Return the array as NumPy's, since JAX would trace the checks with the function; None for a traced one."""
        return None if self.is_lazy(array) else np.asarray(array)


BACKEND = JaxBackend()
