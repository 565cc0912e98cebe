"""Parts of a computation that XLA leaves apart.

It would join them to loops that compute sines, exponentials and products of matrices anew for each entry that reads them, and
removes barriers before it does so. A branch that is always taken, which XLA cannot know, it leaves as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.typing import Array

Result = TypeVar("Result")


def always_true(arrays: Sequence[Array]) -> Array:
    """Return what is true, though it depends on the first entry: a number is at most infinite, or no number at all.

    It is one number under `jax.vmap`, too: of a condition that each point has for itself both branches would be run.
    """
    first: Array = jax.lax.stop_gradient(next(array for array in arrays if array.size)).reshape(-1)[0]
    return _is_true(first)


@custom_vmap
def _is_true(number: Array) -> Array:
    return (number <= jnp.inf) | jnp.isnan(number)


def _of_the_first(count: int, is_batched: Sequence[bool], numbers: Array) -> tuple[Array, bool]:
    assert all(is_batched)
    return (_is_true(numbers[0]) if count else jnp.asarray(True)), False


_is_true.def_vmap(_of_the_first)


def apart(always: Array, function: Callable[..., Result], *operands: Array) -> Result:
    """Call a function of pytrees of arrays, so that nothing of it is joined to what is computed before or behind."""
    traced = jax.jit(function)  # once, for both branches

    def never(*operands: Array) -> Result:
        zeros: Result = jax.tree.map(lambda aval: jnp.zeros(aval.shape, aval.dtype), jax.eval_shape(traced, *operands))
        return zeros

    result: Result = jax.lax.cond(always, traced, never, *operands)
    return result
