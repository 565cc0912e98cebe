"""Convolutions."""

from __future__ import annotations

from chainopt.functions.primitives import Derivative, Price
from chainopt.jax.rules.registry import JaxprEqn, rule, shape, size, written


@rule("conv_general_dilated")
def convolution(equation: JaxprEqn) -> Derivative:
    """Multiply each result's window with the kernel."""
    kernel = equation.invars[1]
    features = shape(kernel)[equation.params["dimension_numbers"].rhs_spec[0]]
    multiplied = written(equation) * (size(kernel) // max(features, 1))
    return Derivative(Price(multiplied, multiplied))
