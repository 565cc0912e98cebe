"""Which results depend on the variables that are held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jax.extend import core

from chainopt.functions.sparsity.detection import Detection
from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.jax.detection.detect import result_of
from chainopt.jax.detection.registry import size
from chainopt.jax.detection.values import constant
from chainopt.jax.detection.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.detection.values import Value
    from chainopt.jax.linear_program import LinearProgram
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array


def pattern_by(program: LinearProgram, held: Sequence[Array]) -> Entries:
    """Return the pattern of the left factor: flattened results by the entries of what is held.

    Parameters
    ----------
    program : LinearProgram
        Which computes a JVP.
    held : sequence of variables
        Of it; what they depend on does not count, and neither does another of them.
    """
    rank, first = sum(map(size, held)), 0
    seeds: dict[Array, IndexSets] = {}
    for variable in held:
        seeds[variable] = IndexSets.seeds(size(variable), rank, first)
        first += size(variable)
    walk, jaxpr = Walk(rank), program.closed.jaxpr
    values: dict[Array, Value] = dict(zip(jaxpr.constvars, map(constant, program.closed.consts), strict=True))
    values.update((tangent, IndexSets(size(tangent), rank, ())) for tangent in program.tangents)

    def read(atom: Array) -> Value:
        return constant(atom.val) if isinstance(atom, core.Literal) else values.get(atom)

    with np.errstate(all="ignore"):  # of constants that are evaluated
        for equation in jaxpr.eqns:
            results = walk.results(equation, [read(atom) for atom in equation.invars]) or ()
            values.update(zip(equation.outvars, results, strict=False))
            values.update((variable, seeds[variable]) for variable in equation.outvars if variable in seeds)
    return Detection(joined([result_of(read(atom), atom, rank) for atom in program.outputs])).pattern
