"""Loops; branches and calls cost what is inside of them, as every primitive without a rule of its own does."""

from __future__ import annotations

from chainopt.functions.primitives import Derivative, Price
from chainopt.jax.rules.registry import JaxprEqn, price_inside, rule

TRIPS = 10  # of a loop that does not say how often it runs


@rule("scan")
def scan(equation: JaxprEqn) -> Derivative:
    """Run the body so many times."""
    return Derivative(price_inside(equation).times(equation.params["length"]))


@rule("while")
def while_loop(equation: JaxprEqn) -> Derivative:
    """Run the body until the condition fails; there is no VJP, for nobody knows how many trips have to be remembered."""
    return Derivative(Price(price_inside(equation).times(TRIPS).jvp, None))
