"""What do the chains of published graphs cost, and what does finding one take? Beside a topological sort and dominators."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from chainopt import compare, linearize, read_graphml

GROUP = "from a graph to a chain; networkx sorts it and finds its dominators, and nothing else"
PUBLISHED = "published graphs of STCE-at-RWTH/ADMission: multiply-adds for the whole Jacobian"
FOLDER = Path(__file__).parents[1] / "tests" / "reference" / "graphs"
BEST_KNOWN = {"R2": 417_713, "lion_n1_c1": 13, "diamond_n1": 10, "tri_n1": 4, "line_n1": 3_000}  # as tests/reference has them


@pytest.mark.parametrize("name", BEST_KNOWN)
def test_published(contest, name):
    graph = read_graphml(FOLDER / f"{name}.xml")
    comparison = compare(contest.once(PUBLISHED, lambda: linearize(graph)))
    costs = np.array([[edge["jvp_cost"], edge["vjp_cost"]] for *_, edge in graph.edges(data=True)]).sum(axis=0).tolist()
    chain = comparison.optimal.chain
    numbers = {
        "chainopt": comparison.optimal.cost,
        "best known": BEST_KNOWN[name],
        "all forward": chain.dims[-1] * costs[0],
        "all reverse": chain.dims[0] * costs[1],
    }
    contest.cells(PUBLISHED, name, numbers, "multiply-adds")
    assert numbers["chainopt"] == min(numbers.values())


def path(nodes):
    return nx.path_graph(nodes, create_using=nx.DiGraph)


def blocks(nodes):
    """Make residual blocks one after the other: three layers and a skip, with costs."""
    graph = nx.DiGraph()
    for first in range(0, nodes, 4):
        a, b, c, d, e = range(first, first + 5)
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


@pytest.mark.parametrize("nodes", [1_000, *[pytest.param(nodes, marks=pytest.mark.long) for nodes in (10_000, 100_000)]])
@pytest.mark.parametrize("kind", MAKERS)
def test_linearize(contest, kind, nodes):
    graph = MAKERS[kind](nodes)
    rooted = graph.copy()
    rooted.add_edges_from(("start", node) for node in graph if graph.in_degree(node) == 0)
    rooted.add_edges_from((node, "end") for node in graph if graph.out_degree(node) == 0)

    def sort_and_dominate():
        return list(nx.topological_sort(rooted)), nx.immediate_dominators(rooted, "start")

    contest(
        GROUP, f"{kind}, {nodes:,} variables", {"chainopt": lambda: linearize(graph), "networkx": sort_and_dominate}, rounds=3
    )
    stages = linearize(graph).stages
    assert len({node for stage in stages for node in stage}) == sum(graph.in_degree(node) > 0 for node in graph)
