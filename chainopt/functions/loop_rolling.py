"""Steps that a program repeats one after the other, found again in its equations and made a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.functions.primitives import Derivative, Price
from chainopt.functions.trace import Equation
from chainopt.typing import Array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainopt.functions.trace import Variable
    from chainopt.typing import NumpyArray

# Runs a function of a tuple of arrays so many times, each time on what it returned.
Repeat = Callable[[Callable[[tuple[Array, ...]], tuple[Array, ...]], tuple[Array, ...], int], tuple[Array, ...]]

LEAST_TRIPS = 8
LONGEST_STEP = 100  # equations


class Repetition(NamedTuple):
    """Equations ``begin .. begin + step * trips`` that do the same ``trips`` times, each time to what came out before."""

    begin: int
    step: int
    trips: int
    carried: dict[int, int]  # from a variable that the first step writes, and the second reads, to what the first reads there


def rolled(equations: list[Equation], variables: dict[int, Variable], results: Sequence[int], repeat: Repeat) -> list[Equation]:
    """Make one equation of each repetition, so that a compiler sees the step once.

    Unrolled, 32 steps of a stencil take XLA a hundred times as long to compile as their loop, and twenty times as long to run.

    Parameters
    ----------
    equations : list of Equation
        In the order of the program.
    variables : dict
        What is known of each variable, by number.
    results : sequence of int
        The variables that are read after the equations.
    repeat : callable
        The library's loop.
    """
    numbers: dict[Array, int] = {}
    keys = np.array([numbers.setdefault(equation.key or position, len(numbers)) for position, equation in enumerate(equations)])
    for repetition in _repetitions(keys, equations, variables):
        begin, end = repetition.begin, repetition.begin + repetition.step * repetition.trips
        loop = _as_loop(equations, variables, results, repetition, repeat)
        if loop is not None:
            before = rolled(equations[:begin], variables, [*results, *_reads(equations[begin:])], repeat)
            last = equations[end - repetition.step : end]  # is kept as it is: all that it writes may be read
            return [*before, loop, *last, *rolled(equations[end:], variables, results, repeat)]
    return equations


def _repetitions(keys: NumpyArray, equations: list[Equation], variables: dict[int, Variable]) -> Iterator[Repetition]:
    """Yield what repeats itself and can be a loop, what saves most first."""
    spans = []
    for step in range(1, min(LONGEST_STEP, len(keys) // LEAST_TRIPS) + 1):
        changes = np.flatnonzero(np.diff(np.concatenate(([False], keys[step:] == keys[:-step], [False])).astype(np.int8)))
        for begin, end in changes.reshape(-1, 2).tolist():
            if end - begin >= step * (LEAST_TRIPS - 1):
                saved = (end - begin) // step * step
                spans.append((-saved, step, begin, end + step))
    for _, step, begin, end in sorted(spans):
        if all(equation.is_elementwise for equation in equations[begin : begin + step]):
            continue  # which are fused to a single pass over memory, and a loop makes one each
        phases = [_followed(equations, phase, step, (end - phase) // step) for phase in range(begin, min(begin + step, end))]
        loops = [loop for loop in phases if loop is not None and loop.trips >= LEAST_TRIPS]
        if loops:
            yield min(loops, key=lambda loop: (-loop.trips, sum(variables[variable].size for variable in loop.carried)))


def _followed(equations: list[Equation], begin: int, step: int, trips: int) -> Repetition | None:
    """Follow the data through the steps, as long as each reads the same of the one before as the second of the first."""
    spans = [equations[begin + trip * step : begin + (trip + 1) * step] for trip in range(trips)]
    # For each step, from the variables that it writes to their places among these.
    places = [{variable: place for place, variable in enumerate(_writes(span))} for span in spans]
    carried: dict[int, int] = {}
    for trip in range(1, trips):
        for equation, one_step_before in zip(spans[trip], spans[trip - 1], strict=True):
            pairs = zip(equation.inputs, one_step_before.inputs, strict=True)
            if not all(_is_read_alike(new, old, trip, places, carried) for new, old in pairs):
                return Repetition(begin, step, trip, carried) if trip >= LEAST_TRIPS else None
    return Repetition(begin, step, trips, carried)


def _is_read_alike(new: int, old: int, trip: int, places: list[dict[int, int]], carried: dict[int, int]) -> bool:
    """Whether a step reads a variable in the place in which the step before has read another.

    Parameters
    ----------
    new, old : int
        The variables that the step and the one before read.
    trip : int
        The number of the step, from 1.
    places : list of dict
        For each step, from the variables that it writes to their places among these.
    carried : dict
        From variables that the first step writes to what it has read in their place; the second step fills it in.
    """
    if new in places[trip]:
        return places[trip - 1].get(old) == places[trip][new]
    if new not in places[trip - 1]:
        return new == old
    place = places[trip - 1][new]
    if trip > 1:
        return places[trip - 2].get(old) == place
    written = list(places[0])[place]
    return old not in places[0] and carried.setdefault(written, old) == old


def _as_loop(
    equations: list[Equation], variables: dict[int, Variable], results: Sequence[int], repetition: Repetition, repeat: Repeat
) -> Equation | None:
    """Return the loop over all steps but the last; None where something else than the next step reads what one writes.

    Parameters
    ----------
    equations, variables, results, repeat
        As for `rolled`.
    repetition : Repetition
        Where the steps are among the equations.
    """
    begin, step, trips, carried = repetition
    steps = [equations[begin + trip * step : begin + (trip + 1) * step] for trip in range(trips)]
    written = [list(_writes(span)) for span in steps]
    inner = {variable for row in written[:-1] for variable in row}
    if inner & {*results, *_reads(equations[begin + step * trips :])} or not carried:
        return None
    types = [(variables[new].shape, variables[new].dtype) for new in carried]
    if types != [(variables[old].shape, variables[old].dtype) for old in carried.values()]:
        return None
    places = [written[0].index(variable) for variable in carried]
    second = [written[1][place] for place in places]
    fixed = tuple(dict.fromkeys(variable for variable in _reads(steps[1]) if variable not in {*written[0], *written[1]}))
    initial, last = tuple(carried.values()), tuple(written[-2][place] for place in places)

    def run(values: dict[int, Array]) -> None:
        known = {variable: values[variable] for variable in fixed}

        def body(state: tuple[Array, ...]) -> tuple[Array, ...]:
            local = known | dict(zip(carried, state, strict=True))
            for equation in steps[1]:
                equation.run(local)
            return tuple(local[variable] for variable in second)

        values.update(zip(last, repeat(body, tuple(values[variable] for variable in initial), trips - 1), strict=True))

    price = Price.total(equation.price for equation in steps[1]).times(trips - 1)
    turned = sum(equation.derivative.turned for equation in steps[1] if {*fixed}.issuperset(equation.inputs[:1])) * (trips - 1)
    slowed = sum(equation.derivative.slowed for equation in steps[1]) * (trips - 1)
    derivative = Derivative(price, turned=turned, slowed=slowed)
    reads = tuple(dict.fromkeys((*fixed, *initial)))
    has_rule = any(equation.has_rule for equation in steps[1])
    return Equation("loop", run, reads, last, derivative, steps[1][0].stage, has_rule=has_rule)


def _reads(equations: Sequence[Equation]) -> Iterator[int]:
    return (variable for equation in equations for variable in equation.inputs)


def _writes(equations: Sequence[Equation]) -> Iterator[int]:
    return (variable for equation in equations for variable in equation.outputs)
