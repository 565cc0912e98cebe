"""A traced function as a flat list of equations: calls inlined, what the result does not need dropped."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

STAGE = "chainopt_stage_"  # begins the names of calls that are stages of the user's
CALLS = {"jit", "pjit", "closed_call", "core_call", "core_closed_call"}


class Equation(NamedTuple):
    """One primitive, with the numbers of the variables that it reads and writes."""

    jaxpr: Any  # of this equation alone
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    stage: int = 0  # of those that the user named, from 1; 0 where none are

    @property
    def primitive(self) -> str:
        """What it does."""
        return str(self.jaxpr.eqns[0].primitive)

    def run(self, values: dict[int, Any]) -> None:
        """Evaluate it on the values of its variables, and put its results beside them."""
        results = jax.core.eval_jaxpr(self.jaxpr, (), *[values[at] for at in self.inputs])
        values.update(zip(self.outputs, results, strict=True))


@dataclass(frozen=True)
class Trace:
    """The equations of a function in an order in which they can be evaluated, and its variables by number."""

    equations: list[Equation]
    avals: dict[int, Any]
    inputs: tuple[int, ...]
    others: tuple[int, ...]
    outputs: tuple[int, ...]
    constants: dict[int, Any] = field(default_factory=dict)

    def size(self, variable: int) -> int:
        """Return how many entries a variable has."""
        return math.prod(self.avals[variable].shape)

    def is_differentiable(self, variable: int) -> bool:
        """Whether it is of real or complex numbers."""
        return bool(jnp.issubdtype(self.avals[variable].dtype, jnp.inexact))


def trace(function: Callable[..., Any], inputs: Sequence[Any], others: Sequence[Any] = ()) -> Trace:
    """Trace a function of arrays, those to differentiate by first, that returns a flat list of arrays."""
    closed = jax.make_jaxpr(function)(*inputs, *others)
    return _Flattening().flattened(closed, len(inputs))


class _Flattening:
    """Numbers given to variables; those of a call that is inlined twice are other ones each time."""

    def __init__(self) -> None:
        self.equations: list[Equation] = []
        self.avals: dict[int, Any] = {}
        self.constants: dict[int, Any] = {}
        self.stage = 0

    def new(self, aval: Any) -> int:
        number = len(self.avals)
        self.avals[number] = aval
        return number

    def constant(self, value: Any, aval: Any) -> int:
        number = self.new(aval)
        self.constants[number] = value
        return number

    def flattened(self, closed: Any, inputs: int) -> Trace:
        jaxpr = closed.jaxpr
        read = tuple(self.new(variable.aval) for variable in jaxpr.invars)
        outputs = self.inline(closed, read)
        needed = _needed(self.equations, outputs)
        return Trace(needed, self.avals, read[:inputs], read[inputs:], outputs, self.constants)

    def inline(self, closed: Any, inputs: Iterable[int]) -> tuple[int, ...]:
        """Append the equations of a jaxpr whose inputs have these numbers; return the numbers of its outputs."""
        jaxpr = closed.jaxpr
        scope = dict(zip(jaxpr.invars, inputs, strict=True))
        scope |= {
            variable: self.constant(value, variable.aval) for variable, value in zip(jaxpr.constvars, closed.consts, strict=True)
        }

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
            alone = jaxpr.replace(constvars=[], invars=read, outvars=written, eqns=[equation])
            scope |= {variable: self.new(variable.aval) for variable in written}
            reads, writes = (tuple(scope[variable] for variable in atoms) for atoms in (read, written))
            self.equations.append(Equation(alone, reads, writes, self.stage))
        return tuple(number(atom) for atom in jaxpr.outvars)


def _needed(equations: list[Equation], outputs: Iterable[int]) -> list[Equation]:
    """Drop the equations whose results nobody reads."""
    wanted = set(outputs)
    kept = []
    for equation in reversed(equations):
        if wanted & set(equation.outputs) or equation.jaxpr.effects:
            wanted |= set(equation.inputs)
            kept.append(equation)
    return kept[::-1]
