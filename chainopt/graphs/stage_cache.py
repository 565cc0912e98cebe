"""The stages between cuts, as Jacobians."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from chainopt.chain.jacobian import Jacobian
from chainopt.graphs.edges import IDENTITY
from chainopt.graphs.elimination.orders import FEW, best
from chainopt.graphs.elimination.vertex_elimination import Stage
from chainopt.graphs.price import Price
from chainopt.graphs.stage_structure import has_few_colors, structure_of
from chainopt.structure.structures import Identity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from chainopt.graphs.computation_graph import Network
    from chainopt.graphs.elimination.orders import Elimination
    from chainopt.graphs.elimination.vertex_elimination import Links
    from chainopt.graphs.liveness import Line
    from chainopt.typing import Cost

WORK = 100_000  # products up to which elimination is tried in a stage


class Workshop:
    """Makes the Jacobians of stages; one that was made already is not made again, nor what is like it but for its names.

    ``is_thorough`` says whether the orders of elimination are improved, which takes several times as long as to find them.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.price = Price(network.model)
        self.is_thorough = True
        self._made: dict[tuple[Stage, bool], Jacobian] = {}
        self._found: dict[Any, Elimination] = {}

    def stages(self, line: Line, cuts: Sequence[int]) -> list[Stage]:
        """Return the stages between some cuts, in evaluation order."""
        states = line.states(self.network, cuts)
        bounds = pairwise((0, *cuts, len(line.order)))
        return [Stage(*ends, tuple(line.order[begin:end])) for ends, (begin, end) in zip(pairwise(states), bounds, strict=True)]

    def jacobian(self, stage: Stage) -> Jacobian:
        """Return what the planner is to know of a stage."""
        key = stage, self._is_refined(stage)
        if key not in self._made:
            self._made[key] = self._jacobian(stage)
        return self._made[key]

    def names(self, stage: Stage) -> tuple[Any, ...]:
        """Name what a stage computes."""
        return tuple(self.network.names[node] for node in stage.computed)

    def inside(self, stage: Stage, links: Links) -> Links:
        """Return the edges into what a stage computes."""
        before = self.network.graph.pred
        return {(tail, head): links[tail, head] for head in stage.computed for tail in before[head]}

    def order(self, stage: Stage) -> list[int]:
        """Return the order in which the variables of a stage are eliminated."""
        at = self._eliminated(stage, self.inside(stage, self.network.links)).order
        return [stage.computed[position] for position in at]

    def structured(self, stage: Stage) -> Jacobian:
        """Return what the planner is to know of a stage, with its structure where it has one."""
        plain = self.jacobian(stage)
        if plain.structure is not None:
            return plain
        structure = structure_of(stage, self.inside(stage, self.network.links), self.network.sizes)
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

    def _eliminated(self, stage: Stage, links: Links) -> Elimination:
        """Find the best order of elimination, as positions among the variables that the stage computes."""
        numbers = {node: at for at, node in enumerate(dict.fromkeys((*stage.inputs, *stage.computed, *stage.outputs)))}
        like = Stage(*(tuple([numbers[node] for node in nodes]) for nodes in stage))
        sizes = [self.network.sizes[node] for node in numbers]
        inner = {(numbers[tail], numbers[head]): link for (tail, head), link in links.items()}
        refine = self._is_refined(stage)
        key = (
            refine,
            like,
            tuple(sizes),
            tuple((edge, *link[:3], id(link.pattern), link is IDENTITY) for edge, link in inner.items()),
        )
        if key not in self._found:
            found = best(like, inner, sizes, self.price, refine=refine)
            self._found[key] = found._replace(order=[node - len(stage.inputs) for node in found.order])
        return self._found[key]

    def _jacobian(self, stage: Stage) -> Jacobian:
        rows, columns = (sum(self.network.sizes[node] for node in nodes) for nodes in (stage.outputs, stage.inputs))
        links = self.inside(stage, self.network.links)
        if len(stage.inputs) == len(stage.outputs) == len(links) == 1 and (link := next(iter(links.values()))) is not IDENTITY:
            return link.jacobian((rows, columns))
        jvps = [link.jvp for link in links.values()]
        vjps = [link.vjp for link in links.values()]
        jvp, vjp = (None if None in costs else sum(cost for cost in costs if cost is not None) for costs in (jvps, vjps))
        by_modes = [size * cost for size, cost in ((columns, jvp), (rows, vjp)) if cost is not None]
        accumulation: Cost | None = None
        if not by_modes or len(links) * min(len(stage.inputs), len(stage.outputs)) <= WORK:
            accumulation = self._eliminated(stage, links).cost
            if by_modes and min(by_modes) <= accumulation:
                accumulation = None  # what is said of the modes says it
        tape = sum(link.tape for link in links.values())
        is_identity = stage.inputs == stage.outputs or (len(stage.inputs) == len(stage.outputs) == len(links) == 1)
        structure = Identity() if is_identity else None  # which is all there is to know of one
        return Jacobian(
            (rows, columns), jvp_cost=jvp, vjp_cost=vjp, accumulation_cost=accumulation, tape=tape, structure=structure
        )
