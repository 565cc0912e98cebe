"""The two thin factors of what passes through variables that are held."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from chainopt.jax.compressed import pushes, vjps
from chainopt.jax.jaxprs import dtype, shape, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.linear_program import LinearProgram
    from chainopt.typing import Array


def left_factor(
    program: LinearProgram,
    held: Sequence[Array],
    primals: Sequence[Array],
    inputs: Sequence[Array],
    chunk_size: int | None = None,
) -> list[Array]:
    """Return for each result a row for each entry of what is held: its derivative by that, flattened."""
    rank = sum(map(size, held))
    if not rank:
        return [jnp.zeros((0, size(atom)), dtype(atom)) for atom in program.outputs]
    fixed = [jnp.zeros(aval.shape, aval.dtype) for aval in inputs]

    def linear(*tangents: Array) -> list[Array]:
        return program.run(primals, fixed, dict(zip(held, tangents, strict=True)), program.outputs)

    return pushes(linear, list(zeros_of(held).values()), np.arange(rank), chunk_size)


def right_factor(
    program: LinearProgram,
    held: Sequence[Array],
    primals: Sequence[Array],
    inputs: Sequence[Array],
    chunk_size: int | None = None,
) -> list[Array]:
    """Return for each input a row for each entry of what is held: its derivative by that input, flattened; see `left_factor`.

    Cotangents are pulled back from each variable alone: zeros of the others, times what is infinite there, would be no numbers.
    """
    if not held:
        return [jnp.zeros((0, math.prod(aval.shape)), aval.dtype) for aval in inputs]
    fixed = [jnp.zeros(aval.shape, aval.dtype) for aval in inputs]

    def pulled(variable: Array) -> list[Array]:
        def linear(*tangents: Array) -> list[Array]:
            return program.run(primals, tangents, {}, [variable])

        return vjps(linear, fixed, np.arange(size(variable)), chunk_size)

    return [jnp.concatenate(parts) for parts in zip(*map(pulled, held), strict=True)]


def zeros_of(held: Sequence[Array]) -> dict[Array, Array]:
    """Return zeros in the place of each variable."""
    return {variable: jnp.zeros(shape(variable), dtype(variable)) for variable in held}
