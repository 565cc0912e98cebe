"""The cheapest of several chains along several lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from chainopt.chain.gain_bound import least_possible
from chainopt.ordering.order import step_order
from chainopt.plan.graph_chain import GraphChain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.chain.jacobian import Jacobian
    from chainopt.graphs.computation_graph import ComputationGraph
    from chainopt.graphs.liveness import Line, Stage
    from chainopt.plan.plan import Plan
    from chainopt.typing import Cost

FINALISTS = 4
Rank: TypeAlias = "tuple[Cost, ...]"


@dataclass(frozen=True)
class Candidate:
    """A chain that was ordered, and how it was cut; stages and Jacobians are in product order."""

    chain: GraphChain
    plan: Plan
    jacobians: list[Jacobian]
    stages: list[Stage]
    line: Line
    cuts: tuple[int, ...]


class CutSearch:
    """Keeps the cheapest chains of those that it is shown.

    Parameters
    ----------
    graph : ComputationGraph
    jacobian : callable
        Returns what the planner is to know of a stage.
    rank : callable
        Of two candidates the one with the smaller rank is better.
    """

    def __init__(self, graph: ComputationGraph, jacobian: Callable[[Stage], Jacobian], rank: Callable[[Candidate], Rank]) -> None:
        self.graph, self.jacobian, self.rank = graph, jacobian, rank
        self.finalists: list[Candidate] = []  # the best first
        self._seen: set[tuple[Stage, ...]] = set()

    def consider(self, line: Line, cuts: Sequence[int]) -> None:
        """Order one more chain, unless even its lower bound is too much."""
        stages = line.stages(cuts)[::-1]
        if tuple(stages) in self._seen:
            return
        self._seen.add(tuple(stages))
        candidate = self.ordered([self.jacobian(stage) for stage in stages], stages, line, tuple(cuts))
        if candidate is not None:
            self.finalists = sorted([*self.finalists, candidate], key=self.rank)[:FINALISTS]

    def move_cuts(self) -> None:
        """Add and take away cuts of the best chain, one by one, as long as that helps."""
        before = None
        while before is not self.finalists[0]:
            before = self.finalists[0]
            for position in before.line.positions:
                self.consider(before.line, sorted({*before.cuts} ^ {position}))

    def cut(self, line: Line, cuts: Sequence[int]) -> Candidate:
        """Order the chain with these cuts, whatever it may cost."""
        stages = line.stages(cuts)[::-1]
        jacobians = [self.jacobian(stage) for stage in stages]
        return self._candidate(self._chain(jacobians, stages), jacobians, stages, line, tuple(cuts))

    def ordered(self, jacobians: list[Jacobian], stages: list[Stage], line: Line, cuts: tuple[int, ...]) -> Candidate | None:
        """Order a chain; None where even its lower bound is too much.

        Parameters
        ----------
        jacobians, stages : list
            The factors, in product order, and their stages.
        line, cuts : Line and tuple of int
            How they were cut.
        """
        chain = self._chain(jacobians, stages)
        can_win = len(self.finalists) < FINALISTS or self._can_win(chain)
        return self._candidate(chain, jacobians, stages, line, cuts) if can_win else None

    def _chain(self, jacobians: list[Jacobian], stages: list[Stage]) -> GraphChain:
        names = [tuple([self.graph.names[node] for node in stage.computed]) for stage in stages]
        return GraphChain(jacobians, names, self.graph.notes, self.graph.skips)

    def _candidate(
        self, chain: GraphChain, jacobians: list[Jacobian], stages: list[Stage], line: Line, cuts: tuple[int, ...]
    ) -> Candidate:
        plan = step_order(chain, objective=self.graph.model)
        return Candidate(chain, plan, jacobians, stages, line, cuts)

    def _can_win(self, chain: GraphChain) -> bool:
        """Whether a chain may cost less than the last of the finalists, by the bound on what any order can gain."""
        least = least_possible(chain.dims, chain.stage_costs, chain.structures)
        return least is None or least <= self.finalists[-1].plan.cost
