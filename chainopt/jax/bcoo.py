"""Sparse arrays of JAX: a BCOO for each block of a Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax.experimental.sparse import BCOO

if TYPE_CHECKING:
    from chainopt.functions.sparse.blocks import Block
    from chainopt.typing import Array


def indices_of(block: Block) -> Array:
    """Return the indices of a block's nonzeros as an array that no transformation owns."""
    with jax.ensure_compile_time_eval():
        return jnp.asarray(block.indices)


def bcoo(nonzeros: Array, block: Block, indices: Array) -> BCOO:
    """Put a block together: all of its axes are sparse, its indices unique and in row-major order."""
    return BCOO((nonzeros, indices), shape=block.shape, indices_sorted=True, unique_indices=True)
