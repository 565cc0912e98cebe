"""Steps that a program repeats one after the other, found again in its equations and made a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.functions.primitives import Derivative, Price
from chainopt.functions.trace import Equation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from chainopt.functions.trace import Variable

# Runs a function of a tuple of arrays so many times, each time on what it returned.
Repeat = Callable[[Callable[[tuple[Any, ...]], tuple[Any, ...]], tuple[Any, ...], int], tuple[Any, ...]]

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
    """
    numbers: dict[Any, int] = {}
    keys = np.array([numbers.setdefault(equation.same or at, len(numbers)) for at, equation in enumerate(equations)])
    for repetition in _candidates(keys, equations, variables):
        begin, end = repetition.begin, repetition.begin + repetition.step * repetition.trips
        made = _as_loop(equations, variables, results, repetition, repeat)
        if made is not None:
            before = rolled(equations[:begin], variables, [*results, *_reads(equations[begin:])], repeat)
            last = equations[end - repetition.step : end]  # is kept as it is: all that it writes may be read
            return [*before, made, *last, *rolled(equations[end:], variables, results, repeat)]
    return equations


def _candidates(keys: NDArray[Any], equations: list[Equation], variables: dict[int, Variable]) -> Iterator[Repetition]:
    """Yield what repeats itself and can be a loop, those that save most first."""
    found = []
    for step in range(1, min(LONGEST_STEP, len(keys) // LEAST_TRIPS) + 1):
        alike = np.flatnonzero(np.diff(np.concatenate(([False], keys[step:] == keys[:-step], [False])).astype(np.int8)))
        for begin, end in alike.reshape(-1, 2).tolist():
            if end - begin >= step * (LEAST_TRIPS - 1):
                saved = (end - begin) // step * step
                found.append((-saved, step, begin, end + step))
    for _, step, begin, end in sorted(found):
        if all(equation.is_elementwise for equation in equations[begin : begin + step]):
            continue  # which are fused to a single pass over memory, and a loop makes one each
        phases = [_followed(equations, phase, step, (end - phase) // step) for phase in range(begin, min(begin + step, end))]
        loops = [loop for loop in phases if loop is not None and loop.trips >= LEAST_TRIPS]
        if loops:
            yield min(loops, key=lambda loop: (-loop.trips, sum(variables[variable].size for variable in loop.carried)))


def _followed(equations: list[Equation], begin: int, step: int, trips: int) -> Repetition | None:
    """Follow the data through the steps, as long as each reads the same of the one before as the second of the first."""
    places: list[dict[int, int]] = []  # of each step, from the variables that it writes to their places among these
    for trip in range(trips):
        span = equations[begin + trip * step : begin + (trip + 1) * step]
        places.append({variable: at for at, variable in enumerate(v for equation in span for v in equation.outputs)})
    first = list(places[0])
    carried: dict[int, int] = {}
    for trip in range(1, trips):
        for at in range(step):
            now, before = equations[begin + trip * step + at], equations[begin + (trip - 1) * step + at]
            for new, old in zip(now.inputs, before.inputs, strict=True):
                if new in places[trip]:
                    is_alike = places[trip - 1].get(old) == places[trip][new]
                elif new in places[trip - 1]:
                    place = places[trip - 1][new]
                    if trip == 1:
                        is_alike = old not in places[0] and carried.setdefault(first[place], old) == old
                    else:
                        is_alike = places[trip - 2].get(old) == place
                else:
                    is_alike = new == old
                if not is_alike:
                    return Repetition(begin, step, trip, carried) if trip >= LEAST_TRIPS else None
    return Repetition(begin, step, trips, carried)


def _as_loop(
    equations: list[Equation], variables: dict[int, Variable], results: Sequence[int], found: Repetition, repeat: Repeat
) -> Equation | None:
    """Return the loop over all steps but the last; None where something else than the next step reads what one writes."""
    begin, step, trips, carried = found
    steps = [equations[begin + trip * step : begin + (trip + 1) * step] for trip in range(trips)]
    written = [[variable for equation in span for variable in equation.outputs] for span in steps]
    inner = {variable for row in written[:-1] for variable in row}
    if inner & {*results, *_reads(equations[begin + step * trips :])} or not carried:
        return None
    kinds = [(variables[new].shape, variables[new].dtype) for new in carried]
    if kinds != [(variables[old].shape, variables[old].dtype) for old in carried.values()]:
        return None
    places = [written[0].index(variable) for variable in carried]
    second = [written[1][place] for place in places]
    fixed = tuple(dict.fromkeys(v for v in _reads(steps[1]) if v not in {*written[0], *written[1]}))
    initial, last = tuple(carried.values()), tuple(written[-2][place] for place in places)

    def run(values: dict[int, Any]) -> None:
        known = {variable: values[variable] for variable in fixed}

        def body(state: tuple[Any, ...]) -> tuple[Any, ...]:
            local = known | dict(zip(carried, state, strict=True))
            for equation in steps[1]:
                equation.run(local)
            return tuple(local[variable] for variable in second)

        values.update(zip(last, repeat(body, tuple(values[variable] for variable in initial), trips - 1), strict=True))

    price = Price.total(equation.price for equation in steps[1]).times(trips - 1)
    reads = tuple(dict.fromkeys((*initial, *fixed)))
    return Equation("loop", run, reads, last, Derivative(price), steps[1][0].stage)


def _reads(equations: Sequence[Equation]) -> Iterator[int]:
    return (variable for equation in equations for variable in equation.inputs)
