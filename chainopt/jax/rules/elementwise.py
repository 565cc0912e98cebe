"""Functions of each entry by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.functions.primitives import Derivative, Price
from chainopt.jax.rules.registry import ENTRY, MOVE, entries, rule, written

if TYPE_CHECKING:
    from chainopt.jax.jaxprs import JaxprEqn

NAMES = """
abs acos acosh and asin asinh atan atan2 atanh cbrt ceil clamp cos cosh digamma div eq erf erf_inv erfc exp exp2 expm1 floor
ge gt integer_pow is_finite le lgamma log log1p log2 logistic lt max min mul ne neg not one_minus_square or polynomial pow
reduce_precision rem round rsqrt select_n sign sin sinh sqrt square sub tan tanh
"""

DEAR = frozenset({  # what takes as long as tens of products
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "exp", "exp2",
    "expm1", "log", "log1p", "log2", "logistic", "pow", "cbrt", "erf", "erfc", "erf_inv", "lgamma", "digamma",
})  # fmt: skip


@rule(*NAMES.split())
def elementwise(equation: JaxprEqn) -> Derivative:
    """Pass over all entries."""
    touched = ENTRY * entries(equation)
    return Derivative(Price(touched, touched), is_elementwise=True)


@rule("add", "add_any")
def add(equation: JaxprEqn) -> Derivative:
    """Do as other elementwise functions; the Jacobian is the identity."""
    return elementwise(equation)._replace(is_sum=True)


@rule("convert_element_type", "copy")
def copied(equation: JaxprEqn) -> Derivative:
    """Copy the entries."""
    return Derivative(Price(MOVE * written(equation), MOVE * entries(equation)), is_elementwise=True)
