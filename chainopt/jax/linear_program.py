"""The program that computes a JVP, as a list of equations: some of its tangents can be given in the place of their equations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax
from jax.extend import core
from jax.interpreters.partial_eval import dce_jaxpr

from chainopt.jax.jaxprs import inner
from chainopt.jax.rules.registry import CALLS, alone, variables_read, variables_written
from chainopt.jax.unrolling import has_short_loops, is_short, unrolled

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from chainopt.typing import Array

JAXPRS = ("jaxpr", "call_jaxpr")


class Step(NamedTuple):
    """An equation that can be run alone."""

    equation: core.JaxprEqn
    jaxpr: core.Jaxpr
    read: list[core.Var]
    written: list[core.Var]
    is_linear: bool  # whether it depends on the tangents

    def run(self, values: Mapping[Array, Array]) -> dict[Array, Array]:
        """Compute what it writes."""
        results = jax.core.eval_jaxpr(self.jaxpr, (), *[values[one] for one in self.read])
        return dict(zip(self.written, results, strict=True))


class LinearProgram:
    """The JVP of a function: linear in the tangents.

    Parameters
    ----------
    function : callable
        Of arrays, first the inputs and then the others, that returns a list of arrays.
    inputs, others : sequence of `jax.ShapeDtypeStruct`
        What it is traced for.
    unrolls : bool
        Whether the steps of short loops are equations of it.
    """

    def __init__(
        self, function: Callable[..., list[Array]], inputs: Sequence[Array], others: Sequence[Array], *, unrolls: bool = False
    ) -> None:
        count = len(inputs)

        def pushed(*arrays: Array) -> list[Array]:
            primals, fixed, tangents = arrays[:count], arrays[count:-count], arrays[-count:]
            return list(jax.jvp(lambda *given: function(*given, *fixed), primals, tangents)[1])

        nested = jax.make_jaxpr(pushed)(*inputs, *others, *inputs)
        self.has_short_loops = has_short_loops(nested.jaxpr)
        inlined = partial(_inlined, nested.jaxpr, nested.consts, unrolls=unrolls)
        self.closed = jax.make_jaxpr(lambda *arrays: inlined(arrays))(*inputs, *others, *inputs)
        jaxpr = self.closed.jaxpr
        self.primals, self.tangents = jaxpr.invars[:-count], jaxpr.invars[-count:]
        self.outputs = jaxpr.outvars
        self.linear = set(self.tangents)
        self.steps: list[Step] = []
        for equation in _needed(jaxpr):
            steps = _steps_of(equation, alone(equation, jaxpr), self.linear)
            self.linear.update(one for step in steps if step.is_linear for one in step.written)
            self.steps += steps

    def start(self, primals: Sequence[Array]) -> dict[Array, Array]:
        """Return the values of the constants, and of the inputs and the others."""
        values = dict(zip(self.closed.jaxpr.constvars, self.closed.consts, strict=True))
        values.update(zip(self.primals, primals, strict=True))
        return values

    def run(
        self,
        primals: Sequence[Array],
        tangents: Sequence[Array],
        given: Mapping[Array, Array],
        wanted: Sequence[Array],
    ) -> list[Array]:
        """Compute some variables.

        Parameters
        ----------
        primals, tangents : sequence of arrays
            The inputs and the others; the tangents of the inputs.
        given : mapping of variables to arrays
            The tangents that are held at these values, whatever their equations say.
        wanted : sequence of variables
            What is returned.
        """
        values = self.start(primals)
        values.update(zip(self.tangents, tangents, strict=True))
        for step in self.steps:
            values.update(step.run(values))
            values.update((one, given[one]) for one in step.written if one in given)
        return [value(one, values) for one in wanted]


def _needed(jaxpr: core.Jaxpr) -> list[core.JaxprEqn]:
    """List the equations that the results need, or that do something else: others, as of auxiliary data, keep nothing alive."""
    wanted = {atom for atom in jaxpr.outvars if not isinstance(atom, core.Literal)}
    kept = []
    for equation in reversed(jaxpr.eqns):
        if equation.effects or not wanted.isdisjoint(equation.outvars):
            wanted.update(variables_read(equation))
            kept.append(equation)
    return kept[::-1]


def _steps_of(equation: core.JaxprEqn, jaxpr: core.Jaxpr, linear: Container[Array]) -> list[Step]:
    """Return an equation as a step; a loop that computes values and tangents as two, the values first."""
    read, written = variables_read(equation), variables_written(equation)
    is_linear = any(variable in linear for variable in read)
    if not is_linear or len(written) < 2 or not inner(equation) or equation.effects:
        return [Step(equation, jaxpr, read, written, is_linear)]

    def needed(results: Sequence[Array]) -> tuple[core.Jaxpr, list[Array]]:
        part, used = dce_jaxpr(jaxpr, [variable in results for variable in written])
        return part, [variable for variable, is_used in zip(read, used, strict=True) if is_used]

    values = [one for one in written if not any(variable in linear for variable in needed([one])[1])]
    if not values:
        return [Step(equation, jaxpr, read, written, is_linear)]
    parts = []
    for results in (values, [variable for variable in written if variable not in values]):
        part, used = needed(results)
        parts.append(Step(equation, part, used, results, any(variable in linear for variable in used)))
    return parts


def value(atom: Array, values: Mapping[Array, Array]) -> Array:
    """Return what a variable or a literal stands for."""
    return atom.val if isinstance(atom, core.Literal) else values[atom]


def _inlined(jaxpr: core.Jaxpr, constants: Sequence[Array], arrays: Sequence[Array], *, unrolls: bool) -> list[Array]:
    """Run a jaxpr, and what it calls equation by equation, short loops step by step if that is asked for."""
    run = partial(_inlined, unrolls=unrolls)
    values: dict[Array, Array] = dict(zip(jaxpr.constvars, constants, strict=True))
    values.update(zip(jaxpr.invars, arrays, strict=True))
    for equation in jaxpr.eqns:
        inner = next((equation.params[key] for key in JAXPRS if key in equation.params), None)
        if str(equation.primitive) in CALLS and inner is not None:
            body, held = (inner.jaxpr, inner.consts) if isinstance(inner, core.ClosedJaxpr) else (inner, ())
            results = run(body, held, [value(atom, values) for atom in equation.invars])
            values.update(zip(equation.outvars, results, strict=True))
        elif unrolls and is_short(equation):
            results = unrolled(equation, [value(atom, values) for atom in equation.invars], run)
            values.update(zip(equation.outvars, results, strict=True))
        else:
            results = jax.core.eval_jaxpr(alone(equation, jaxpr), (), *[values[one] for one in variables_read(equation)])
            values.update(zip(variables_written(equation), results, strict=True))
    return [value(atom, values) for atom in jaxpr.outvars]
