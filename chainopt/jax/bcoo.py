"""Sparse arrays of JAX: a BCOO for each block of a Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax.experimental.sparse import BCOO

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.functions.sparse.blocks import Block
    from chainopt.typing import Array


def maker_of(block: Block) -> Callable[[Array], BCOO]:
    """Return what makes a block of its nonzeros: all axes are sparse, the indices unique and in row-major order.

    The indices belong to no transformation. What the constructor checks is checked once: it takes longer than a small Jacobian.
    """
    with jax.ensure_compile_time_eval():
        indices = jnp.asarray(block.indices)
        model = BCOO((jnp.zeros(len(indices)), indices), shape=block.shape, indices_sorted=True, unique_indices=True)
    tree = jax.tree.structure(model)

    def made(nonzeros: Array) -> BCOO:
        array: BCOO = jax.tree.unflatten(tree, (nonzeros, indices))
        return array

    return made
