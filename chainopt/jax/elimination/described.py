"""A graph of partial derivatives as the graph that `optimal_elimination` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.graphs.optimal_elimination import optimal_elimination
from chainopt.jax.elimination.eliminate import State
from chainopt.structure.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.graphs.elimination.result import Elimination
    from chainopt.jax.elimination.slopes import Graph

SECONDS = 1.0


def elimination_of(graph: Graph, rows: Sequence[int]) -> Elimination:
    """Find a cheap order for a graph of partial derivatives, without the vertices that any order eliminates first.

    Parameters
    ----------
    graph : Graph
    rows : sequence of int
        The vertex of each row of the Jacobian, or -1.
    """
    import networkx as nx

    state = State(graph, rows)
    state.contract()
    described: nx.DiGraph[str] = nx.DiGraph()
    names = {vertex: _name(vertex, graph.sources) for vertex in (*range(graph.sources), *state.into)}
    described.add_nodes_from(names.values())
    for head, edges in state.into.items():
        for tail, partial in edges.items():
            kind = {"structure": Identity()} if graph.code.is_unit(partial) else {}
            described.add_edge(names[tail], names[head], **kind)
    inputs, outputs = [names[vertex] for vertex in range(graph.sources)], [names[row] for row in state.rows]
    if not outputs:  # the Jacobian is zero
        outputs = [_name(-2, graph.sources)]
        described.add_nodes_from(outputs)
    return optimal_elimination(described, inputs=inputs, outputs=outputs, time_limit=SECONDS)


def _name(vertex: int, sources: int) -> str:
    if vertex < 0:
        return f"y{-2 - vertex}"
    return f"x{vertex}" if vertex < sources else f"v{vertex}"
