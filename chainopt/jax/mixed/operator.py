"""A stage at a point, as an operator: tangents are pushed through it, cotangents pulled back, or its nonzeros computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.jax.compressed import pushes
from chainopt.jax.jaxprs import dtype, shape
from chainopt.jax.mixed.matrices import product, transposed_pattern
from chainopt.jax.stage import joined, pieces_of, split
from chainopt.jax.staged.sections import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.linear_program import LinearProgram
    from chainopt.jax.mixed.stages import Stage
    from chainopt.jax.staged.segments import Cut
    from chainopt.typing import Array, DType, IntArray


class Operator(Section):
    """A section, as the linear map that it is."""

    def __init__(
        self, program: LinearProgram, before: Cut, behind: Cut, stage: Stage, colors: IntArray, dtype_of_all: DType
    ) -> None:
        super().__init__(program, before, behind)
        self.stage, self.dtype = stage, dtype_of_all
        self.pattern, self.colors = stage.pattern, colors
        self.results = [jax.ShapeDtypeStruct(shape(atom), dtype(atom)) for atom in self.behind]

    @property
    def has_vjps(self) -> bool:
        """Whether cotangents can be pulled through it."""
        try:
            jax.eval_shape(self._pull, [jax.ShapeDtypeStruct(shape(one), dtype(one)) for one in self.read], self.results)
        except Exception:  # noqa: BLE001 -- whatever a primitive raises that has no transpose
            return False
        return True

    def push(self, given: Sequence[Array], columns: Array) -> Array:
        """Push columns forward."""
        tangents = split(columns, pieces_of(self.like))
        pushed = jax.vmap(lambda *each: self.pushed(given, each), in_axes=-1, out_axes=-1)(*tangents)
        return joined(pushed, columns.shape[1], self.dtype)

    def pull(self, given: Sequence[Array], columns: Array) -> Array:
        """Pull columns of cotangents back."""
        cotangents = split(columns, pieces_of(self.results))
        pulled = jax.vmap(lambda *each: self._pull(given, each), in_axes=-1, out_axes=-1)(*cotangents)
        return joined(pulled, columns.shape[1], self.dtype)

    def pushed_by_nonzeros(self, nonzeros: Array, columns: Array) -> Array:
        """Push columns forward, the nonzeros being known."""
        return product(self.pattern, None)[1](nonzeros, columns)

    def pulled_by_nonzeros(self, nonzeros: Array, columns: Array) -> Array:
        """Pull columns back, the nonzeros being known."""
        assert self.pattern is not None
        transposed, order = transposed_pattern(self.pattern)
        return product(transposed, None)[1](nonzeros.at[order].get(mode="promise_in_bounds"), columns)

    def by_jvps(self, given: Sequence[Array]) -> Array:
        """Return its Jacobian by a JVP for each column."""
        return self.push(given, jnp.eye(self.stage.columns, dtype=self.dtype))

    def by_vjps(self, given: Sequence[Array]) -> Array:
        """Return its Jacobian by a VJP for each row."""
        return self.pull(given, jnp.eye(self.stage.rows, dtype=self.dtype)).T

    def nonzeros(self, given: Sequence[Array]) -> Array:
        """Return those of its Jacobian, if that is sparse, by the colors of its columns."""
        pattern, colors = self.pattern, self.colors
        assert pattern is not None
        rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
        at = colors[pattern.indices] * pattern.shape[0] + rows
        products = pushes(lambda *each: self.pushed(given, each), self.like, colors)
        flat = jnp.concatenate([part.astype(self.dtype) for part in products], axis=1).reshape(-1)
        return flat.at[at].get(mode="promise_in_bounds", unique_indices=True)

    def _pull(self, given: Sequence[Array], cotangents: Sequence[Array]) -> list[Array]:
        zeros = [jnp.zeros(each.shape, each.dtype) for each in self.like]
        return list(jax.vjp(lambda *tangents: self.pushed(given, tangents), *zeros)[1](list(cotangents)))
