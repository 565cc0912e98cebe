"""Loops and branches stay as they are: their Jacobians come from JVPs, and are edges of the graph of partial derivatives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import jax
import numpy as np
from jax.extend import core

from chainopt.functions.backend import UnplannableError
from chainopt.jax.elimination.linear_outputs import linear_outputs
from chainopt.jax.elimination.values import ZERO, Cells, Slopes
from chainopt.jax.elimination.walk import evaluation_of, read_by
from chainopt.jax.jaxprs import dtype, inner, shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.elimination.walk import Walk
    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import Array

LOOPS = frozenset({"scan", "while", "cond"})


def pushed(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Push a seed for each tangent that goes in through a loop or a branch, all at once."""
    read = read_by(equation, operands)
    evaluation = evaluation_of(equation, inner(equation)[0])
    is_tangent = [isinstance(value, Slopes) for value in read.values()]
    tangents = {variable for variable, value in read.items() if isinstance(value, Slopes)}
    is_linear = linear_outputs(equation, [not isinstance(atom, core.Literal) and atom in tangents for atom in equation.invars])
    results = [(shape(variable), dtype(variable)) for variable in equation.outvars]
    if any(kind.kind != "f" for (_, kind), does in zip(results, is_linear, strict=True) if does):
        msg = f"it has a loop or a branch ({equation.primitive}) whose tangents are not real numbers"
        raise UnplannableError(msg)
    tails, seeds = _seeds({variable: value for variable, value in read.items() if isinstance(value, Slopes)})

    def run(*values: Array) -> list[Array]:
        rest = iter(values)
        given = [seeds[variable] if variable in tangents else next(rest) for variable in read]
        axes = [0 if does else None for does in is_tangent], [0 if does else None for does in is_linear]
        found: list[Array] = jax.vmap(evaluation, *axes)(*given)
        return found

    columns = max(1, len(tails))
    shapes = [((columns, *axes) if does else axes, kind) for (axes, kind), does in zip(results, is_linear, strict=True)]
    walk.check(sum(math.prod(axes) for axes, _ in shapes))
    cells = [walk.cells(value) for variable, value in read.items() if variable not in tangents]
    found: list[Array] = []
    for ids, (axes, _), does in zip(walk.code.call(run, cells, shapes), results, is_linear, strict=True):
        if does:
            rows = ids.reshape(columns, math.prod(axes)).T.tolist()
            vertices = [walk.graph.vertex(zip(tails, row, strict=False)) for row in rows]
            found.append(Slopes(np.array(vertices, np.int64).reshape(axes)))
        else:
            found.append(Cells(ids))
    return found


def _seeds(tangents: dict[core.Var, Slopes]) -> tuple[list[int], dict[core.Var, Array]]:
    """Return the vertices of all entries that are not zero, and for each array the seeds of these, one at least."""
    places = [(variable, place) for variable, value in tangents.items() for place in map(tuple, np.argwhere(value.ids != ZERO))]
    seeds = {variable: np.zeros((max(1, len(places)), *value.ids.shape), dtype(variable)) for variable, value in tangents.items()}
    for column, (variable, place) in enumerate(places):
        seeds[variable][(column, *place)] = 1
    return [int(tangents[variable].ids[place]) for variable, place in places], seeds
