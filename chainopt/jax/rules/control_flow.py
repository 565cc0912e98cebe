"""Loops; scans, branches and calls cost what is inside of them, as every primitive without a rule of its own does."""

from __future__ import annotations

from chainopt.functions.primitives import Derivative, Price
from chainopt.jax.rules.registry import JaxprEqn, price_inside, rule


@rule("while")
def while_loop(equation: JaxprEqn) -> Derivative:
    """Push tangents along; there is no VJP, for nobody knows how many trips would have to be remembered."""
    return Derivative(Price(price_inside(equation).jvp, None))
