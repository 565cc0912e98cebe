"""How much a good order can win at most, found without ordering anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainopt.chain.chain import JacobianChain
from chainopt.chain.gain_bound import better, swept
from chainopt.graphs.edges import IDENTITY
from chainopt.graphs.reader import read_graph
from chainopt.numbers import ratio

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from chainopt.graphs.computation_graph import ComputationGraph
    from chainopt.graphs.edges import Edge
    from chainopt.typing import Cost


def gain_bound(problem: JacobianChain | Any) -> float | None:
    """Bound what any bracketing of JVPs and VJPs gains over the better pure mode.

    Parameters
    ----------
    problem : JacobianChain, networkx.DiGraph or networkx.MultiDiGraph
        A chain, or a graph as `linearize` takes it; for a graph the bound holds for all chains whose stages are accumulated by
        JVPs or VJPs as a whole. Additive skips are peeled before.

    Returns
    -------
    float or None
        ``min(n_in * sum(J), n_out * sum(V)) / (cut * sum(min(J, V)))``, where J and V are what one JVP and one VJP of each
        stage costs, and ``cut`` is the smallest size in the chain, of a graph the smallest vertex cut. Infinite where neither
        pure mode is possible. None where a matrix is at hand: there no such bound holds.

    Examples
    --------
    >>> from chainopt import Jacobian
    >>> gain_bound([Jacobian((100, 10), jvp_cost=5, vjp_cost=6), Jacobian((10, 100), jvp_cost=5, vjp_cost=6)])
    10.0
    """
    if hasattr(problem, "nodes"):
        return _bound_of_graph(read_graph(problem))
    chain = problem if isinstance(problem, JacobianChain) else JacobianChain(problem)
    return chain.gain_bound


def _bound_of_graph(graph: ComputationGraph) -> float | None:
    given = {edge: partial.given for edge, partial in graph.partials.items() if partial is not IDENTITY}
    if any(jvp is vjp is None for jvp, vjp, _ in given.values()) or not given:
        return None
    cut = smallest_cut(graph)
    least: Cost = 0
    for jvp, vjp, accumulation in given.values():
        through = cut * _least(jvp, vjp)
        least += through if accumulation is None else min(accumulation, through)
    return ratio(better(_swept(graph, given, 0), _swept(graph, given, 1)), least)


def _swept(graph: ComputationGraph, given: Mapping[Edge, tuple[Cost | None, ...]], mode: int) -> list[Cost | None]:
    """Return what each edge costs a forward sweep (mode 0) at the most, or a reverse one (mode 1).

    One that is the whole of the stage where the sweep begins is accumulated at what is given, even where that is dear.
    """
    ends = graph.targets if mode else graph.sources
    costs = swept(sum(graph.sizes[node] for node in ends), [costs[mode] for costs in given.values()])
    for at, (edge, (*_, accumulation)) in enumerate(given.items()):
        cost = costs[at]
        if cost is not None and accumulation is not None and edge[1 if mode else 0] in ends:
            costs[at] = max(cost, accumulation)
    return costs


def smallest_cut(graph: ComputationGraph) -> int:
    """Return the least total size of variables that all paths pass through."""
    import networkx as nx

    split: nx.DiGraph[Hashable] = nx.DiGraph()
    for node in graph.flow.tails:
        split.add_edge((node, "in"), (node, "out"), capacity=graph.sizes[node])
    for tail, head in graph.flow.edges():
        split.add_edge((tail, "out"), (head, "in"))  # without a capacity, an edge bears any flow
    split.add_edges_from(("inputs", (node, "in")) for node in graph.sources if node in graph.flow.tails)
    split.add_edges_from(((node, "out"), "outputs") for node in graph.targets if node in graph.flow.tails)
    if "inputs" not in split:
        return 0
    return int(nx.maximum_flow_value(split, "inputs", "outputs"))


def _least(jvp: Cost | None, vjp: Cost | None) -> Cost:
    return min(cost for cost in (jvp, vjp) if cost is not None)
