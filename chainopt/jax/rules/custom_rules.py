"""Functions whose derivative somebody wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from chainopt.functions.primitives import Derivative, Price
from chainopt.jax.rules.registry import JaxprEqn, alone, derivative_of, inner, price_inside, rule

if TYPE_CHECKING:
    from jax.extend import core

# What calls a function, and the parameter that holds it.
CALLED = {"custom_jvp_call": "call_jaxpr", "jit": "jaxpr", "pjit": "jaxpr"}


@rule("custom_jvp_call")
def custom_jvp(equation: JaxprEqn) -> Derivative:
    """Do what is inside; it is elementwise where both the function and the derivative that somebody wrote for it are."""
    is_elementwise = _maps_entries(equation.params["call_jaxpr"].jaxpr) and _has_elementwise_rule(equation)
    return Derivative(price_inside(equation), is_elementwise=is_elementwise)


@rule("custom_vjp_call", "custom_vjp_call_jaxpr")
def custom_vjp(equation: JaxprEqn) -> Derivative:
    """Do what is inside; there is no JVP."""
    return Derivative(Price(None, price_inside(equation).vjp))


def _maps_entries(jaxpr: core.Jaxpr) -> bool:
    """Whether the values of a function are elementwise, and no array that it takes or returns is of another shape.

    The rules of what it calls are not asked: a derivative may well call its own function.
    """
    shapes = {variable.aval.shape for variable in (*jaxpr.invars, *jaxpr.outvars)} - {()}
    if len(shapes) > 1:
        return False
    for equation in jaxpr.eqns:
        called = equation.params.get(CALLED.get(str(equation.primitive)))
        is_elementwise = derivative_of(equation).is_elementwise if not inner(equation) else called and _maps_entries(called.jaxpr)
        if not is_elementwise:
            return False
    return True


def _has_elementwise_rule(equation: JaxprEqn) -> bool:
    """Whether the derivative of an elementwise function is elementwise, too."""
    jaxpr = alone(equation, equation.params["call_jaxpr"].jaxpr)
    operands = jaxpr.invars
    if not all(jnp.issubdtype(operand.aval.dtype, jnp.floating) for operand in operands):
        return False

    def derivative(*arrays: Any) -> Any:
        return jax.jvp(lambda *point: jax.core.eval_jaxpr(jaxpr, (), *point), arrays[: len(operands)], arrays[len(operands) :])[1]

    shapes = [jax.ShapeDtypeStruct(operand.aval.shape, operand.aval.dtype) for operand in (*operands, *operands)]
    return _maps_entries(jax.make_jaxpr(derivative)(*shapes).jaxpr)
