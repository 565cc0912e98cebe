"""The gradient of a JAX function, whose Jacobian is the Hessian."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from chainopt.functions.jacobian import JacobianFunction

if TYPE_CHECKING:
    from chainopt.functions.backend import Backend
    from chainopt.functions.options import Options
    from chainopt.typing import Array, Function


def gradient_of(backend: Backend, function: Function, options: Options) -> Function:
    """Return what computes what `jax.jacrev` does: of a number by one VJP, of all else by a Jacobian that is planned itself."""
    gradient = jax.grad(function, options.argnums, has_aux=options.has_aux)
    jacobian = JacobianFunction(backend, function, replace(options, is_hessian=False, mode="auto"))
    value = options.result_of(function)

    def call(*args: Any, **kwargs: Any) -> Array:
        result = jax.eval_shape(value, *args, **kwargs)
        return gradient(*args, **kwargs) if is_number(result) else jacobian(*args, **kwargs)

    return call


def is_number(result: Array) -> bool:
    """Whether a result is a single array of one real number."""
    return isinstance(result, jax.ShapeDtypeStruct) and result.shape == () and jnp.issubdtype(result.dtype, jnp.floating)
