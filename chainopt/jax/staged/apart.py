"""Parts of a computation that XLA leaves apart.

It would join them to loops that compute sines, exponentials and products of matrices anew for each entry that reads them, and
removes barriers before it does so. A branch that is always taken, which XLA cannot know, it leaves as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.typing import Array

Result = TypeVar("Result")


def always_true(arrays: Sequence[Array]) -> Array:
    """Return what is true, though it depends on the first entry: a number is at most infinite, or no number at all."""
    first = jax.lax.stop_gradient(next(array for array in arrays if array.size)).reshape(-1)[0]
    return (first <= jnp.inf) | jnp.isnan(first)


def apart(always: Array, function: Callable[..., Result], *operands: Array) -> Result:
    """Call a function of pytrees of arrays, so that nothing of it is joined to what is computed before or behind."""

    def never(*operands: Array) -> Result:
        zeros: Result = jax.tree.map(lambda aval: jnp.zeros(aval.shape, aval.dtype), jax.eval_shape(function, *operands))
        return zeros

    result: Result = jax.lax.cond(always, function, never, *operands)
    return result
