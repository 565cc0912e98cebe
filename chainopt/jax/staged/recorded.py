"""A traced function whose sparse Jacobian is the product of those of its stages."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.functions.sparse.derived import Derived
from chainopt.functions.sparse.products import places_in
from chainopt.functions.sparse.stages import joined, planned
from chainopt.jax.jaxprs import TracedJaxpr
from chainopt.jax.staged.apart import always_true
from chainopt.jax.staged.chain import multiplied
from chainopt.jax.staged.sections import ColoredSection
from chainopt.jax.staged.segments import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.sparse.blocks import Block
    from chainopt.functions.sparse.stages import Stage
    from chainopt.jax.linear_program import LinearProgram
    from chainopt.jax.staged.segments import Cut
    from chainopt.plan.plan import Plan
    from chainopt.structure.compression import Coloring
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array


MOST_MULTIPLICATIONS = 20_000_000  # whose places are listed: 160 MB


def staged(recorded: TracedJaxpr, program: LinearProgram, entries: Entries, products: int) -> StagedJaxpr | None:
    """Cut a function into stages, so that their colors and the products of their Jacobians cost least.

    Returns
    -------
    StagedJaxpr or None
        None where there are no stages.
    """
    segments = cut(program)
    stages = [] if segments is None else joined(segments.stages)
    if segments is None or len(stages) < 2:
        return None
    plan, cost = planned(stages)
    if plan.cost > MOST_MULTIPLICATIONS:
        return None
    saved = products * segments.work - cost
    return StagedJaxpr(recorded, program, segments.cuts, stages, plan, entries, cost=cost, saved=saved)


class StagedJaxpr(Derived[TracedJaxpr]):
    """A function as a jaxpr, whose derivative program is cut into stages.

    Parameters
    ----------
    recorded : TracedJaxpr
        The function.
    program : LinearProgram
        Its JVP.
    cuts : sequence of Cut
        Where the stages begin and end.
    stages : sequence of Stage
        In evaluation order.
    plan : Plan
        The order in which their Jacobians are multiplied.
    entries : scipy.sparse.csr_array of bool
        The pattern of the whole.
    cost, saved : int
        How many entries are passed over, and how many fewer that is than by coloring the whole.
    """

    def __init__(
        self,
        recorded: TracedJaxpr,
        program: LinearProgram,
        cuts: Sequence[Cut],
        stages: Sequence[Stage],
        plan: Plan,
        entries: Entries,
        *,
        cost: int,
        saved: int,
    ) -> None:
        super().__init__(recorded)
        self.program, self.stages, self.plan, self.entries = program, stages, plan, entries
        self.cost, self.saved = cost, saved
        ends = [cuts[0], *(cuts[stage.last] for stage in stages)]
        self.sections = [ColoredSection(program, *pair, stage) for pair, stage in zip(pairwise(ends), stages, strict=True)]
        self._chain = multiplied(plan, [stage.pattern for stage in stages])

    def compressed(
        self,
        coloring: Coloring,  # noqa: ARG002 -- each stage has its own
        blocks: Sequence[Block],
        chunk_size: int | None,
    ) -> Callable[[Sequence[Array], Sequence[Array] | None], list[Array]]:
        """Return what computes the nonzeros of each block, and then the further results, in one compiled computation."""
        recorded, outputs, inputs = self.recorded, len(self.shapes), len(self.recorded.inputs)
        places = places_in(self._chain.pattern, self.entries)
        is_whole = places.size == self._chain.pattern.nnz and bool((places == np.arange(places.size)).all())

        def compute(*primals: Array) -> list[Array]:
            always = always_true(primals[:inputs])
            matrices = self._matrices(primals, chunk_size, always)
            nonzeros = self._chain.run(matrices, always)
            if not is_whole:
                found = nonzeros.at[np.maximum(places, 0)].get(mode="promise_in_bounds") if nonzeros.size else 0
                nonzeros = jnp.where(places >= 0, found, 0)
            further = recorded.run(primals[:inputs], primals[inputs:])[outputs:]
            return [*(nonzeros[block.places].astype(self.dtypes[block.output]) for block in blocks), *further]

        compiled = jax.jit(compute)
        return lambda arrays, _: list(compiled(*arrays))

    def _matrices(self, primals: Sequence[Array], chunk_size: int | None, always: Array) -> list[Array]:
        """Return the nonzeros of each stage's Jacobian, in evaluation order."""
        known, matrices = self.program.start(primals), []
        for section in self.sections:
            known.update(section.fixed_values(known, always))
            matrices.append(section.nonzeros(known, always, chunk_size))
        return matrices
