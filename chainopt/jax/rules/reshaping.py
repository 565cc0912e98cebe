"""Other shapes and orders of the same entries."""

from __future__ import annotations

from chainopt.functions.primitives import Derivative, Price
from chainopt.jax.rules.registry import MOVE, JaxprEqn, entries, rule, written

TRANSPOSED = 40  # the weight of an entry that moves far away


@rule("squeeze", "rev")
def moved(equation: JaxprEqn) -> Derivative:
    """Copy the entries to other places."""
    return Derivative(Price(MOVE * written(equation), MOVE * entries(equation)))


@rule("broadcast_in_dim", "reshape")
def reshaped(equation: JaxprEqn) -> Derivative:
    """Keep the order of the entries, and their number unless they are broadcast."""
    keeps_order = equation.params.get("dimensions") is None
    return moved(equation)._replace(is_elementwise=keeps_order)


@rule("transpose")
def transpose(equation: JaxprEqn) -> Derivative:
    """Move the entries far."""
    touched = TRANSPOSED * entries(equation)
    return Derivative(Price(touched, touched))
