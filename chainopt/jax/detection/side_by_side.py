"""All steps of a loop at once, as a map over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import numpy as np
from jax.extend import core

from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.jax.detection.fixed_points import MOST_ROUNDS, same
from chainopt.jax.detection.values import constant, plain
from chainopt.jax.jaxprs import size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.jax.detection.loops import Loop
    from chainopt.jax.detection.values import Value
    from chainopt.typing import Array, NumpyArray

MOST_ENTRIES = 3_000_000  # of all states side by side


def side_by_side(loop: Loop) -> tuple[list[Value], list[Value]] | None:
    """Give each step the state after the one before, as the last round knew it, until nothing changes; or give up."""
    atoms = loop.state_atoms
    if loop.length * sum(map(size, (*atoms, *loop.output_atoms))) > MOST_ENTRIES:
        return None
    run, states = mapped(loop), _first_states(loop)
    for _ in range(MOST_ROUNDS):
        results = run(states)
        after = [
            _shifted(first, result, atom, loop) if isinstance(state, IndexSets) else state
            for first, result, state, atom in zip(loop.state, results, states, atoms, strict=False)
        ]
        if all(map(same, states, after)):
            return [_last(value, atom) for value, atom in zip(results, atoms, strict=False)], results[len(atoms) :]
        states = after
    return None


def mapped(loop: Loop) -> Callable[[Sequence[Value]], list[Value]]:
    """Return what tells of all states, one after the other, the states after a step and the outputs."""
    atoms, fixed = loop.body.jaxpr.invars, len(loop.constants)
    axes = [None if position < fixed else 0 for position in range(len(atoms))]
    shapes = [
        jax.ShapeDtypeStruct(atom.aval.shape if axis is None else (loop.length, *atom.aval.shape), atom.aval.dtype)
        for atom, axis in zip(atoms, axes, strict=True)
    ]

    def step(*operands: Array) -> list[Array]:
        return list(jax.core.eval_jaxpr(loop.body.jaxpr, loop.body.consts, *operands))

    closed = jax.make_jaxpr(jax.vmap(step, axes, axis_size=loop.length))(*shapes)
    constants = [constant(value) for value in closed.consts]
    return lambda states: plain(loop.walker.run(closed.jaxpr, constants, [*loop.constants, *states, *loop.slices]))


def _first_states(loop: Loop) -> list[Value]:
    """Return what is known of all states, one after the other, before any step is looked at."""
    state, slices, columns = list(loop.state), loop.any_slices(), loop.walker.columns
    while True:  # until it is clear what depends on the inputs, and what stays the same in all steps
        after = loop.step(state, slices)[0]
        before, state = state, []
        for value, now, atom in zip(before, after, loop.state_atoms, strict=True):
            if isinstance(value, IndexSets) or isinstance(now, IndexSets):
                state.append(IndexSets(size(atom), columns, ()))
            else:
                state.append(value if same(value, now) else None)
        if list(map(type, before)) == list(map(type, state)):
            break
    states: list[Value] = []
    for position, (value, atom) in enumerate(zip(state, loop.state_atoms, strict=True)):
        if isinstance(value, IndexSets):
            nothing = IndexSets((loop.length - 1) * size(atom), columns, ())
            states.append(joined([loop.sets(loop.state[position], atom), nothing]))
        elif isinstance(value, np.ndarray):
            states.append(np.broadcast_to(value, (loop.length, *value.shape)))
        else:
            states.append(_counter(loop, position))
    return states


def _counter(loop: Loop, position: int) -> Value:
    """Return the values of a number to which each step adds the same; None for whatever else it is."""
    begin, jaxpr = loop.state[position], loop.body.jaxpr
    if not isinstance(begin, np.ndarray) or begin.ndim or begin.dtype.kind not in "iu":
        return None
    for equation in jaxpr.eqns:
        if equation.outvars[0] is jaxpr.outvars[position] and str(equation.primitive) == "add":
            one, other = equation.invars
            if one is loop.state_atoms[position] and isinstance(other, core.Literal):
                counts: NumpyArray = np.arange(loop.length, dtype=begin.dtype)
                values: NumpyArray = begin + counts * np.asarray(other.val, begin.dtype)
                return values
    return None


def _shifted(first: Value, result: Value, atom: core.Var, loop: Loop) -> IndexSets:
    """Return the states before each step: the first one, and what comes out of all but the last."""
    before = loop.sets(first, atom)
    if isinstance(result, IndexSets):
        return joined([before, result.taken(np.arange(result.size - before.size))])
    known = list(result[:-1]) if isinstance(result, np.ndarray) else [None] * (loop.length - 1)
    return joined([before, *(loop.sets(value, atom) for value in known)])


def _last(value: Value, atom: core.Var) -> Value:
    if isinstance(value, IndexSets):
        return value.taken(np.arange(value.size - size(atom), value.size))
    return value[-1] if isinstance(value, np.ndarray) else None
