"""Functions whose derivative somebody wrote. Branches and calls cost what is inside of them, as all without a rule do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from chainopt.functions.primitives import Derivative, Price
from chainopt.jax.jaxprs import JaxprEqn, dtype, inner, shape
from chainopt.jax.rules.registry import alone, derivative_of, price_inside, rule
from chainopt.jax.rules.traced import check_linear, traced_price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jax.extend import core

    from chainopt.typing import Array

# What calls a function, and the parameter that holds it.
CALLED = {"custom_jvp_call": "call_jaxpr", "jit": "jaxpr", "pjit": "jaxpr"}


@rule("custom_linear_solve", "linear_call")
def custom_derivative(equation: JaxprEqn) -> Derivative:
    """Do what the rule does, in the modes that it has; what is inside of the function need not have them."""
    price = traced_price(equation)
    return Derivative(price_inside(equation) if price.jvp is price.vjp is None else price)


@rule("custom_vjp_call", "custom_vjp_call_jaxpr")
def custom_vjp(equation: JaxprEqn) -> Derivative:
    """Do what the rule does; there is no JVP. A rule that cannot be traced is taken to cost what the function does."""
    price = custom_derivative(equation).price
    return Derivative(Price(None, price.jvp if price.vjp is None else price.vjp))


@rule("custom_jvp_call")
def custom_jvp(equation: JaxprEqn) -> Derivative:
    """Do what the rule does; it is elementwise where both the function and the derivative that somebody wrote for it are."""
    if _maps_entries(equation.params["call_jaxpr"].jaxpr) and _has_elementwise_rule(equation):
        return Derivative(price_inside(equation), is_elementwise=True)
    return custom_derivative(equation)


def _maps_entries(jaxpr: core.Jaxpr) -> bool:
    """Whether the values of a function are elementwise, and no array that it takes or returns is of another shape."""
    shapes = {shape(variable) for variable in (*jaxpr.invars, *jaxpr.outvars)} - {()}
    return len(shapes) < 2 and all(map(_is_elementwise, jaxpr.eqns))


def _is_elementwise(equation: JaxprEqn) -> bool:
    """Whether the values of an equation are; the rules of what it calls are not asked, for a derivative may call its function."""
    if not inner(equation):
        return derivative_of(equation).is_elementwise
    called = CALLED.get(str(equation.primitive))
    return called is not None and _maps_entries(equation.params[called].jaxpr)


def _has_elementwise_rule(equation: JaxprEqn) -> bool:
    """Whether the derivative of an elementwise function is elementwise, too."""
    jaxpr = alone(equation, equation.params["call_jaxpr"].jaxpr)
    point = [jax.ShapeDtypeStruct(shape(operand), dtype(operand)) for operand in jaxpr.invars]
    if not all(jnp.issubdtype(operand.dtype, jnp.floating) for operand in point):
        return False

    def derivative(primals: Sequence[Array], tangents: Sequence[Array]) -> Array:
        return jax.jvp(lambda *operands: jax.core.eval_jaxpr(jaxpr, (), *operands), primals, tangents)[1]

    try:
        is_elementwise = _maps_entries(jax.make_jaxpr(derivative)(point, point).jaxpr)
    except Exception:  # noqa: BLE001 -- whatever the rule raises of tangents that JAX itself does not give it
        return False
    if is_elementwise:
        check_linear(derivative, point, point)
    return is_elementwise
