"""Entries moved: other shapes and orders of the same ones; parts of arrays, read, put together, written and added."""

from __future__ import annotations

from chainopt.functions.primitives import Derivative, Price
from chainopt.jax.rules.registry import MOVE, JaxprEqn, entries, read, rule, size, written

TRANSPOSED = 40  # the weight of an entry that moves far away
BACKWARDS = 3  # times as expensive is a VJP of a slice: it adds into a larger array
LOOKED_UP, ADDED = 20, 200  # weights of an entry that a gather reads, and that its VJP, a scatter, adds one by one


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


@rule("slice", "dynamic_slice", "dynamic_update_slice", "concatenate", "pad", "stack", "unstack")
def sliced(equation: JaxprEqn) -> Derivative:
    """Copy what lies together."""
    return Derivative(Price(MOVE * written(equation), BACKWARDS * MOVE * entries(equation)))


@rule("gather")
def gather(equation: JaxprEqn) -> Derivative:
    """Look entries up one by one."""
    results = written(equation)
    return Derivative(Price(LOOKED_UP * results, ADDED * results + MOVE * read(equation)))


@rule("scatter", "scatter-add", "scatter_add", "scatter-mul", "scatter_mul")
def scatter(equation: JaxprEqn) -> Derivative:
    """Add entries one by one into a copy."""
    updates, copied = size(equation.invars[-1]), MOVE * written(equation)
    return Derivative(Price(ADDED * updates + copied, LOOKED_UP * updates + copied))
