"""The door of the detection: a function of a flat list of arrays in, its pattern out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.errors import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.functions.signature import Call
from chainopt.functions.sparsity.detection import Detection
from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.jax.backend import BACKEND
from chainopt.jax.detection import (
    control_flow,
    convolutions,
    elementwise,
    indexing,
    linear_algebra,
    reductions,
    reshaping,
    scans,
)
from chainopt.jax.detection.values import constant, full, is_zero
from chainopt.jax.detection.walk import Walk
from chainopt.jax.jaxprs import dtype, jaxpr_of, size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.jax.detection.values import Value
    from chainopt.typing import Array, DType, Function

# They register their rules when they are imported.
FAMILIES = (control_flow, convolutions, elementwise, indexing, linear_algebra, reductions, reshaping, scans)


def pattern_of(function: Callable[..., Sequence[Array]], inputs: Sequence[Array], others: Sequence[Array] = ()) -> Detection:
    """Find the pattern of a function's Jacobian, valid for all inputs of these shapes.

    It is that of the program that computes the derivative, walked through with what each variable depends on.

    Parameters
    ----------
    function : callable
        Of arrays, given one by one, first the inputs and then the others, that returns a list of arrays.
    inputs : sequence of arrays or `jax.ShapeDtypeStruct`
        Those to differentiate by: their shapes and types; values do not matter.
    others : sequence of arrays or `jax.ShapeDtypeStruct`
        Further arguments, whose values do not matter either.
    """
    given = [_shape(array) for array in (*inputs, *others)]
    moving = [position for position, array in enumerate(given[: len(inputs)]) if _has_derivative(array.dtype)]

    def pushed(primals: list[Array], tangents: list[Array]) -> Sequence[Array]:
        def moved(*moved: Array) -> list[Array]:
            arrays = dict(enumerate(primals)) | dict(zip(moving, moved, strict=True))
            return list(function(*arrays.values()))

        if not moving:
            return [jnp.zeros_like(result) for result in moved()]
        pushed_forward: Sequence[Array] = jax.jvp(moved, [primals[position] for position in moving], tangents)[1]
        return pushed_forward

    closed = jaxpr_of(pushed, given, [given[position] for position in moving])
    sizes = [math.prod(array.shape) for array in given[: len(inputs)]]
    columns, firsts = sum(sizes), np.cumsum([0, *sizes])
    seeds = [IndexSets.seeds(sizes[position], columns, int(firsts[position])) for position in moving]
    constants = [constant(value) for value in closed.consts]
    with np.errstate(all="ignore"):  # of constants that are evaluated
        values = Walk(columns).run(closed.jaxpr, constants, [*[None] * len(given), *seeds])
    sets = [result_of(value, atom, columns) for value, atom in zip(values, closed.jaxpr.outvars, strict=True)]
    return Detection(joined(sets) if sets else IndexSets(0, columns, ()))


def _shape(array: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(np.shape(array), jnp.result_type(array))


def _has_derivative(kind: DType) -> bool:
    return bool(jnp.issubdtype(kind, jnp.inexact))


def result_of(value: Value, atom: Array, columns: int) -> IndexSets:
    """Return what a tangent depends on: all columns, where it may be something that no seed makes."""
    count = size(atom)
    if isinstance(value, IndexSets):
        return value
    if is_zero(value) or not _has_derivative(dtype(atom)):
        return IndexSets(count, columns, ())
    return full(count, columns, "a derivative that is not linear")


def detection_of(function: Function, arguments: tuple[Array, ...], argnums: int | tuple[int, ...]) -> Detection:
    """Find the pattern of a call.

    Parameters
    ----------
    function : callable
        Of arrays, or pytrees of them.
    arguments : tuple
        What it is called with; the values of those that it is not differentiated by do not matter either, if they are arrays.
    argnums : int or tuple of int
        By which arguments it is differentiated.

    Raises
    ------
    ChainError
        If the function writes to references.
    """
    call = Call.read(BACKEND, argnums, arguments, {})

    def flat(*arrays: Array) -> list[Array]:
        positional, keywords = call.arguments(BACKEND, arrays)
        return list(jax.tree.leaves(function(*positional, **keywords)))

    try:
        return pattern_of(flat, call.inputs, call.others)
    except UnplannableError as error:
        msg = f"the pattern of the function's Jacobian cannot be found, for {error}"
        raise ChainError(msg) from None
