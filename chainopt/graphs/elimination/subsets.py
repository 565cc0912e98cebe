"""The best order of few vertices whose edges have any structure: dynamic programming over which of them have gone."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from chainopt.graphs.elimination.vertex_elimination import VertexElimination

if TYPE_CHECKING:
    from chainopt.graphs.elimination.problem import EliminationProblem
    from chainopt.typing import Cost

FEW = 10


def by_subsets(problem: EliminationProblem) -> list[int]:
    """Return the best order, by dynamic programming over sets of vertices.

    Parameters
    ----------
    problem : EliminationProblem
        With at most `FEW` vertices, none of its edges matrix-free.
    """
    start = VertexElimination(problem.stage, problem.edges, problem.sizes, problem.model)
    states: dict[int, tuple[Cost, list[int], VertexElimination]] = {0: (0, [], start)}
    for _ in range(problem.count):
        larger: dict[int, tuple[Cost, list[int], VertexElimination]] = {}
        for gone, (spent, order, elimination) in states.items():
            for vertex in range(problem.count):
                if gone >> vertex & 1:
                    continue
                after = _copied(elimination)
                cost = spent + after.eliminate(vertex)
                known = larger.get(gone | 1 << vertex)
                if known is None or cost < known[0]:
                    larger[gone | 1 << vertex] = cost, [*order, vertex], after
        states = larger
    ((_, order, _),) = states.values()
    return order


def _copied(elimination: VertexElimination) -> VertexElimination:
    other = copy(elimination)
    other.before = {node: edges.copy() for node, edges in elimination.before.items()}
    other.after = {node: edges.copy() for node, edges in elimination.after.items()}
    return other
