"""Scans: unrolled where they are short, all steps side by side where they hardly hang together, and else up to a fixed point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparsity.groups import WIDE
from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.jax.detection.fixed_points import MOST_ROUNDS, closed, settled
from chainopt.jax.detection.loops import Loop, equations_in
from chainopt.jax.detection.registry import rule
from chainopt.jax.detection.side_by_side import MOST_ENTRIES, mapped, side_by_side
from chainopt.jax.detection.values import plain, seeded
from chainopt.jax.jaxprs import dtype, loop_parts, shape, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jax.extend import core

    from chainopt.jax.detection.registry import Walker
    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn

FEW_STEPS = 64  # that are taken one by one without a further look
FEW_EQUATIONS = 2_000  # in all of them
MOST_COLUMNS = 10_000_000  # of a state, with which further steps take long
FEW_COLUMNS = 10_000  # with which they take no time, however dense the state is
Known = tuple[list["Value"], list["Value"]]


@rule("scan")
def scan(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Go through all steps."""
    parameters = equation.params
    first, states = loop_parts(parameters)
    last = first + states
    body, length, reverse = parameters["jaxpr"], int(parameters["length"]), parameters["reverse"]
    operands = plain(operands)
    slices = [_reversed(value, length) if reverse else value for value in operands[last:]]
    loop = Loop(equation, body, length, list(operands[:first]), list(operands[first:last]), slices, walker)
    state, outputs = _all_steps(loop) if length else (loop.state, [_nothing(atom) for atom in equation.outvars[last - first :]])
    return [*state, *(_reversed(value, length) if reverse else value for value in outputs)]


def _nothing(atom: core.Var) -> Value:
    return np.zeros(shape(atom), dtype(atom))


def _reversed(value: Value, length: int) -> Value:
    if isinstance(value, IndexSets):
        return value.moved(lambda ids: ids[::-1], (length, value.size // max(length, 1)))
    return value[::-1] if isinstance(value, np.ndarray) else None


def _all_steps(loop: Loop) -> Known:
    """Return what is known of the state after all steps, and of the outputs of all of them."""
    equations = loop.length * equations_in(loop.body.jaxpr)
    if loop.length <= FEW_STEPS and equations <= FEW_EQUATIONS and loop.walker.affords(equations):
        return unrolled(loop) or to_fixed_point(loop)
    return (
        without_outputs(loop)
        or side_by_side(loop)
        or (unrolled(loop) if loop.walker.affords(equations) else None)
        or to_fixed_point(loop)
    )


def unrolled(loop: Loop) -> Known | None:
    """Take all steps one by one; give up where that would take long."""
    state: list[Value] = loop.state
    kept: list[list[Value]] = []
    for number in range(loop.length):
        state, outputs = loop.step(state, loop.slices_at(number))
        kept.append(outputs)
        if loop.length - number > MOST_ROUNDS and is_wide(state):
            return None
    return state, [_stacked(values, loop, atom) for values, atom in zip(zip(*kept, strict=True), loop.output_atoms, strict=True)]


def is_wide(state: Sequence[Value]) -> bool:
    """Whether a state depends on so much that it is not worth the time to find out more."""
    sets = seeded(state)
    total = sum(int(value.counts().sum()) for value in sets)
    dense = sum(value.size * value.columns for value in sets) // WIDE
    return total > MOST_COLUMNS or total > max(dense, FEW_COLUMNS)


def _stacked(values: Sequence[Value], loop: Loop, atom: core.Var) -> Value:
    if seeded(values):
        return joined([loop.sets(value, atom) for value in values])
    known = [value for value in values if isinstance(value, np.ndarray)]
    return np.stack(known) if len(known) == len(values) else None


def without_outputs(loop: Loop) -> Known | None:
    """Find a fixed point, where it is soon found and says all: there are no outputs, and no step knows its number."""
    slices = loop.any_slices()
    if any(isinstance(value, np.ndarray) and part is None for value, part in zip(loop.slices, slices, strict=True)):
        return None
    state = settled(lambda state: loop.step(state, slices)[0], loop.either, loop.state)
    if state is None:
        return None
    if any(isinstance(one, np.ndarray) and other is None for one, other in zip(loop.state, state, strict=True)):
        return None
    outputs = loop.step(state, slices)[1]
    return None if seeded(outputs) else (state, [None for _ in outputs])


def to_fixed_point(loop: Loop) -> Known:
    """Return what holds after any number of steps."""
    slices = loop.any_slices()

    def step(state: Sequence[Value]) -> list[Value]:
        return loop.step(state, slices)[0]

    def elsewhere(state: Sequence[Value], columns: int) -> list[Value]:
        other = loop.elsewhere(columns)
        return other.step(state, other.any_slices())[0]

    state = settled(step, loop.either, loop.state) or closed(step, elsewhere, loop.either, loop.state)
    if not loop.output_atoms:
        return state, []
    if loop.length * sum(map(size, loop.state_atoms)) > MOST_ENTRIES:
        outputs = loop.step(state, slices)[1]
        return state, [_repeated(value, loop.length) for value in outputs]
    return state, mapped(loop)([_repeated(value, loop.length) for value in state])[len(state) :]


def _repeated(value: Value, length: int) -> Value:
    """Return what is known of an array that holds a value so many times."""
    if isinstance(value, IndexSets):
        return value.moved(lambda ids: np.broadcast_to(ids, (length, ids.size)), (value.size,))
    return np.broadcast_to(value, (length, *value.shape)) if isinstance(value, np.ndarray) else None
