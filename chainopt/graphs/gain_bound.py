"""The most that a good order can gain, found without ordering anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.chain.chain import JacobianChain
from chainopt.chain.gain_bound import better
from chainopt.graphs.edges import IDENTITY
from chainopt.graphs.reader import read_graph
from chainopt.graphs.whole_stages import SCALED
from chainopt.numbers import ratio
from chainopt.structure.coloring import column_colors, row_colors

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import networkx as nx

    from chainopt.chain.jacobian import Jacobian
    from chainopt.graphs.computation_graph import ComputationGraph
    from chainopt.graphs.operations import Operations
    from chainopt.typing import Cost, Graph


def gain_bound(problem: JacobianChain | Sequence[Jacobian] | Graph) -> float | None:
    """Bound what any bracketing of JVPs and VJPs gains over the better pure mode.

    Parameters
    ----------
    problem : JacobianChain, networkx.DiGraph or networkx.MultiDiGraph
        A chain, or a graph as `linearize` takes it; for a graph the bound holds for all chains whose stages are accumulated by
        JVPs or VJPs as a whole. Additive skips are taken out first.

    Returns
    -------
    float or None
        ``min(n_in * sum(J), n_out * sum(V)) / (cut * sum(min(J, V)))``, where J and V are the costs of one JVP and one VJP of
        each stage, and ``cut`` is the smallest size in the chain, for a graph the smallest vertex cut. A stage that costs less
        than that, by an ``accumulation_cost`` or the colors of its structure, counts at its own cost. Infinite where neither
        pure mode is possible. None where a matrix is at hand, since no such bound holds then.

    Examples
    --------
    >>> from chainopt import Jacobian
    >>> gain_bound([Jacobian((100, 10), jvp_cost=5, vjp_cost=6), Jacobian((10, 100), jvp_cost=5, vjp_cost=6)])
    10.0
    """
    if hasattr(problem, "nodes"):
        return bound_of_graph(read_graph(problem))
    chain = problem if isinstance(problem, JacobianChain) else JacobianChain(problem)
    return chain.gain_bound


class _Part(NamedTuple):
    """What is differentiated at once: an edge, or an operation of traced code.

    Attributes
    ----------
    jvp, vjp : int or float, optional
        What one JVP and one VJP cost; at least one of the two is known.
    accumulation : int or float, optional
        What its matrix costs, where that is given.
    vectors : tuple of two ints, optional
        How many JVPs, and how many VJPs, make its matrix, where it has a structure.
    is_first, is_last : bool
        Whether it may be the whole of the stage where a forward sweep begins, or a reverse one.
    """

    jvp: Cost | None
    vjp: Cost | None
    accumulation: Cost | None
    vectors: tuple[int, int] | None
    is_first: bool
    is_last: bool

    def least(self, cut: int) -> Cost:
        """Return the least that it costs where matrices have at least that many rows and columns."""
        columns, rows = (cut, cut) if self.vectors is None else (min(cut, count) for count in self.vectors)
        by_mode = [count * cost for count, cost in ((columns, self.jvp), (rows, self.vjp)) if cost is not None]
        return min(by_mode if self.accumulation is None else (*by_mode, self.accumulation))

    def swept(self, columns: int, rows: int) -> tuple[Cost | None, Cost | None]:
        """Return the most that it costs a forward and a reverse sweep; where they begin, even an expensive accumulation."""
        costs = []
        for count, cost, is_begin in ((columns, self.jvp, self.is_first), (rows, self.vjp, self.is_last)):
            known = is_begin and self.accumulation is not None
            costs.append(None if cost is None else max(count * cost, self.accumulation or 0) if known else count * cost)
        return costs[0], costs[1]


def bound_of_graph(graph: ComputationGraph) -> float | None:
    """Return the same for a graph that has been read."""
    parts = _edges_of(graph) if graph.operations is None else _operations_of(graph, graph.operations)
    if not parts or any(part.jvp is part.vjp is None for part in parts):
        return None
    cut = smallest_cut(graph)
    sweeps = [part.swept(graph.size(graph.sources), graph.size(graph.targets)) for part in parts]
    least: Cost = sum(part.least(cut) for part in parts)
    return ratio(better([forward for forward, _ in sweeps], [reverse for _, reverse in sweeps]), least)


def _edges_of(graph: ComputationGraph) -> list[_Part]:
    sources, targets = set(graph.sources), set(graph.targets)
    parts = []
    for (tail, head), partial in graph.partials.items():
        if partial is IDENTITY:
            continue
        structure, shape = partial.structure, (graph.sizes[head], graph.sizes[tail])
        vectors = None if structure is None else (column_colors(structure, shape), row_colors(structure, shape))
        parts.append(_Part(*partial.given, vectors, tail in sources, head in targets))
    return parts


def _operations_of(graph: ComputationGraph, operations: Operations) -> list[_Part]:
    sources, targets = set(graph.sources), set(graph.targets)
    parts = []
    for operation in operations.listed:
        edges = [(tail, head) for head in operation.heads for tail in graph.flow.tails[head]]
        vectors = (1, 1) if operations.entrywise.issuperset(edges) else None
        entries = sum(graph.sizes[tail] * graph.sizes[head] for tail, head in edges)
        accumulation = SCALED * entries if operations.matrices.issuperset(edges) else None
        is_first, is_last = any(tail in sources for tail, _ in edges), not targets.isdisjoint(operation.heads)
        parts.append(_Part(operation.jvp, operation.vjp, accumulation, vectors, is_first, is_last))
    return parts


def smallest_cut(graph: ComputationGraph) -> int:
    """Return the least total size of variables that all paths pass through."""
    import networkx as nx

    split: nx.DiGraph[Hashable] = nx.DiGraph()
    for node in graph.flow.tails:
        split.add_edge((node, "in"), (node, "out"), capacity=graph.sizes[node])
    for tail, head in graph.flow.edges():
        split.add_edge((tail, "out"), (head, "in"))  # without a capacity, an edge bears any flow
    split.add_edges_from(("inputs", (node, "in")) for node in graph.sources if node in graph.flow)
    split.add_edges_from(((node, "out"), "outputs") for node in graph.targets if node in graph.flow)
    if "inputs" not in split:
        return 0
    return int(nx.maximum_flow_value(split, "inputs", "outputs"))
