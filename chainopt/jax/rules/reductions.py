"""Sums along axes, running or in windows, and sorting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp

from chainopt.functions.primitives import Derivative, Matrix, Price
from chainopt.jax.rules.registry import JaxprEqn, entries, rule, size
from chainopt.structure.banded import Banded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Array


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
