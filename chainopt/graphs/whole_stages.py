"""The stages of traced code as Jacobians: each is differentiated as a whole, unless its Jacobian is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.chain.jacobian import Jacobian
from chainopt.graphs.edges import total_cost
from chainopt.graphs.scaled_matrix import scaled_matrix
from chainopt.structure.structures import Diagonal

if TYPE_CHECKING:
    from chainopt.graphs.computation_graph import ComputationGraph
    from chainopt.graphs.liveness import Stage
    from chainopt.structure.structure import Structure

SCALED = 8  # multiply-adds take as long as an entry of a matrix that is scaled, for it waits for memory
IMPOSSIBLE = 10**30  # costs the matrix of a stage without JVP and VJP: so much that no plan uses it where there is another


class WholeStages:
    """Makes the Jacobians of stages; none is made twice.

    A JVP or a VJP of a stage takes one of each of its operations. No variable inside is eliminated: that is what cuts are for.
    """

    def __init__(self, graph: ComputationGraph) -> None:
        assert graph.operations is not None
        self.graph, self.operations = graph, graph.operations
        self._known: dict[Stage, Jacobian] = {}

    def jacobian(self, stage: Stage) -> Jacobian:
        """Return what the planner is to know of a stage."""
        if stage not in self._known:
            self._known[stage] = self._jacobian(stage)
        return self._known[stage]

    def opaque(self, stage: Stage) -> Jacobian:
        """Return a stage as a library's own modes see it, which push identities through matrices that are at hand."""
        shape = self.graph.size(stage.outputs), self.graph.size(stage.inputs)
        steps = {self.operations.of[node] for node in stage.computed}
        operations = [self.operations.listed[step] for step in steps]
        jvp, vjp = total_cost(each.jvp for each in operations), total_cost(each.vjp for each in operations)
        accumulation = IMPOSSIBLE if jvp is None and vjp is None else None
        return Jacobian(shape, jvp_cost=jvp, vjp_cost=vjp, accumulation_cost=accumulation, tape=shape[1])

    def _jacobian(self, stage: Stage) -> Jacobian:
        opaque = self.opaque(stage)
        known = scaled_matrix(self.graph, stage)
        if known is None:
            return opaque
        accumulation = opaque.accumulation_cost
        structure: Structure | None
        if known.product is None:
            structure = Diagonal()
        else:
            entries = opaque.shape[0] * opaque.shape[1]
            structure = self.graph.partials[known.product].structure
            accumulation = entries * (SCALED if known.first or known.last else 1)
        return Jacobian(
            opaque.shape,
            jvp_cost=opaque.jvp_cost,
            vjp_cost=opaque.vjp_cost,
            accumulation_cost=accumulation,
            tape=opaque.tape,
            structure=structure,
        )
