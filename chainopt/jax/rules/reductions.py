"""Sums along axes, running or in windows, and sorting."""

from __future__ import annotations

from chainopt.functions.primitives import Derivative, Price
from chainopt.jax.rules.registry import JaxprEqn, entries, rule


@rule("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp", "reduce_window", "reduce_window_sum")
def running(equation: JaxprEqn) -> Derivative:
    """Combine the entries before each entry, or around it."""
    touched = entries(equation)
    return Derivative(Price(200 * touched, 150 * touched))


@rule("sort")
def sort(equation: JaxprEqn) -> Derivative:
    """Sort, and put tangents and cotangents where the entries went."""
    touched = entries(equation)
    return Derivative(Price(80 * touched, 340 * touched))
