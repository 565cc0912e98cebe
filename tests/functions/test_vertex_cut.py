"""The narrowest cut of a graph is as narrow as the narrowest of all sets that part it."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from chainopt.functions.sparse.vertex_cut import narrowest


def parts(graph, cut, sources, sinks):
    left = graph.subgraph(set(graph) - set(cut))
    return not any(source in left and sink in left and nx.has_path(left, source, sink) for source in sources for sink in sinks)


@pytest.mark.parametrize("seed", range(40))
def test_as_narrow_as_by_trying_all(seed):
    rng = np.random.default_rng(seed)
    count = 8
    graph = nx.gnp_random_graph(count, 0.4, seed=seed)
    edges = [(min(edge), max(edge)) for edge in graph.edges]
    graph = nx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(edges)
    sizes = {node: int(size) for node, size in enumerate(rng.integers(1, 5, count))}
    sources, sinks = [0, 1], [6, 7]
    found = narrowest(sizes, [*edges, *edges[:2]], sources, sinks)
    assert parts(graph, found, sources, sinks)
    least = min(
        sum(sizes[node] for node in cut)
        for length in range(count + 1)
        for cut in combinations(range(count), length)
        if parts(graph, cut, sources, sinks)
    )
    assert sum(sizes[node] for node in found) == least


def test_of_equal_ones_the_last():
    sizes = {0: 5, 1: 1, 2: 1, 3: 9}
    assert narrowest(sizes, [(0, 1), (1, 2), (2, 3)], [0], [3]) == [2]
    assert narrowest(sizes, [(0, 1), (2, 3)], [0], [3]) == []
