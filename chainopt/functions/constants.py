"""Inputs that a program only adds to its results: to what is differentiated they are constants."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chainopt.functions.primitives import Derivative, Price
from chainopt.functions.trace import Equation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.trace import Trace
    from chainopt.typing import Array

COPY = "copy"  # the name of the equation that hands an input over as a constant


def without_skips(trace: Trace, skips: Sequence[tuple[int, int]]) -> tuple[Trace, list[Equation], dict[int, int]]:
    """Return a function that reads constants where skips come from, what makes them, and the constant of each input.

    Parameters
    ----------
    trace : Trace
    skips : sequence of (int, int)
        From an input to a sum that reads it, or to itself, where it is a result.
    """
    variables, equations = dict(trace.variables), list(trace.equations)
    constant_of: dict[int, int] = {}
    copies = []
    writers = {variable: position for position, equation in enumerate(equations) for variable in equation.outputs}
    for tail, head in dict.fromkeys(skips):
        if tail not in constant_of:
            constant_of[tail] = max(variables) + 1
            variables[constant_of[tail]] = variables[tail]
            copies.append(_copy(tail, constant_of[tail]))
        if head != tail:
            equations[writers[head]] = _reading(equations[writers[head]], tail, constant_of[tail])
    return replace(trace, variables=variables, equations=equations), copies, constant_of


def _copy(variable: int, constant: int) -> Equation:
    def run(values: dict[int, Array]) -> None:
        values[constant] = values[variable]

    return Equation(COPY, run, (variable,), (constant,), Derivative(Price(0, 0)))


def _reading(equation: Equation, variable: int, constant: int) -> Equation:
    """Return an equation that reads a constant instead of a variable."""

    def run(values: dict[int, Array]) -> None:
        local = values | {variable: values[constant]}
        equation.run(local)
        values.update((written, local[written]) for written in equation.outputs)

    inputs = tuple(constant if read == variable else read for read in equation.inputs)
    return equation._replace(run=run, inputs=inputs)
