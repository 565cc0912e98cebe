"""A loop whose steps are counted, and what is known of its operands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jax.extend import core

from chainopt.functions.sparsity.index_sets import IndexSets
from chainopt.jax.detection.registry import either, lifted
from chainopt.jax.detection.values import constant, plain
from chainopt.jax.jaxprs import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.detection.registry import Walker
    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn


def equations_in(jaxpr: core.Jaxpr) -> int:
    """Return how many equations a jaxpr has, those inside of others included."""
    count = len(jaxpr.eqns)
    for equation in jaxpr.eqns:
        for value in equation.params.values():
            for part in value if isinstance(value, tuple | list) else (value,):
                if isinstance(part, core.ClosedJaxpr | core.Jaxpr):
                    count += equations_in(part.jaxpr if isinstance(part, core.ClosedJaxpr) else part)
    return count


@dataclass(frozen=True)
class Loop:
    """A scan, with what is known of its operands, those of the first step first.

    Parameters
    ----------
    equation : jax.extend.core.JaxprEqn
        The loop.
    body : jax.extend.core.ClosedJaxpr
        What a step does.
    length : int
        How many steps there are.
    constants, state, slices : list
        What is known of what all steps read, of the state before the first one, and of the arrays of which each step gets a part.
    walker : Walker
        Goes through the body.
    """

    equation: JaxprEqn
    body: core.ClosedJaxpr
    length: int
    constants: list[Value]
    state: list[Value]
    slices: list[Value]
    walker: Walker

    def step(self, state: Sequence[Value], slices: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """Return what is known of the state after a step, and of its outputs."""
        constants = [constant(value) for value in self.body.consts]
        results = self.walker.run(self.body.jaxpr, constants, [*self.constants, *state, *slices])
        results = plain(results)
        return results[: len(self.state)], results[len(self.state) :]

    def either(self, values: Sequence[Value]) -> Value:
        """Return what is known of a variable that is one of several."""
        return either(values, self.equation, self.walker)

    @property
    def state_atoms(self) -> list[core.Var]:
        """The variables of a step that hold the state."""
        return list(self.body.jaxpr.invars[len(self.constants) : len(self.constants) + len(self.state)])

    @property
    def slice_atoms(self) -> list[core.Var]:
        """The variables of a step that get a part of an array."""
        return list(self.body.jaxpr.invars[len(self.constants) + len(self.state) :])

    @property
    def output_atoms(self) -> list[core.Var]:
        """The variables of a step of which all are kept."""
        return list(self.body.jaxpr.outvars[len(self.state) :])

    def slices_at(self, number: int) -> list[Value]:
        """Return the parts that a step gets."""
        parts: list[Value] = []
        for value, atom in zip(self.slices, self.slice_atoms, strict=True):
            if isinstance(value, IndexSets):
                parts.append(value.taken(np.arange(number * size(atom), (number + 1) * size(atom))))
            else:
                parts.append(value[number] if isinstance(value, np.ndarray) else None)
        return parts

    def any_slices(self) -> list[Value]:
        """Return what is known of a part that any of the steps gets."""
        parts: list[Value] = []
        for value, atom in zip(self.slices, self.slice_atoms, strict=True):
            if isinstance(value, IndexSets):
                parts.append(value.along((self.length, size(atom)), [0]))
            else:
                is_same = isinstance(value, np.ndarray) and (value == value[:1]).all()
                parts.append(value[0] if isinstance(value, np.ndarray) and is_same else None)
        return parts

    def sets(self, value: Value, atom: core.Var) -> IndexSets:
        """Return a value as one among others that depend on the inputs."""
        return lifted(value, size(atom), self.equation, self.walker)

    def elsewhere(self, columns: int) -> Loop:
        """Return the same loop with other columns, on which nothing depends but what the state is given."""

        def bare(values: Sequence[Value]) -> list[Value]:
            return [IndexSets(value.size, columns, ()) if isinstance(value, IndexSets) else value for value in values]

        walker = self.walker.elsewhere(columns)
        return replace(self, constants=bare(self.constants), slices=bare(self.slices), walker=walker)
