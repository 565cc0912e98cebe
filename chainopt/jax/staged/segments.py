"""Where the tangents of a derivative program are few, and the pattern of what is between two such places."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jax.extend import core

from chainopt.functions.sparse.given_pattern import tidy
from chainopt.functions.sparse.stages import Stage
from chainopt.functions.sparsity.detection import Detection
from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.functions.trace import REAL
from chainopt.jax.detection.detect import result_of
from chainopt.jax.detection.values import constant, is_zero
from chainopt.jax.detection.walk import Walk
from chainopt.jax.jaxprs import dtype, size
from chainopt.jax.rules import derivative_of
from chainopt.jax.rules.registry import PRODUCTS
from chainopt.jax.trace import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chainopt.jax.detection.values import Value
    from chainopt.jax.linear_program import LinearProgram, Step
    from chainopt.typing import Array

MOST_CUTS = 400
MOST_NONZEROS = 20_000_000  # of the pattern of a stage


class Cut(NamedTuple):
    """A place between two equations, and the tangents that are computed before it and read behind it."""

    place: int
    alive: tuple[Array, ...]


class Segments(NamedTuple):
    """A program cut into stages."""

    cuts: list[Cut]
    stages: list[Stage]
    work: int  # what a JVP of the whole passes over, but for what is the same at all inputs, which XLA computes beforehand


def work_of(step: Step) -> int:
    """Return how many entries a JVP passes over."""
    written = sum(map(size, step.written))
    price = derivative_of(step.equation).price.jvp if str(step.equation.primitive) in PRODUCTS else None
    return max(written, price or 0, *map(size, step.read), 1)


def cut(program: LinearProgram) -> Segments | None:
    """Cut a program wherever no more tangents are alive than go in or come out; None where there is no such place."""
    cuts = [] if program.closed.effects else _cuts(program)
    if not 2 < len(cuts) <= MOST_CUTS:
        return None
    stages: list[Stage] = []
    for number, (sets, work) in enumerate(found_between(program, cuts)):
        if sets is None or int(sets.counts().sum()) > MOST_NONZEROS:
            return None
        stages.append(Stage(number, number + 1, tidy(Detection(sets).pattern), work))
    return Segments(cuts, stages, moving_work(program))


def found_between(
    program: LinearProgram, cuts: Sequence[Cut], work_of: Callable[[Step], int] = work_of
) -> Iterator[tuple[IndexSets | None, int]]:
    """Yield for each stage what its results depend on, None where that may be something that no seed makes, and its work.

    Parameters
    ----------
    program : LinearProgram
        Which computes a JVP.
    cuts : sequence of Cut
        Between the stages, the ends among them.
    work_of : callable
        Prices a step.
    """
    jaxpr = program.closed.jaxpr
    values: dict[Array, Value] = dict(zip(jaxpr.constvars, map(constant, program.closed.consts), strict=True))
    walk = _seeded(values, cuts[0].alive)
    for number, (before, behind) in enumerate(pairwise(cuts)):
        steps = program.steps[before.place : behind.place]
        with np.errstate(all="ignore"):  # of constants that are evaluated
            for step in steps:
                operands = [
                    constant(atom.val) if isinstance(atom, core.Literal) else values.get(atom) for atom in step.equation.invars
                ]
                results = walk.results(step.equation, operands) or ()
                values.update(zip(step.equation.outvars, results, strict=False))
        found = _found([_value_of(atom, values) for atom in behind.alive], behind.alive, walk.columns)
        yield found, sum(work_of(step) for step in steps if step.is_linear)
        walk = _seeded(values, [] if number + 2 == len(cuts) else behind.alive)


def _cuts(program: LinearProgram) -> list[Cut]:
    """List the places, the first before all equations, the last behind them, where the results are alive in their order."""
    last = {variable: place for place, step in enumerate(program.steps) for variable in step.read}
    end = len(program.steps)
    last.update((atom, end) for atom in program.outputs if not isinstance(atom, core.Literal))
    most = max(sum(map(size, program.tangents)), sum(map(size, program.outputs)))
    alive = dict.fromkeys(program.tangents)
    cuts = [Cut(0, tuple(alive))]
    for place, step in enumerate(program.steps, 1):
        if not step.is_linear:
            continue
        alive.update(dict.fromkeys(step.written))
        alive = {variable: None for variable in alive if last.get(variable, -1) >= place}
        is_real = all(kind_of(dtype(variable)) == REAL for variable in alive)
        if is_real and sum(map(size, alive)) <= most and place < end:
            cuts.append(Cut(place, tuple(alive)))
    return [*cuts, Cut(end, tuple(program.outputs))]


def _seeded(values: dict[Array, Value], alive: Sequence[Array]) -> Walk:
    """Give each entry of some tangents a column of its own, and return a walk that knows as many."""
    sizes = [size(variable) for variable in alive]
    columns, firsts = sum(sizes), np.cumsum([0, *sizes])
    for variable, count, first in zip(alive, sizes, firsts, strict=False):
        values[variable] = IndexSets.seeds(count, columns, int(first))
    return Walk(columns)


def _value_of(atom: Array, values: dict[Array, Value]) -> Value:
    return constant(atom.val) if isinstance(atom, core.Literal) else values.get(atom)


def _found(values: list[Value], atoms: Sequence[Array], columns: int) -> IndexSets | None:
    """Return what the results of a stage depend on; None where a tangent may be something that no seed makes."""
    if not all(isinstance(value, IndexSets) or is_zero(value) for value in values):
        return None
    return joined([result_of(value, atom, columns) for value, atom in zip(values, atoms, strict=True)])


def moving_work(program: LinearProgram, work_of: Callable[[Step], int] = work_of) -> int:
    """Return what the linear equations pass over that are other ones at other inputs, or read what such have computed."""
    moving, work = set(program.primals), 0
    for step in program.steps:
        if not moving.isdisjoint(step.read):
            moving.update(step.written)
            work += work_of(step) if step.is_linear else 0
    return work
