"""Which variables of a derivative program, held fixed, leave its Jacobian sparse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jax.extend import core

from chainopt.functions.sparse.vertex_cut import narrowest
from chainopt.functions.sparsity.detection import Detection
from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.functions.trace import REAL
from chainopt.jax.detection.detect import result_of
from chainopt.jax.detection.registry import dtype, size
from chainopt.jax.detection.values import constant
from chainopt.jax.detection.walk import Walk
from chainopt.jax.trace import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chainopt.jax.detection.values import Value
    from chainopt.jax.linear_program import LinearProgram
    from chainopt.typing import Array

SHARES = (4, 64)  # a variable is wide of which an entry depends on more than one column in so many
NARROW = 4  # and narrow with at most one entry for so many rows, or columns, as there are
ROUNDS = 3  # of cuts, each of what the ones before have left wide


class Split(NamedTuple):
    """Variables that are held fixed, and the pattern that is left."""

    held: tuple[Array, ...]
    found: Detection

    @property
    def rank(self) -> int:
        """How many entries they have."""
        return sum(map(size, self.held))


class _Walked(NamedTuple):
    """What a walk has found: the variables that depend on the tangents, and those of them that are narrow and become wide."""

    values: dict[Array, Value]
    edges: list[tuple[Array, Array]]
    origins: list[Array]
    found: Detection


def splits(program: LinearProgram) -> Iterator[Split]:
    """Yield sets of variables to hold, no variable first.

    Parameters
    ----------
    program : LinearProgram
        Which computes a JVP.
    """
    whole = _walked(program, frozenset(), math.inf)
    yield Split((), whole.found)
    rows, columns = whole.found.shape
    most = min(rows, columns) // NARROW
    tried: set[frozenset[Array]] = {frozenset()}
    for share in SHARES:
        width = columns / share
        held: frozenset[Array] = frozenset()
        for _ in range(ROUNDS):
            walked = _walked(program, held, width, most)
            if not walked.origins:
                break
            cut = frozenset(_cut(program, walked, most))
            for one in (held | cut, held | set(walked.origins)):
                if one not in tried and sum(map(size, one)) <= most:
                    tried.add(one)
                    yield _split(program, one)
            held = held | cut


def _split(program: LinearProgram, held: frozenset[Array]) -> Split:
    walked = _walked(program, held, math.inf)
    ordered = [variable for variable in walked.values if variable in held]
    return Split(tuple(ordered), walked.found)


def _cut(program: LinearProgram, walked: _Walked, most: int) -> list[Array]:
    """Return the narrowest variables between those that become wide and the results."""
    seeded = [variable for variable, value in walked.values.items() if isinstance(value, IndexSets)]
    numbers = {variable: number for number, variable in enumerate(seeded)}
    unfit = sum(map(size, walked.origins)) + 1
    sizes = {number: size(variable) if _is_narrow(variable, most) else unfit for variable, number in numbers.items()}
    edges = [(numbers[tail], numbers[head]) for tail, head in walked.edges]
    sinks = [numbers[atom] for atom in dict.fromkeys(_variables(program.outputs)) if atom in numbers]
    return [seeded[number] for number in narrowest(sizes, edges, [numbers[origin] for origin in walked.origins], sinks)]


def _is_narrow(variable: Array, most: int) -> bool:
    return 0 < size(variable) <= most and kind_of(dtype(variable)) == REAL


def _walked(program: LinearProgram, held: frozenset[Array], width: float, most: int = 0) -> _Walked:
    """Walk through a program; variables that are held, and those that become wide, depend on nothing from there on."""
    jaxpr = program.closed.jaxpr
    sizes = [size(variable) for variable in program.tangents]
    columns, firsts = sum(sizes), np.cumsum([0, *sizes])
    walk = Walk(columns)
    values: dict[Array, Value] = dict(zip(jaxpr.constvars, map(constant, program.closed.consts), strict=True))
    seeds = [IndexSets.seeds(count, columns, int(first)) for count, first in zip(sizes, firsts, strict=False)]
    values.update(zip(program.tangents, seeds, strict=True))
    edges, origins = [], []

    def read(atom: Array) -> Value:
        return constant(atom.val) if isinstance(atom, core.Literal) else values.get(atom)

    with np.errstate(all="ignore"):  # of constants that are evaluated
        for equation in jaxpr.eqns:
            results = walk.results(equation, [read(atom) for atom in equation.invars]) or ()
            tails = [atom for atom in _variables(equation.invars) if isinstance(values.get(atom), IndexSets)]
            for variable, value in zip(equation.outvars, results, strict=False):
                known = value
                if isinstance(value, IndexSets):
                    edges += [(tail, variable) for tail in tails]
                    if variable in held:
                        known = IndexSets(value.size, columns, ())
                    elif _is_narrow(variable, most) and value.counts().max(initial=0) > width:
                        origins.append(variable)
                        known = IndexSets(value.size, columns, ())
                values[variable] = known
    sets = [result_of(read(atom), atom, columns) for atom in program.outputs]
    alive = set(_variables(program.outputs))
    for tail, head in reversed(edges):
        if head in alive:
            alive.add(tail)
    origins = [origin for origin in origins if origin in alive]
    return _Walked(values, edges, origins, Detection(joined(sets) if sets else IndexSets(0, columns, ())))


def _variables(atoms: Sequence[Array]) -> list[Array]:
    return [atom for atom in atoms if not isinstance(atom, core.Literal)]
