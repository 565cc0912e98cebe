"""A walk through a jaxpr, equation by equation, with what is known of each variable."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import jax
from jax.extend import core

from chainopt.functions.sparsity.index_sets import IndexSets
from chainopt.jax.detection.constant_folding import evaluated
from chainopt.jax.detection.registry import RULES, unknown
from chainopt.jax.detection.values import constant
from chainopt.jax.jaxprs import JaxprEqn, dtype, shape
from chainopt.jax.rules.registry import CALLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn

FORMATS = ("bcoo", "bcsr", "coo", "csr")  # with which their names begin


def opened(equation: JaxprEqn) -> core.ClosedJaxpr | None:
    """Return what an equation does, in primitives of dense arrays; None for one that is none of these."""
    name = str(equation.primitive)
    form = name.partition("_")[0]
    if form not in FORMATS:
        return None
    module = sys.modules.get(f"jax.experimental.sparse.{form}")
    inside = getattr(module, f"_{name}_impl", None)  # which JAX lowers the primitive to, where there is no library for it
    shapes = [jax.ShapeDtypeStruct(shape(atom), dtype(atom)) for atom in equation.invars]
    try:
        return None if inside is None else jax.make_jaxpr(partial(inside, **equation.params))(*shapes)
    except Exception:  # noqa: BLE001 -- one that is written otherwise in another version of JAX
        return None


MOST_EQUATIONS = 50_000  # that unrolled loops may have, all together
INLINED = CALLS | {"custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"}
UNFORESEEN = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)
JAXPRS = ("jaxpr", "call_jaxpr", "fun_jaxpr")  # where they have what is inside


class Walk:
    """What is the same for all jaxprs on the way.

    Parameters
    ----------
    columns : int
        How many entries the inputs have.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.equations_left = MOST_EQUATIONS
        self.calls: list[str] = []

    def elsewhere(self, columns: int) -> Walk:
        """Return one that walks with other columns, in the time that this one has."""
        other = Walk(columns)
        other.equations_left, other.calls = self.equations_left, list(self.calls)
        return other

    def affords(self, equations: int) -> bool:
        """Whether there is time to look at so many equations more; if so, they are charged."""
        if equations > self.equations_left:
            return False
        self.equations_left -= equations
        return True

    def cause(self, equation: JaxprEqn) -> str:
        """Name an equation in the words of a user: its primitive, and the function around it."""
        name = str(equation.primitive)
        outer = next((call.lstrip("_") for call in reversed(self.calls) if call and not call.startswith("<")), None)
        return f"{name} (in {outer})" if outer and outer != name else name

    def run(self, jaxpr: core.Jaxpr, constants: Sequence[Value], operands: Sequence[Value]) -> list[Value]:
        """Return what is known of the results of a jaxpr.

        Parameters
        ----------
        jaxpr : jax.extend.core.Jaxpr
        constants, operands : sequence
            What is known of its constants, and of its inputs.
        """
        values: dict[core.Var, Value] = dict(zip(jaxpr.constvars, constants, strict=True))
        values.update(zip(jaxpr.invars, operands, strict=True))

        def read(atom: core.Var | core.Literal) -> Value:
            return constant(atom.val) if isinstance(atom, core.Literal) else values.get(atom)

        for equation in jaxpr.eqns:
            results = self.results(equation, [read(atom) for atom in equation.invars])
            if results is not None:
                values.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def results(self, equation: JaxprEqn, operands: list[Value]) -> Sequence[Value] | None:
        """Return what is known of the results of an equation, None where that is nothing."""
        name = str(equation.primitive)
        if name in INLINED:
            inner = next(equation.params[key] for key in JAXPRS if key in equation.params)
            return self._inlined(inner, str(equation.params.get("name", "")), operands)
        if inside := opened(equation):
            return self._inlined(inside, name, operands)
        if not any(isinstance(operand, IndexSets) for operand in operands):
            return evaluated(equation, operands)
        try:
            return RULES.get(name, unknown)(equation, operands, self)
        except UNFORESEEN:  # a form of the primitive that its rule does not know, as another version of JAX may have one
            return unknown(equation, operands, self)

    def _inlined(self, inner: core.ClosedJaxpr | core.Jaxpr, name: str, operands: list[Value]) -> Sequence[Value]:
        self.calls.append(name)
        jaxpr, constants = (
            (inner.jaxpr, [constant(value) for value in inner.consts]) if isinstance(inner, core.ClosedJaxpr) else (inner, [])
        )
        results = self.run(jaxpr, constants, operands)
        self.calls.pop()
        return results
