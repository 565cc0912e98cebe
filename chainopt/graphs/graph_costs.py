"""What the classic orders of elimination cost in a graph, and a lower bound for any order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.graphs.elimination.component_graph import uncompiled_bound
from chainopt.graphs.elimination.greedy import forward, reverse
from chainopt.graphs.elimination.problem import problem_of
from chainopt.graphs.elimination.replay import cost_of
from chainopt.graphs.elimination.subsets import by_subsets
from chainopt.graphs.gain_bound import bound_of_graph
from chainopt.numbers import ratio
from chainopt.plan.graph_costs import GraphCosts

if TYPE_CHECKING:
    from chainopt.graphs.computation_graph import ComputationGraph
    from chainopt.graphs.elimination.problem import EliminationProblem
    from chainopt.typing import Cost

MOST_VERTICES, MOST_STRUCTURED = 2_000, 200  # whose orders are replayed in less time than the graph is cut in
FEW, SOME = 6, 40  # vertices up to which the best order, and all vertex cuts, are found in some milliseconds without a compiler


def costs_of_graph(graph: ComputationGraph, stages: int) -> GraphCosts | None:
    """Return what is known of a graph whose edges stand for themselves; None where it is too large.

    Parameters
    ----------
    graph : ComputationGraph
    stages : int
        Into how many it was cut.
    """
    problem = problem_of(graph, [], [])
    if problem.count > (MOST_STRUCTURED if problem.kinds is None else MOST_VERTICES):
        return None
    is_path = stages == problem.count + 1 == len(problem.edges)
    if problem.is_matrix_free:
        return GraphCosts(None, 0, bound_of_graph(graph), is_path, graph.model.name)
    by_forward, by_reverse = (cost_of(problem, order(problem)) for order in (forward, reverse))
    assert by_forward is not None
    assert by_reverse is not None
    least = _lower_bound(problem)
    gain = ratio(min(by_forward, by_reverse), least) if least > 0 else None
    return GraphCosts((by_forward, by_reverse), least, gain, is_path, graph.model.name)


def _lower_bound(problem: EliminationProblem) -> Cost:
    if problem.count <= FEW:
        return cost_of(problem, by_subsets(problem)) or 0
    return 0 if problem.kinds is None or problem.count > SOME else uncompiled_bound(problem)
