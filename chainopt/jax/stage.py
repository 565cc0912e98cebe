"""Sections of a JAX function as stages: matrices are pushed and pulled through them, all columns at once."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp

from chainopt.functions.elementals import factors_of
from chainopt.functions.prepared import section_function

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.elementals import Factors
    from chainopt.functions.program import Program
    from chainopt.functions.trace import Equation
    from chainopt.typing import Array, DType, PyTree


class Piece(NamedTuple):
    """One array of a state."""

    shape: tuple[int, ...]
    dtype: DType

    @property
    def size(self) -> int:
        """How many entries it has."""
        return math.prod(self.shape)


def pieces_of(state: Sequence[Array]) -> list[Piece]:
    """Describe the arrays of a state."""
    return [Piece(jnp.shape(array), jnp.result_type(array)) for array in state]


class Stage:
    """A function from one list of arrays to another, at a point, as the operator that its derivative is.

    Parameters
    ----------
    function : callable
        Of the arrays of the state.
    state, result : sequence of arrays
        The point, and the value there.
    dtype : dtype
        That of the matrices that go through it.
    elemental : callable, optional
        What returns the factors of its Jacobian, where the program holds them, each cast by its argument.
    """

    def __init__(
        self,
        function: Callable[..., Sequence[Array]],
        state: Sequence[Array],
        result: Sequence[Array],
        dtype: DType,
        elemental: Callable[[Callable[[Array], Array]], Factors] | None = None,
    ) -> None:
        self.function = function
        self.state = tuple(state)
        self.elemental = elemental
        self.inputs, self.outputs = pieces_of(state), pieces_of(result)
        self.shape = sum(piece.size for piece in self.outputs), sum(piece.size for piece in self.inputs)
        self.dtype = dtype

    def identity_seed(self, rows: int, columns: int, offset: int) -> Array:
        """Return columns or rows of the identity, as a part of the computation that is compiled, and not a constant in it."""
        return jnp.eye(rows, columns, offset, dtype=self.dtype)

    def elemental_jacobian(self) -> Array:
        """Return the Jacobian where the program holds it: a matrix, its columns and rows scaled."""
        assert self.elemental is not None
        return self.elemental(lambda factor: factor.astype(self.dtype)).whole()

    def matmat(self, columns: Array) -> Array:
        """Push columns forward."""
        tangents = split(columns, self.inputs)

        def push(*tangent: Array) -> Array:
            return jax.jvp(lambda *state: tuple(self.function(*state)), self.state, tangent)[1]

        pushed = jax.vmap(push, in_axes=-1, out_axes=-1)(*tangents)
        return joined(pushed, columns.shape[1], self.dtype)

    def rmatmat(self, columns: Array) -> Array:
        """Pull columns of cotangents back; of real functions, which these are, the adjoint is the transpose."""
        cotangents = split(columns, self.outputs)
        pull = jax.vjp(lambda *state: tuple(self.function(*state)), *self.state)[1]
        pulled = jax.vmap(pull, in_axes=-1, out_axes=-1)(tuple(cotangents))
        return joined(pulled, columns.shape[1], self.dtype)


def slopes(function: Callable[[Array], Array], argument: PyTree) -> Array:
    """Differentiate an elementwise function at every entry."""
    found = jax.jvp(function, (argument,), (jnp.ones_like(argument),))[1]
    return jnp.reshape(found, -1)


def split(columns: Array, pieces: Sequence[Piece]) -> list[Array]:
    """Cut a matrix into the arrays of a state, each with the columns as its last axis."""
    columns = jnp.asarray(columns)  # the seeds of structured Jacobians are NumPy's
    begin, parts = 0, []
    for piece in pieces:
        # XLA aborts the process where a part without entries is cut out of what it was joined to.
        part = columns[begin : begin + piece.size] if piece.size else jnp.zeros((0, columns.shape[1]))
        parts.append(jnp.reshape(part, (*piece.shape, columns.shape[1])).astype(piece.dtype))
        begin += piece.size
    return parts


def joined(parts: Sequence[Array], columns: int, dtype: DType) -> Array:
    """Put the arrays of a state, with the columns as last axis, below each other."""
    flat = [jnp.reshape(part, (-1, columns)).astype(dtype) for part in parts if part.size]
    if not flat:
        return jnp.zeros((0, columns), dtype)
    return flat[0] if len(flat) == 1 else jnp.concatenate(flat)


def _run_with_its_rule(equation: Equation, values: dict[int, Array]) -> None:
    """Evaluate an equation whose derivative somebody wrote as it is evaluated where it is differentiated.

    The rule does that in a way of its own, so that derivatives of the Jacobian are those of what is written there, as they are
    of JAX's own Jacobians.
    """
    moving = [variable for variable in equation.inputs if jnp.issubdtype(jnp.result_type(values[variable]), jnp.inexact)]
    if not moving:
        equation.run(values)
        return

    def function(*given: Array) -> list[Array]:
        local = values | dict(zip(moving, given, strict=True))
        equation.run(local)
        return [local[variable] for variable in equation.outputs]

    results, _ = jax.vjp(function, *[values[variable] for variable in moving])
    values.update(zip(equation.outputs, results, strict=True))


def stages_of(program: Program, values: dict[int, Array], dtype: DType) -> list[Stage]:
    """Make the sections of a program into stages; what is computed and not used, the compiler drops."""
    stages = []
    for section in program.sections:
        function = section_function(section, dict(values))
        state = [values[variable] for variable in section.before]
        for equation in section.equations:
            if equation.has_rule:
                _run_with_its_rule(equation, values)
            else:
                equation.run(values)
        elemental = None if section.known is None else partial(factors_of, section.known, values, slopes)
        stages.append(Stage(function, state, [values[variable] for variable in section.after], dtype, elemental))
    return stages
