"""Products of a JAX function's Jacobian with vectors, to compare a pattern with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.typing import Array, NumpyArray


class JaxProducts:
    """Products with the Jacobian of a function at a point."""

    def __init__(self, function: Callable[..., list[Array]], primals: Sequence[Array], *, has_jvps: bool) -> None:
        self.function, self.primals, self.has_jvps = function, primals, has_jvps
        self.results = jax.eval_shape(function, *primals)
        finfo: Any = jnp.finfo
        self.epsilon = max(float(finfo(array.dtype).eps) for array in (*primals, *self.results))

    def product(self, vector: NumpyArray, *, by_jvp: bool) -> NumpyArray:
        """Multiply with a vector."""

        def listed(*given: Array) -> list[Array]:
            return list(self.function(*given))

        if by_jvp:
            return _flat(jax.jvp(listed, tuple(self.primals), tuple(_split(vector, self.primals)))[1])
        return _flat(jax.vjp(listed, *self.primals)[1](_split(vector, self.results)))


def _split(flat: NumpyArray, like: Sequence[Any]) -> list[Array]:
    """Cut a vector into arrays of given shapes and dtypes."""
    ends = np.cumsum([math.prod(jnp.shape(array)) for array in like])[:-1]
    parts = zip(np.split(flat, ends), like, strict=True)
    return [jnp.asarray(part.reshape(jnp.shape(array)), dtype=array.dtype) for part, array in parts]


def _flat(arrays: Sequence[Array]) -> NumpyArray:
    parts = [np.asarray(array).reshape(-1) for array in arrays]
    return np.concatenate([part if part.dtype.kind == "c" else part.astype(np.float64) for part in parts])
