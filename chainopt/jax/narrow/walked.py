"""A derivative program as a jaxpr, walked through for the search of narrow variables."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from jax.extend import core

from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.functions.trace import REAL
from chainopt.jax.detection.detect import result_of
from chainopt.jax.detection.values import constant
from chainopt.jax.detection.walk import Walk
from chainopt.jax.jaxprs import dtype, size
from chainopt.jax.trace import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.sparse.narrow import Watcher
    from chainopt.jax.detection.values import Value
    from chainopt.jax.linear_program import LinearProgram
    from chainopt.typing import Array


class WalkedJaxpr:
    """The JVP of a function, as the search sees it."""

    def __init__(self, program: LinearProgram) -> None:
        self.program = program
        self.results = _variables(program.outputs)
        self.columns = sum(map(size, program.tangents))

    def size(self, variable: Array) -> int:
        """Return how many entries a variable has."""
        return size(variable)

    def is_real(self, variable: Array) -> bool:
        """Whether a variable is an array of real numbers."""
        return kind_of(dtype(variable)) == REAL

    def walk(self, watcher: Watcher) -> IndexSets:
        """Go through the program equation by equation; return what each entry of the results depends on."""
        return self._walked(_seeds(self.program.tangents, self.columns), self.columns, watcher)

    def reached(self, held: Sequence[Array]) -> IndexSets:
        """Return on which entries of what is held each entry of the results depends, whatever those depend on."""
        rank = sum(map(size, held))
        seeds: dict[Array, IndexSets] = dict(zip(held, _seeds(held, rank), strict=True))

        def watch(variable: Array, sets: IndexSets, tails: Sequence[Array]) -> IndexSets:  # noqa: ARG001
            return seeds.get(variable, sets)

        return self._walked([IndexSets(size(variable), rank, ()) for variable in self.program.tangents], rank, watch)

    def _walked(self, seeds: Sequence[IndexSets], columns: int, watcher: Watcher) -> IndexSets:
        """Go through the program with what is known of the tangents."""
        program = self.program
        jaxpr, walk = program.closed.jaxpr, Walk(columns)
        values: dict[Array, Value] = dict(zip(jaxpr.constvars, map(constant, program.closed.consts), strict=True))
        values.update(zip(program.tangents, seeds, strict=True))

        def read(atom: Array) -> Value:
            return constant(atom.val) if isinstance(atom, core.Literal) else values.get(atom)

        with np.errstate(all="ignore"):  # of constants that are evaluated
            for equation in jaxpr.eqns:
                results = walk.results(equation, [read(atom) for atom in equation.invars]) or ()
                tails = [atom for atom in _variables(equation.invars) if isinstance(values.get(atom), IndexSets)]
                for variable, value in zip(equation.outvars, results, strict=False):
                    values[variable] = watcher(variable, value, tails) if isinstance(value, IndexSets) else value
        sets = [result_of(read(atom), atom, columns) for atom in program.outputs]
        return joined(sets) if sets else IndexSets(0, columns, ())


def _seeds(variables: Sequence[Array], columns: int) -> list[IndexSets]:
    """Give each entry of some variables a column of its own."""
    firsts = accumulate(map(size, variables), initial=0)
    return [IndexSets.seeds(size(variable), columns, first) for variable, first in zip(variables, firsts, strict=False)]


def _variables(atoms: Sequence[Array]) -> list[Array]:
    return [atom for atom in atoms if not isinstance(atom, core.Literal)]
