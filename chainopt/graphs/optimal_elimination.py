"""The best order in which to eliminate the vertices of a graph: the door."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal, TypeAlias

from chainopt.graphs.elimination.budget import Budget
from chainopt.graphs.elimination.problem import problem_of
from chainopt.graphs.elimination.result import Elimination
from chainopt.graphs.elimination.search import search
from chainopt.graphs.reader import read_graph
from chainopt.numbers import counted
from chainopt.report.progress import search_progress

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from chainopt.typing import Graph

LOGGER = logging.getLogger("chainopt")
EliminationMethod: TypeAlias = Literal["auto", "exact", "annealing", "markowitz", "relative-markowitz", "forward", "reverse"]


def optimal_elimination(
    graph: Graph,
    *,
    inputs: Sequence[Hashable] | None = None,
    outputs: Sequence[Hashable] | None = None,
    method: EliminationMethod = "auto",
    time_limit: float | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Elimination:
    """Find a cheap order in which to eliminate the intermediate vertices of a computation graph, and prove as much as possible.

    To eliminate a vertex is to multiply every edge into it by every edge out of it, and to add each product to the edge that it
    parallels; when all are eliminated, the edges from inputs to outputs are the Jacobian.

    Parameters
    ----------
    graph : networkx.DiGraph or networkx.MultiDiGraph
        As `linearize` takes it.
    inputs, outputs : sequence of nodes, optional
        The columns and rows, in their order; by default the sources and the sinks.
    method : {"auto", "exact", "annealing", "markowitz", "relative-markowitz", "forward", "reverse"}
        "exact" searches until it has a proof, "annealing" improves the cheapest classic order by threshold accepting, "auto" does
        both as far as they pay. "markowitz" always eliminates the vertex that is cheapest at that point, "relative-markowitz" the
        one furthest below what it would cost as the last one. "forward" and "reverse" are the topological order and its reverse.
    time_limit : float, optional
        In seconds. Without one, the search stops after a fixed amount of work, which takes a few seconds, and gives the same
        order again. Orders are improved in all cores, each from random numbers of its own.
    seed : int
        What the random numbers of "annealing" begin with.
    progress : bool
        Whether to write a line a second on standard error: the cost, and the lower bound.

    Returns
    -------
    Elimination
        With ``order``, ``cost``, ``lower_bound``, ``is_optimal``, and ``execute`` for the Jacobian.

    Raises
    ------
    ChainError
        If the graph has a cycle, sizes or shapes do not fit, there are no inputs or outputs, or an option is unknown.

    Notes
    -----
    A vertex costs, for each predecessor and successor, the product of the three sizes; with structured edges, what their
    product takes: nothing with an identity, and with a diagonal matrix one multiplication for each entry of the other edge.

    What a vertex costs depends on which vertices have gone before, not on their order. So the cost of a connected set is the
    least, over the vertex that goes last, of that vertex's cost between all that reaches it through the set and all that it
    reaches, plus the costs of the components that it leaves. On a path the sets are intervals, and this is the dynamic program
    for matrix chains that `optimal_order` runs: bracketing is vertex elimination on a path. For other graphs the problem is
    believed to be hard [2]_; a lower bound by vertex cuts prunes the search. For up to 25 vertices, a table holds all sets;
    for more than 62 no proof is tried, and the lower bound is that of groups of vertices, each in its best order.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapters 9 and 10.
    .. [2] U. Naumann, "Optimal accumulation of Jacobian matrices by elimination methods on the dual computational graph",
       Math. Program. 99 (2004).

    Examples
    --------
    >>> import networkx
    >>> from chainopt import optimal_elimination
    >>> graph = networkx.DiGraph()
    >>> graph.add_nodes_from([("x", {"size": 2}), ("a", {"size": 3}), ("b", {"size": 4}), ("y", {"size": 5})])
    >>> networkx.add_path(graph, ["x", "a", "b", "y"])
    >>> elimination = optimal_elimination(graph)
    >>> elimination.order, elimination.cost, elimination.is_optimal
    (('a', 'b'), 64, True)
    """
    budget = Budget(time_limit)
    read = read_graph(graph, inputs, outputs, is_peeled=False)
    ends = [[read.names[node] for node in nodes] for nodes in (read.sources, read.targets)]
    problem = problem_of(read, _beside(graph, *ends), graph.edges())
    with search_progress("cost") if progress else nullcontext() as report:
        budget.report = report
        elimination = Elimination(problem, search(problem, method, seed, budget))
    vertices = counted(len(elimination.order), "vertex", "vertices")
    found = vertices, elimination.method, time.monotonic() - budget.begin, elimination.cost, elimination.lower_bound
    LOGGER.info("eliminated %s by %s in %.3g s: %s, at least %s", *found)
    return elimination


def _beside(graph: Graph, inputs: list[Hashable], outputs: list[Hashable]) -> list[Hashable]:
    """Return the vertices on no path from an input to an output: first what depends on no input, then, backwards, the others."""
    import networkx as nx

    ends = {*inputs, *outputs}
    reached, reaching = _reached(graph, inputs), _reached(graph.reverse(copy=False), outputs)
    order = [node for node in nx.topological_sort(graph) if node not in ends]
    constants = [node for node in order if node not in reached]
    return [*constants, *(node for node in order[::-1] if node in reached and node not in reaching)]


def _reached(graph: Graph, nodes: list[Hashable]) -> set[Hashable]:
    reached, pending = set(nodes), list(nodes)
    while pending:
        new = [node for node in graph.successors(pending.pop()) if node not in reached]
        reached.update(new)
        pending += new
    return reached
