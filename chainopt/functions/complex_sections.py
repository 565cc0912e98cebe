"""Complex numbers inside of a function of real ones: equations between which they pass become one, which reads and writes reals.

A chain is one of real matrices. What computes through a Fourier transform, say, is a step of it nevertheless, as long as what
goes in and what comes out is real.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chainopt.functions.computation_graph import carrying
from chainopt.functions.primitives import Derivative, Price
from chainopt.functions.trace import COMPLEX, Equation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chainopt.functions.trace import Trace
    from chainopt.typing import Array


def with_real_steps(trace: Trace) -> Trace:
    """Return the same function, in which no complex number passes from one equation to another, as far as derivatives see it.

    Parameters
    ----------
    trace : Trace
        Complex inputs and results stay what they are, and so do those of the stages that a user named.
    """
    passing = {variable for variable in carrying(trace) if trace.variables[variable].kind == COMPLEX}
    passing -= {*trace.inputs}
    spans = _spans(trace.equations, passing)
    if not spans:
        return trace
    equations: list[Equation] = []
    end = 0
    for first, last in spans:
        equations += trace.equations[end:first]
        equations += _fused(trace, first, last + 1, passing)
        end = last + 1
    return replace(trace, equations=equations + trace.equations[end:])


def _spans(equations: Sequence[Equation], passing: set[int]) -> list[tuple[int, int]]:
    """Return from which equation to which each complex number lives; lives that overlap make one span."""
    lives: dict[int, tuple[int, int]] = {}
    for position, equation in enumerate(equations):
        for variable in passing.intersection((*equation.inputs, *equation.outputs)):
            first, _ = lives.get(variable, (position, position))
            lives[variable] = first, position
    spans: list[tuple[int, int]] = []
    for first, last in sorted(lives.values()):
        if spans and first <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(last, spans[-1][1])
        else:
            spans.append((first, last))
    return [(first, last) for first, last in spans if len({each.stage for each in equations[first : last + 1]}) == 1]


def _fused(trace: Trace, begin: int, end: int, passing: set[int]) -> Iterator[Equation]:
    """Put those equations of a span together that complex numbers pass between, and what is between those; the rest stays."""
    span = trace.equations[begin:end]
    after: set[int] = set()  # what depends on them
    before: set[int] = set()  # what they depend on
    touching = [not passing.isdisjoint((*equation.inputs, *equation.outputs)) for equation in span]
    follows, leads = [], []
    for equation, touches in zip(span, touching, strict=True):
        follows.append(touches or not after.isdisjoint(equation.inputs))
        if follows[-1]:
            after.update(equation.outputs)
    for equation, touches in zip(reversed(span), reversed(touching), strict=True):
        leads.append(touches or not before.isdisjoint(equation.outputs))
        if leads[-1]:
            before.update(equation.inputs)
    leads.reverse()
    inside = [one and other for one, other in zip(follows, leads, strict=True)]
    yield from (equation for equation, follows_any in zip(span, follows, strict=True) if not follows_any)
    yield _one(trace, [equation for equation, is_inside in zip(span, inside, strict=True) if is_inside])
    yield from (equation for equation, late, is_inside in zip(span, follows, inside, strict=True) if late and not is_inside)


def _one(trace: Trace, equations: Sequence[Equation]) -> Equation:
    """Return an equation that evaluates several, and is differentiated as a whole."""
    written = [variable for equation in equations for variable in equation.outputs]
    members = {id(equation) for equation in equations}
    read_outside = {variable for equation in trace.equations if id(equation) not in members for variable in equation.inputs} | {
        *trace.outputs
    }
    inputs = dict.fromkeys(variable for equation in equations for variable in equation.inputs if variable not in written)
    price = Price.total(equation.price for equation in equations)

    def run(values: dict[int, Array]) -> None:
        for equation in equations:
            equation.run(values)

    name = "+".join(dict.fromkeys(equation.name for equation in equations))
    outputs = tuple(variable for variable in written if variable in read_outside)
    has_rule = any(equation.has_rule for equation in equations)
    return Equation(name, run, tuple(inputs), outputs, Derivative(price), equations[0].stage, has_rule=has_rule)
