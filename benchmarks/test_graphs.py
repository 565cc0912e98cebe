"""What does it cost to linearize a graph? Beside a topological sort and the dominators of networkx, which any method needs."""

import networkx as nx
import numpy as np
import pytest

from chainopt.graphs.linearize import linearize

GROUP = "From a graph to a chain"


def path(nodes):
    return nx.path_graph(nodes, create_using=nx.DiGraph)


def blocks(nodes):
    """Make residual blocks one after the other: three layers and a skip, with costs."""
    graph = nx.DiGraph()
    for at in range(0, nodes, 4):
        a, b, c, d, e = range(at, at + 5)
        graph.add_edges_from([(a, b), (b, c), (c, d), (d, e), (a, e)], jvp_cost=100, vjp_cost=200)
    nx.set_node_attributes(graph, {node: 8 if node % 400 == 0 else 64 for node in graph}, "size")
    return graph


def layers(nodes):
    """Make layers of ten variables, each of which depends on three of the layer before."""
    rng = np.random.default_rng(0)
    graph = nx.DiGraph()
    for head in range(10, nodes):
        first = head // 10 * 10 - 10
        graph.add_edges_from(((first + int(tail), head) for tail in rng.choice(10, 3, replace=False)), jvp_cost=5, vjp_cost=5)
    return graph


MAKERS = {"a path": path, "residual blocks": blocks, "layers of ten": layers}


@pytest.mark.parametrize("nodes", [1_000, pytest.param(100_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("who", ["chainopt", "networkx"])
def test_linearize(measure, who, kind, nodes):
    graph = MAKERS[kind](nodes)
    case = f"{kind}, {nodes:,} variables"
    if who == "chainopt":
        chain = measure(GROUP, case, who, lambda: linearize(graph), rounds=3)
        assert chain.stages
        return
    held = graph.copy()
    held.add_edges_from(("start", node) for node in graph if graph.in_degree(node) == 0)
    held.add_edges_from((node, "end") for node in graph if graph.out_degree(node) == 0)

    def sort_and_dominate():
        return list(nx.topological_sort(held)), nx.immediate_dominators(held, "start")

    measure(GROUP, case, who, sort_and_dominate, rounds=3)
