"""The sections of a derivative program: what each computes of the point, and the Jacobian of its stage there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from chainopt.functions.sparse.stages import colors_of
from chainopt.jax.compressed import pushes
from chainopt.jax.jaxprs import dtype, shape
from chainopt.jax.linear_program import value
from chainopt.jax.staged.apart import apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chainopt.functions.sparse.stages import Stage
    from chainopt.jax.linear_program import LinearProgram
    from chainopt.jax.staged.segments import Cut
    from chainopt.typing import Array

Values = dict["Array", "Array"]


class Section:
    """The equations between two cuts, in two parts: what is the same for all tangents, and what is linear in them."""

    def __init__(self, program: LinearProgram, before: Cut, behind: Cut) -> None:
        steps = program.steps[before.place : behind.place]
        self.linear, self.fixed = ([step for step in steps if step.is_linear == kind] for kind in (True, False))
        self.before, self.behind = before.alive, behind.alive
        reads = [variable for step in self.linear for variable in step.read]
        reads += [atom for atom in self.behind if not isinstance(atom, core.Literal)]
        self.read = tuple(dict.fromkeys(variable for variable in reads if variable not in program.linear))
        written = dict.fromkeys(variable for step in self.fixed for variable in step.written)
        later = {one for step in program.steps[behind.place :] for one in step.read} | {*self.read}
        later.update(atom for atom in program.outputs if not isinstance(atom, core.Literal))
        self.kept = tuple(variable for variable in written if variable in later)
        self.needed = tuple({one: None for step in self.fixed for one in step.read if one not in written})
        self.like = [jax.ShapeDtypeStruct(shape(variable), dtype(variable)) for variable in self.before]

    def fixed_values(self, known: Values, always: Array) -> Values:
        """Return what it computes of the point and is read by it or behind it."""
        if not self.kept:
            return {}

        def compute(given: Sequence[Array]) -> list[Array]:
            values = dict(zip(self.needed, given, strict=True))
            for step in self.fixed:
                values.update(step.run(values))
            return [values[variable] for variable in self.kept]

        return dict(zip(self.kept, apart(always, compute, _picked(known, self.needed)), strict=True))

    def read_of(self, known: Values) -> list[Array]:
        """Return the values that its linear part reads."""
        return _picked(known, self.read)

    def pushed(self, given: Sequence[Array], tangents: Sequence[Array]) -> list[Array]:
        """Return the tangents behind it, of those before it and of what its linear part reads."""
        values = dict(zip((*self.read, *self.before), (*given, *tangents), strict=True))
        for step in self.linear:
            values.update(step.run(values))
        return [jnp.asarray(value(atom, values)) for atom in self.behind]


class ColoredSection(Section):
    """A section whose Jacobian is computed by the colors of its columns."""

    def __init__(self, program: LinearProgram, before: Cut, behind: Cut, stage: Stage) -> None:
        super().__init__(program, before, behind)
        self.colors = colors_of(stage)
        rows = np.repeat(np.arange(stage.pattern.shape[0]), np.diff(stage.pattern.indptr))
        self.at = self.colors[stage.pattern.indices] * stage.pattern.shape[0] + rows

    def nonzeros(self, known: Values, always: Array, chunk_size: int | None) -> Array:
        """Return those of its Jacobian."""

        def compute(given: Sequence[Array]) -> Array:
            pushed = pushes(partial(self._linear, given), self.like, self.colors, chunk_size)
            return jnp.concatenate(pushed, axis=1).reshape(-1).at[self.at].get(mode="promise_in_bounds", unique_indices=True)

        return apart(always, compute, self.read_of(known))

    def _linear(self, given: Sequence[Array], *tangents: Array) -> list[Array]:
        return self.pushed(given, tangents)


def _picked(known: Values, variables: Iterable[Array]) -> list[Array]:
    return [known[variable] for variable in variables]
