"""Entries moved or summed: other shapes and orders of the same ones; parts of arrays; sums along axes and in windows; sorting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp

from chainopt.functions.primitives import Derivative, Matrix, Price
from chainopt.jax.jaxprs import JaxprEqn, size
from chainopt.jax.rules.registry import MOVE, entries, read, rule, written
from chainopt.structure.banded import Banded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Array

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


@rule("cumprod", "cummax", "cummin", "cumlogsumexp", "reduce_window", "reduce_window_sum")
def running(equation: JaxprEqn) -> Derivative:
    """Combine the entries before each entry, or around it."""
    touched = entries(equation)
    return Derivative(Price(200 * touched, 150 * touched))


@rule("cumsum")
def cumsum(equation: JaxprEqn) -> Derivative:
    """Add the entries before each entry; along all of an array, the Jacobian is a triangle of ones."""
    operand: Array = equation.invars[0].aval
    is_reverse = equation.params["reverse"]
    length = operand.shape[equation.params["axis"]]
    if length != size(equation.invars[0]):
        return running(equation)

    def triangle(operands: Sequence[Array]) -> Array:
        ones = jnp.tri(length, dtype=operands[0].dtype)
        return ones.T if is_reverse else ones

    width = max(length - 1, 0)
    structure = Banded(0, width) if is_reverse else Banded(width, 0)
    return running(equation)._replace(matrices={0: Matrix(triangle, structure)})


@rule("sort")
def sort(equation: JaxprEqn) -> Derivative:
    """Sort, and put tangents and cotangents where the entries went."""
    touched = entries(equation)
    return Derivative(Price(80 * touched, 340 * touched))
