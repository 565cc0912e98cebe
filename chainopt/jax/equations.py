"""A JAX function as a flat list of equations: calls inlined, what the result does not need dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax.extend import core

from chainopt.jax.costs import price
from chainopt.tracing.equations import COMPLEX, OTHER, REAL, Equation, Trace, Variable, needed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

STAGE = "chainopt_stage_"  # begins the names of calls that are stages of the user's
CALLS = {"jit", "pjit", "closed_call", "core_call", "core_closed_call"}


def trace(function: Callable[..., Any], inputs: Sequence[Any], others: Sequence[Any] = ()) -> Trace:
    """Trace a function of arrays, those to differentiate by first, that returns a flat list of arrays."""
    closed = jax.make_jaxpr(function)(*inputs, *others)
    return _Flattening().flattened(closed, len(inputs))


def kind_of(dtype: Any) -> str:
    """Tell what numbers an array is of."""
    if jnp.issubdtype(dtype, jnp.floating):
        return REAL
    return COMPLEX if jnp.issubdtype(dtype, jnp.complexfloating) else OTHER


class _Flattening:
    """Numbers given to variables; those of a call that is inlined twice are other ones each time."""

    def __init__(self) -> None:
        self.equations: list[Equation] = []
        self.acting: list[Equation] = []
        self.variables: dict[int, Variable] = {}
        self.constants: dict[int, Any] = {}
        self.stage = 0

    def new(self, aval: Any) -> int:
        number = len(self.variables)
        self.variables[number] = Variable(tuple(aval.shape), aval.dtype, kind_of(aval.dtype))
        return number

    def constant(self, value: Any, aval: Any) -> int:
        number = self.new(aval)
        self.constants[number] = value
        return number

    def flattened(self, closed: Any, inputs: int) -> Trace:
        read = tuple(self.new(variable.aval) for variable in closed.jaxpr.invars)
        outputs = self.inline(closed, read)
        equations = needed(self.equations, outputs, self.acting)
        return Trace(equations, self.variables, read[:inputs], read[inputs:], outputs, self.constants)

    def inline(self, closed: Any, inputs: Iterable[int]) -> tuple[int, ...]:
        """Append the equations of a jaxpr whose inputs have these numbers; return the numbers of its outputs."""
        jaxpr = closed.jaxpr
        scope = dict(zip(jaxpr.invars, inputs, strict=True))
        for variable, value in zip(jaxpr.constvars, closed.consts, strict=True):
            scope[variable] = self.constant(value, variable.aval)

        def number(atom: Any) -> int:
            return self.constant(atom.val, atom.aval) if isinstance(atom, core.Literal) else scope[atom]

        for equation in jaxpr.eqns:
            inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            name = str(equation.params.get("name", ""))
            if name.startswith(STAGE):
                self.stage = int(name.removeprefix(STAGE))
            if str(equation.primitive) in CALLS and isinstance(inner, core.ClosedJaxpr):
                results = self.inline(inner, [number(atom) for atom in equation.invars])
                scope |= dict(zip(equation.outvars, results, strict=True))
                continue
            read = list(dict.fromkeys(atom for atom in equation.invars if not isinstance(atom, core.Literal)))
            written = [variable for variable in equation.outvars if type(variable).__name__ != "DropVar"]
            scope |= {variable: self.new(variable.aval) for variable in written}
            reads, writes = (tuple(scope[variable] for variable in atoms) for atoms in (read, written))
            alone = jaxpr.replace(constvars=[], invars=read, outvars=written, eqns=[equation])
            run = _evaluation(alone, reads, writes)
            self.equations.append(Equation(str(equation.primitive), run, reads, writes, price(equation), self.stage))
            if equation.effects:
                self.acting.append(self.equations[-1])
        return tuple(number(atom) for atom in jaxpr.outvars)


def _evaluation(alone: Any, reads: tuple[int, ...], writes: tuple[int, ...]) -> Callable[[dict[int, Any]], None]:
    """Return what evaluates one equation, which stands alone in its jaxpr."""

    def run(values: dict[int, Any]) -> None:
        results = jax.core.eval_jaxpr(alone, (), *[values[variable] for variable in reads])
        values.update(zip(writes, results, strict=True))

    return run
