"""The rules of JAX's primitives, and what they share: sizes, weights and the equations inside of an equation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
from jax.extend import core

from chainopt.functions.primitives import Derivative, Price, Rules
from chainopt.jax.jaxprs import JaxprEqn, inner, size

if TYPE_CHECKING:
    from chainopt.typing import Array

# Until then the names of all arguments had to stay with a jaxpr.
NO_NAMES: dict[str, Array] = {"debug_info": None} if jax.__version_info__ < (0, 5) else {}
# All weights are how long an entry takes, in multiply-adds of a large product, of 64 columns or rows at once, in float32 on two
# cores; `benchmarks/test_weights.py` measures them anew. What touches every entry waits for memory.
ENTRY = 8
MOVE = 2  # an entry that is copied only
PRODUCTS = frozenset({"dot_general", "conv_general_dilated", "triangular_solve", "custom_linear_solve"})  # of matrices
CALLS = frozenset({"jit", "pjit", "closed_call", "core_call", "core_closed_call", "remat", "remat2", "checkpoint"})
UNKNOWN_TRIPS = 10  # of a loop that does not say how often it runs


def derivative_of(equation: JaxprEqn) -> Derivative:
    """Apply the rule of an equation's primitive."""
    return rule.derivative(str(equation.primitive), equation)


def written(equation: JaxprEqn) -> int:
    """Return how many entries an equation writes."""
    return sum(map(size, equation.outvars))


def read(equation: JaxprEqn) -> int:
    """Return how many entries an equation reads, literals aside."""
    return sum(size(atom) for atom in equation.invars if not isinstance(atom, core.Literal))


def entries(equation: JaxprEqn) -> int:
    """Return how many entries an equation touches: those that it reads, or those that it writes, whatever is more."""
    return max(written(equation), read(equation))


def has_rule(equation: JaxprEqn) -> bool:
    """Whether somebody wrote the derivative of an equation, or of one inside of it."""
    name = str(equation.primitive)
    return name.startswith(("custom_jvp", "custom_vjp")) or any(has_rule(one) for jaxpr in inner(equation) for one in jaxpr.eqns)


def variables_read(equation: JaxprEqn) -> list[core.Var]:
    """List the variables among the operands of an equation, each once."""
    return list(dict.fromkeys(atom for atom in equation.invars if not isinstance(atom, core.Literal)))


def variables_written(equation: JaxprEqn) -> list[core.Var]:
    """List the results of an equation that somebody may read."""
    return [variable for variable in equation.outvars if type(variable).__name__ != "DropVar"]


def alone(equation: JaxprEqn, jaxpr: core.Jaxpr) -> core.Jaxpr:
    """Return the jaxpr of one equation alone, made of any other; it takes and returns the equation's variables."""
    reads, writes = variables_read(equation), variables_written(equation)
    made: core.Jaxpr = jaxpr.replace(constvars=[], invars=reads, outvars=writes, eqns=[equation], **NO_NAMES)
    return made


def trips(equation: JaxprEqn) -> int:
    """Return how often an equation runs what is inside of it."""
    name = str(equation.primitive)
    return int(equation.params["length"]) if name == "scan" else UNKNOWN_TRIPS if name == "while" else 1


def price_inside(equation: JaxprEqn) -> Price:
    """Return the price of differentiating all that is inside of an equation, as often as it runs, and of writing the results."""
    inside = [derivative_of(one).price for jaxpr in inner(equation) for one in jaxpr.eqns]
    results = written(equation)
    return Price.total([Price(results, results), *inside]).times(trips(equation))


def _default(equation: JaxprEqn) -> Derivative:
    """Take an unknown primitive for one that passes over all entries, or is differentiated as what is inside of it."""
    touched = ENTRY * entries(equation)
    return Derivative(price_inside(equation) if inner(equation) else Price(touched, touched))


rule = Rules[JaxprEqn](_default)
