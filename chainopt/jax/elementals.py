"""Which equations are elementwise, and which are products with a matrix that is their Jacobian."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax.extend import core

if TYPE_CHECKING:
    from collections.abc import Callable

# Where those of the last line keep the number of entries, they keep their order.
NAMES = """
abs acos acosh add add_any and asin asinh atan atan2 atanh cbrt ceil clamp convert_element_type copy cos cosh digamma div eq erf
erf_inv erfc exp exp2 expm1 floor ge gt integer_pow is_finite le lgamma log log1p logistic lt max min mul ne neg not or pow
reduce_precision rem round rsqrt select_n sign sin sinh sqrt square sub tan tanh
broadcast_in_dim expand_dims reshape squeeze
"""
ELEMENTWISE = frozenset(NAMES.split())


def is_elementwise(equation: Any) -> bool:
    """Whether each entry of the result depends on the same entry of what is read, or on a scalar."""
    name, params = str(equation.primitive), equation.params
    if name == "custom_jvp_call":
        return _maps_entries(params["call_jaxpr"].jaxpr)
    if name in {"jit", "pjit"}:
        return _maps_entries(params["jaxpr"].jaxpr)
    return name in ELEMENTWISE and params.get("dimensions") is None


def _maps_entries(jaxpr: Any) -> bool:
    shapes = {variable.aval.shape for variable in (*jaxpr.invars, *jaxpr.outvars)} - {()}
    return len(shapes) < 2 and all(map(is_elementwise, jaxpr.eqns))


def has_elementwise_rule(jaxpr: Any) -> bool:
    """Whether the derivative that somebody wrote for an elementwise function, alone in its jaxpr, is elementwise, too."""
    read = jaxpr.invars
    if not all(jnp.issubdtype(variable.aval.dtype, jnp.floating) for variable in read):
        return False

    def derivative(*arrays: Any) -> Any:
        return jax.jvp(lambda *point: jax.core.eval_jaxpr(jaxpr, (), *point), arrays[: len(read)], arrays[len(read) :])[1]

    shapes = [jax.ShapeDtypeStruct(variable.aval.shape, variable.aval.dtype) for variable in (*read, *read)]
    return _maps_entries(jax.make_jaxpr(derivative)(*shapes).jaxpr)


def matrices_of(equation: Any, numbers: dict[Any, int]) -> dict[int, Callable[[dict[int, Any]], Any]]:
    """Return what reads the Jacobian of a product of a vector and a matrix off the matrix, by the number of the vector."""
    if str(equation.primitive) != "dot_general":
        return {}
    contracted, (batch, _) = equation.params["dimension_numbers"]
    vectors = equation.invars
    found = {}
    for side, atom in enumerate(vectors):
        other = vectors[1 - side]
        if isinstance(atom, core.Literal) or isinstance(other, core.Literal) or atom is other or batch:
            continue
        if math.prod(atom.aval.shape[axis] for axis in contracted[side]) == math.prod(atom.aval.shape):
            found[numbers[atom]] = _reader(numbers[other], contracted[side], contracted[1 - side])
    return found


def _reader(matrix: int, of_vector: tuple[int, ...], of_matrix: tuple[int, ...]) -> Callable[[dict[int, Any]], Any]:
    inner = [of_matrix[at] for at in sorted(range(len(of_vector)), key=of_vector.__getitem__)]  # in the order of the vector

    def read(values: dict[int, Any]) -> Any:
        found = values[matrix]
        if not isinstance(found, jax.core.Tracer):  # a constant: the compiler would take its time to transpose it itself
            found = jax.lax.optimization_barrier(found)
        outer = [axis for axis in range(found.ndim) if axis not in inner]
        columns = math.prod(found.shape[axis] for axis in inner)
        return jnp.reshape(jnp.transpose(found, (*outer, *inner)), (-1 if columns else math.prod(found.shape), columns))

    return read
