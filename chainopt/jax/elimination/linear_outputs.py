"""Which results of an equation are tangents, where its operands are values and tangents, as those of a loop are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jax.extend import core

from chainopt.functions.backend import UnplannableError
from chainopt.jax.jaxprs import loop_parts
from chainopt.jax.rules.registry import CALLS
from chainopt.jax.rules.traced import NO_JVP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.jaxprs import JaxprEqn

# What is linear in several operands together. In a product, one factor is a tangent; if both were, it would not be a derivative.
SUMS = frozenset({"add", "add_any", "sub", "concatenate", "stack", "pad", "dynamic_update_slice", "scatter", "scatter-add"})


def linear_outputs(equation: JaxprEqn, tangents: Sequence[bool]) -> list[bool]:
    """Return for each result whether it is a tangent.

    Parameters
    ----------
    equation : jax.extend.core.JaxprEqn
        Of a derivative, as JAX writes it.
    tangents : sequence of bool
        Which of the operands are.

    Raises
    ------
    UnplannableError
        If it is not linear in the tangents, as far as that is known.
    """
    name, params, count = str(equation.primitive), equation.params, len(equation.outvars)
    if not any(tangents):
        return [False] * count
    if name == "scan":
        fixed, state = loop_parts(params)
        return _of_loop(params["jaxpr"].jaxpr, tangents[:fixed], tangents[fixed:], state)
    if name == "while":
        tested, fixed = params["cond_nconsts"], params["body_nconsts"]
        _require(not any(tangents[:tested]), name)
        return _of_loop(params["body_jaxpr"].jaxpr, tangents[tested : tested + fixed], tangents[tested + fixed :], count)
    if name == "cond":
        _require(not tangents[0], name)
        of_branches = [_of_jaxpr(branch.jaxpr, tangents[1:]) for branch in params["branches"]]
        return [any(flags) for flags in zip(*of_branches, strict=True)]
    if name in CALLS:
        inner = params["jaxpr"] if "jaxpr" in params else params["call_jaxpr"]
        return _of_jaxpr(inner.jaxpr if isinstance(inner, core.ClosedJaxpr) else inner, tangents)
    has_others_inside = any(isinstance(value, core.ClosedJaxpr | core.Jaxpr) for value in params.values())
    is_choice = name == "select_n" and not tangents[0]
    is_linear = is_choice or name in SUMS or sum(tangents) == 1
    _require(is_linear and not has_others_inside and name != NO_JVP, name)
    return [True] * count


def _of_loop(body: core.Jaxpr, fixed: Sequence[bool], moving: Sequence[bool], state: int) -> list[bool]:
    """Return it of a loop: what one step makes a tangent is one in the next step."""
    moving = list(moving)
    while True:
        found = _of_jaxpr(body, [*fixed, *moving])
        grown = [before or after for before, after in zip(moving[:state], found[:state], strict=True)]
        if grown == moving[:state]:
            return [*grown, *found[state:]]
        moving[:state] = grown


def _of_jaxpr(jaxpr: core.Jaxpr, tangents: Sequence[bool]) -> list[bool]:
    flags = dict(zip(jaxpr.invars, tangents, strict=True))

    def read(atom: core.Var | core.Literal) -> bool:
        return not isinstance(atom, core.Literal) and flags.get(atom, False)

    for equation in jaxpr.eqns:
        flags |= zip(equation.outvars, linear_outputs(equation, [*map(read, equation.invars)]), strict=True)
    return [*map(read, jaxpr.outvars)]


def _require(holds: bool, name: str) -> None:  # noqa: FBT001 -- a condition
    if not holds:
        msg = f"it has a loop or a branch around {name}, which is not known to be linear there"
        raise UnplannableError(msg)
