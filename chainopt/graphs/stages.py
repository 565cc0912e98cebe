"""The stages between cuts, as Jacobians."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from chainopt.graphs.elimination import Stage, accumulated, best
from chainopt.graphs.links import IDENTITY
from chainopt.jacobian import Jacobian

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from chainopt.details import Cost
    from chainopt.graphs.cuts import Line
    from chainopt.graphs.elimination import Links
    from chainopt.graphs.network import Network

WORK = 100_000  # products up to which elimination is tried in a stage


class Workshop:
    """Makes the Jacobians of stages; one that was made already is not made again."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._made: dict[Stage, Jacobian] = {}

    def stages(self, line: Line, cuts: Sequence[int]) -> list[Stage]:
        """Return the stages between some cuts, in evaluation order."""
        states = line.states(self.network, cuts)
        bounds = pairwise((0, *cuts, len(line.order)))
        return [Stage(*ends, tuple(line.order[begin:end])) for ends, (begin, end) in zip(pairwise(states), bounds, strict=True)]

    def jacobian(self, stage: Stage) -> Jacobian:
        """Return what the planner is to know of a stage."""
        if stage not in self._made:
            self._made[stage] = self._jacobian(stage)
        return self._made[stage]

    def matrix(self, stage: Stage, links: Links) -> NDArray[Any]:
        """Return the matrix of a stage, where those of all edges are known."""
        return accumulated(stage, self._inside(stage, links), self.network.sizes, self.price)

    def names(self, stage: Stage) -> tuple[Any, ...]:
        """Name what a stage computes."""
        return tuple(self.network.names[node] for node in stage.computed)

    def price(self, m: int, k: int, n: int) -> Cost:
        """Return what a product of an m x k and a k x n matrix costs, in the unit of the edges."""
        model = self.network.model
        return m * k * n if model is None else float(model.products(m, k, n))  # type: ignore[arg-type]

    def _inside(self, stage: Stage, links: Links) -> Links:
        before = self.network.graph.pred
        return {(tail, head): links[tail, head] for head in stage.computed for tail in before[head]}

    def _shape(self, stage: Stage) -> tuple[int, int]:
        rows, columns = (sum(self.network.sizes[node] for node in nodes) for nodes in (stage.outputs, stage.inputs))
        return rows, columns

    def _jacobian(self, stage: Stage) -> Jacobian:
        shape = self._shape(stage)
        links = self._inside(stage, self.network.links)
        if len(stage.inputs) == len(stage.outputs) == len(links) == 1 and (link := next(iter(links.values()))) is not IDENTITY:
            return link.jacobian(shape)
        jvps = [link.jvp for link in links.values()]
        vjps = [link.vjp for link in links.values()]
        jvp, vjp = (None if None in costs else sum(cost for cost in costs if cost is not None) for costs in (jvps, vjps))
        by_modes = [size * cost for size, cost in ((shape[1], jvp), (shape[0], vjp)) if cost is not None]
        accumulation: Cost | None = None
        if not by_modes or len(links) * min(len(stage.inputs), len(stage.outputs)) <= WORK:
            accumulation, _ = best(stage, links, self.network.sizes, self.price)
            if by_modes and min(by_modes) <= accumulation:
                accumulation = None  # what is said of the modes says it
        tape = sum(link.tape for link in links.values())
        return Jacobian(shape, jvp_cost=jvp, vjp_cost=vjp, accumulation_cost=accumulation, tape=tape)
