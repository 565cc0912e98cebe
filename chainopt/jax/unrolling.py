"""Short loops, equation by equation: what is in their steps can be cut apart then, and held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from chainopt.jax.jaxprs import inner, loop_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jax.extend import core

    from chainopt.typing import Array

MOST_STEPS = 32
MOST_EQUATIONS = 1_500  # of all steps of one loop


def is_short(equation: core.JaxprEqn) -> bool:
    """Whether an equation is a scan of few steps that does nothing else than compute."""
    if str(equation.primitive) != "scan" or equation.effects:
        return False
    steps = int(equation.params["length"])
    return 0 < steps <= MOST_STEPS and steps * _equations_in(equation.params["jaxpr"].jaxpr) <= MOST_EQUATIONS


def has_short_loops(jaxpr: core.Jaxpr) -> bool:
    """Whether there are such scans among some equations, or in what they run."""
    return any(is_short(equation) or any(map(has_short_loops, inner(equation))) for equation in jaxpr.eqns)


def unrolled(
    equation: core.JaxprEqn, operands: Sequence[Array], run: Callable[[core.Jaxpr, Sequence[Array], Sequence[Array]], list[Array]]
) -> list[Array]:
    """Compute the results of a scan step by step.

    Parameters
    ----------
    equation : jax.extend.core.JaxprEqn
        Of the scan.
    operands : sequence of arrays
        What it is given.
    run : callable
        Runs a jaxpr with its constants, at its arguments.
    """
    parameters = equation.params
    first, states = loop_parts(parameters)
    body, steps = parameters["jaxpr"], int(parameters["length"])
    constants, state, slices = operands[:first], list(operands[first : first + states]), operands[first + states :]
    kept: list[list[Array]] = [[] for _ in equation.outvars[states:]]
    for step in range(steps)[::-1] if parameters["reverse"] else range(steps):
        parts = [jax.lax.index_in_dim(jnp.asarray(array), step, keepdims=False) for array in slices]
        results = run(body.jaxpr, body.consts, [*constants, *state, *parts])
        state = results[:states]
        for outputs, output in zip(kept, results[states:], strict=True):
            outputs.append(output)
    stacked = (jnp.stack(outputs[::-1] if parameters["reverse"] else outputs) for outputs in kept)
    return [*state, *stacked]


def _equations_in(jaxpr: core.Jaxpr) -> int:
    return sum(1 + sum(map(_equations_in, inner(equation))) for equation in jaxpr.eqns)
