"""The stages between cuts as Jacobians, whose matrices may be accumulated by vertex elimination."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.chain.jacobian import Jacobian
from chainopt.graphs.edges import IDENTITY, total_cost
from chainopt.graphs.elimination.orders import FEW, cheapest_order
from chainopt.graphs.liveness import Stage
from chainopt.graphs.stage_structure import has_few_colors, structure_of
from chainopt.structure.structures import Identity

if TYPE_CHECKING:
    from collections.abc import Hashable

    from chainopt.graphs.computation_graph import ComputationGraph
    from chainopt.graphs.elimination.orders import Elimination
    from chainopt.graphs.elimination.vertex_elimination import Partials
    from chainopt.typing import Cost

WORK = 100_000  # products up to which elimination is tried in a stage


class StageCache:
    """Makes the Jacobians of stages; none is made twice, nor are those that differ only in names.

    ``is_thorough`` says whether the orders of elimination are improved, which takes several times as long as finding them.
    """

    def __init__(self, graph: ComputationGraph) -> None:
        self.graph = graph
        self.is_thorough = True
        self._jacobians: dict[tuple[Stage, bool], Jacobian] = {}
        self._eliminations: dict[Hashable, Elimination] = {}

    def jacobian(self, stage: Stage) -> Jacobian:
        """Return what the planner is to know of a stage."""
        key = stage, self._is_refined(stage)
        if key not in self._jacobians:
            self._jacobians[key] = self._jacobian(stage)
        return self._jacobians[key]

    def elimination_order(self, stage: Stage) -> list[int]:
        """Return the order in which the variables of a stage are eliminated."""
        positions = self._elimination(stage, self.graph.edges_into(stage.computed)).order
        return [stage.computed[position] for position in positions]

    def structured(self, stage: Stage) -> Jacobian:
        """Return what the planner is to know of a stage, with its structure where it has one."""
        plain = self.jacobian(stage)
        if plain.structure is not None:
            return plain
        structure = structure_of(stage, self.graph.edges_into(stage.computed), self.graph.sizes)
        if structure is None or (plain.is_matrix_free and plain.accumulation_cost is None and not has_few_colors(structure)):
            return plain
        return Jacobian(
            plain.shape,
            jvp_cost=plain.jvp_cost,
            vjp_cost=plain.vjp_cost,
            accumulation_cost=plain.accumulation_cost,
            tape=plain.tape,
            structure=structure,
        )

    def _is_refined(self, stage: Stage) -> bool:
        return self.is_thorough and len(stage.computed) <= FEW

    def _elimination(self, stage: Stage, partials: Partials) -> Elimination:
        """Find the best order of elimination, as positions among the variables that the stage computes."""
        numbers = {node: number for number, node in enumerate(dict.fromkeys((*stage.inputs, *stage.computed, *stage.outputs)))}
        alike = Stage(*(tuple([numbers[node] for node in nodes]) for nodes in stage))
        sizes = [self.graph.sizes[node] for node in numbers]
        renumbered = {(numbers[tail], numbers[head]): partial for (tail, head), partial in partials.items()}
        refine = self._is_refined(stage)
        edges = tuple((edge, *partial[:3], id(partial.pattern), partial is IDENTITY) for edge, partial in renumbered.items())
        key = refine, alike, tuple(sizes), edges
        if key not in self._eliminations:
            elimination = cheapest_order(alike, renumbered, sizes, self.graph.model, refine=refine)
            self._eliminations[key] = elimination._replace(order=[node - len(stage.inputs) for node in elimination.order])
        return self._eliminations[key]

    def _jacobian(self, stage: Stage) -> Jacobian:
        rows, columns = self.graph.size(stage.outputs), self.graph.size(stage.inputs)
        partials = self.graph.edges_into(stage.computed)
        is_one_edge = len(stage.inputs) == len(stage.outputs) == len(partials) == 1
        if is_one_edge and (partial := next(iter(partials.values()))) is not IDENTITY:
            return partial.jacobian((rows, columns))
        jvp = total_cost(partial.jvp for partial in partials.values())
        vjp = total_cost(partial.vjp for partial in partials.values())
        by_modes = [size * cost for size, cost in ((columns, jvp), (rows, vjp)) if cost is not None]
        accumulation: Cost | None = None
        if not by_modes or len(partials) * min(len(stage.inputs), len(stage.outputs)) <= WORK:
            accumulation = self._elimination(stage, partials).cost
            if by_modes and min(by_modes) <= accumulation:
                accumulation = None  # which is what the modes cost anyway
        tape = sum(partial.tape for partial in partials.values())
        structure = Identity() if stage.inputs == stage.outputs or is_one_edge else None  # which is all there is to know of one
        return Jacobian(
            (rows, columns), jvp_cost=jvp, vjp_cost=vjp, accumulation_cost=accumulation, tape=tape, structure=structure
        )
