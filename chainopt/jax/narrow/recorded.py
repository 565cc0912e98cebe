"""A traced function whose Jacobian is a sparse matrix plus the product of two thin ones, by variables that are held."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from chainopt.functions.sparse.narrow import Fixed
from chainopt.jax.compressed import gathered, pushes, vjps
from chainopt.jax.jaxprs import TracedJaxpr
from chainopt.jax.narrow.factors import left_factor, right_factor, zeros_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.sparse.blocks import Block
    from chainopt.functions.sparse.narrow import Split
    from chainopt.jax.linear_program import LinearProgram
    from chainopt.structure.compression import Coloring
    from chainopt.typing import Array


class NarrowJaxpr(Fixed[TracedJaxpr]):
    """A function as a jaxpr, of whose derivative program some narrow variables are held."""

    def __init__(self, recorded: TracedJaxpr, program: LinearProgram, split: Split) -> None:
        super().__init__(recorded, split)
        self.program = program

    @cached_property
    def has_factors(self) -> bool:
        """Whether there are VJPs of what is held."""
        if not self.rank:
            return True
        try:
            jax.eval_shape(lambda *primals: self._rows(primals, None), *self.recorded.inputs, *self.recorded.others)
        except Exception:  # noqa: BLE001 -- whatever a loop raises that cannot be pulled back through
            return False
        return True

    def read(self) -> list[Array]:
        """List nothing: what a function reads here does not change."""
        return []

    def is_current(self) -> bool:
        """Whether the pattern holds: as long as the jaxpr does."""
        return True

    def compressed(
        self, coloring: Coloring, blocks: Sequence[Block], chunk_size: int | None
    ) -> Callable[[Sequence[Array], Sequence[Array] | None], list[Array]]:
        """Return what computes the nonzeros of each block, the left factor by outputs, the right one by inputs, and the rest."""
        recorded, program = self.recorded, self.program
        outputs, inputs = len(self.shapes), recorded.inputs

        def compute(*primals: Array) -> list[Array]:
            nothing = zeros_of(self.split.held)

            def linear(*tangents: Array) -> list[Array]:
                return program.run(primals, tangents, nothing, program.outputs)

            fixed = [jnp.zeros(aval.shape, aval.dtype) for aval in inputs]
            by_outputs = pushes(linear, inputs, coloring.columns, chunk_size) if coloring.jvps else []
            by_inputs = vjps(linear, fixed, coloring.rows, chunk_size) if coloring.vjps else []
            further = recorded.run(primals[: len(inputs)], primals[len(inputs) :])[outputs:]
            return [
                *gathered(blocks, by_outputs, by_inputs, self.dtypes, coloring),
                *self._columns(primals, chunk_size),
                *self._rows(primals, chunk_size),
                *further,
            ]

        compiled = jax.jit(compute)
        return lambda arrays, _: list(compiled(*arrays))

    def _columns(self, primals: Sequence[Array], chunk_size: int | None) -> list[Array]:
        """Return the left factor: the derivative of each result by what is held."""
        parts = left_factor(self.program, self.split.held, primals, self.recorded.inputs, chunk_size)
        return [
            part.T.reshape((*axes, self.rank)).astype(kind)
            for part, axes, kind in zip(parts, self.shapes, self.dtypes, strict=True)
        ]

    def _rows(self, primals: Sequence[Array], chunk_size: int | None) -> list[Array]:
        """Return the right factor: the derivative of what is held by each input."""
        parts = right_factor(self.program, self.split.held, primals, self.recorded.inputs, chunk_size)
        return [part.reshape((self.rank, *aval.shape)) for part, aval in zip(parts, self.recorded.inputs, strict=True)]
