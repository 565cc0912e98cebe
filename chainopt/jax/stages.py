"""Sections of a function as stages: matrices are pushed and pulled through them, all columns at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from chainopt.jax.trace import STAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.elementals import Factors


class Piece(NamedTuple):
    """One array of a state."""

    shape: tuple[int, ...]
    dtype: Any

    @property
    def size(self) -> int:
        """How many entries it has."""
        return math.prod(self.shape)


def pieces_of(state: Sequence[Any]) -> list[Piece]:
    """Describe the arrays of a state."""
    return [Piece(jnp.shape(array), jnp.result_type(array)) for array in state]


class Stage:
    """A function from one list of arrays to another, at a point, as the operator that its derivative is."""

    def __init__(
        self,
        function: Callable[..., Sequence[Any]],
        state: Sequence[Any],
        result: Sequence[Any],
        elemental: Callable[[Callable[[Any], Any]], Factors] | None = None,
    ) -> None:
        self.function = function
        self.state = tuple(state)
        self.elemental = elemental
        self.inputs, self.outputs = pieces_of(state), pieces_of(result)
        self.shape = sum(piece.size for piece in self.outputs), sum(piece.size for piece in self.inputs)
        self.dtype = jnp.result_type(*[piece.dtype for piece in (*self.inputs, *self.outputs)] or [float])

    def identity_seed(self, rows: int, columns: int, offset: int) -> Any:
        """Return columns or rows of the identity, as a part of the computation that is compiled, and not a constant in it."""
        return jnp.eye(rows, columns, offset, dtype=self.dtype)

    def elemental_jacobian(self) -> Any:
        """Return the Jacobian where the program holds it: a matrix, its columns and rows scaled."""
        assert self.elemental is not None
        return self.elemental(lambda factor: factor.astype(self.dtype)).whole()

    def matmat(self, columns: Any) -> Any:
        """Push columns forward."""
        tangents = split(columns, self.inputs)

        def push(*tangent: Any) -> Any:
            return jax.jvp(lambda *state: tuple(self.function(*state)), self.state, tangent)[1]

        pushed = jax.vmap(push, in_axes=-1, out_axes=-1)(*tangents)
        return joined(pushed, columns.shape[1], self.dtype)

    def rmatmat(self, columns: Any) -> Any:
        """Pull columns of cotangents back; of real functions, which these are, the adjoint is the transpose."""
        cotangents = split(columns, self.outputs)
        pull = jax.vjp(lambda *state: tuple(self.function(*state)), *self.state)[1]
        pulled = jax.vmap(pull, in_axes=-1, out_axes=-1)(tuple(cotangents))
        return joined(pulled, columns.shape[1], self.dtype)


def slopes(function: Callable[[Any], Any], argument: Any) -> Any:
    """Differentiate an elementwise function at every entry."""
    found = jax.jvp(function, (argument,), (jnp.ones_like(argument),))[1]
    return jnp.reshape(found, -1)


def split(columns: Any, pieces: Sequence[Piece]) -> list[Any]:
    """Cut a matrix into the arrays of a state, each with the columns as its last axis."""
    begin, parts = 0, []
    for piece in pieces:
        part = columns[begin : begin + piece.size]
        parts.append(jnp.reshape(part, (*piece.shape, columns.shape[1])).astype(piece.dtype))
        begin += piece.size
    return parts


def joined(parts: Sequence[Any], columns: int, dtype: Any) -> Any:
    """Put the arrays of a state, with the columns as last axis, below each other."""
    flat = [jnp.reshape(part, (-1, columns)).astype(dtype) for part in parts]
    if not flat:
        return jnp.zeros((0, columns), dtype)
    return flat[0] if len(flat) == 1 else jnp.concatenate(flat)


def sequential(*functions: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Compose functions, in evaluation order, and remember them as the stages of a Jacobian.

    Parameters
    ----------
    *functions : callable
        Each takes what the one before returns, a pytree of arrays.

    Returns
    -------
    callable
        The composed function; `jacobian` cuts it between its parts, and nowhere else.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from chainopt.jax import jacobian, sequential
    >>> model = sequential(jnp.sin, lambda x: x[:2], jnp.exp)
    >>> jacobian(model)(jnp.zeros(3)).shape
    (2, 3)
    """

    def composed(argument: Any) -> Any:
        for function in functions:
            argument = function(argument)
        return argument

    composed.stages = functions  # type: ignore[attr-defined]
    return composed


def stage_by_stage(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose trace shows where its stages begin, if it is a `sequential` one."""
    parts = getattr(function, "stages", ())
    if not parts:
        return function

    def marked(argument: Any) -> Any:
        for number, part in enumerate(parts, 1):
            argument = jax.jit(_renamed(part, f"{STAGE}{number}"))(argument)
        return argument

    return marked


def _renamed(function: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    def call(argument: Any) -> Any:
        return function(argument)

    call.__name__ = name
    return call
