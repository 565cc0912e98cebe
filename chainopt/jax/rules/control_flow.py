"""Loops; branches and calls cost what is inside of them, as every primitive without a rule of its own does."""

from __future__ import annotations

from jax.extend import core

from chainopt.functions.primitives import Derivative, Price
from chainopt.jax.jaxprs import loop_parts
from chainopt.jax.rules.registry import JaxprEqn, derivative_of, inner, price_inside, rule, trips


@rule("while")
def while_loop(equation: JaxprEqn) -> Derivative:
    """Push tangents along; there is no VJP, for nobody knows how many trips would have to be remembered."""
    return Derivative(Price(price_inside(equation).jvp, None))


@rule("scan")
def scan(equation: JaxprEqn) -> Derivative:
    """Do what is inside in each trip; what all of them read has no tangents as a rule."""
    (body,) = inner(equation)
    fixed = {*body.constvars, *body.invars[: loop_parts(equation.params)[0]]}
    turned = 0
    for one in body.eqns:
        if all(isinstance(atom, core.Literal) or atom in fixed for atom in one.invars):
            fixed |= {*one.outvars}
        elif not isinstance(one.invars[0], core.Literal) and one.invars[0] in fixed:
            turned += derivative_of(one).turned
    return Derivative(price_inside(equation), turned=trips(equation) * turned)
