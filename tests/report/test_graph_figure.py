"""A graph is drawn with its cuts, each with its size."""

import matplotlib as mpl
import networkx as nx
import pytest
from matplotlib import style
from matplotlib.figure import Figure

from chainopt import ChainError, Identity, linearize, optimal_elimination, optimal_order

mpl.use("agg")


def hourglass():
    graph = nx.DiGraph()
    for node, size in {"x": 300, "a": 40, "u": 4, "v": 4, "b": 40, "y": 300}.items():
        graph.add_node(node, size=size)
    edges = [("x", "a"), ("a", "u"), ("a", "v"), ("u", "b"), ("v", "b"), ("b", "y")]
    graph.add_edges_from(edges, jvp_cost=9_000, vjp_cost=9_000)
    graph.add_edge("x", "y", structure=Identity())
    return graph


def test_every_variable_and_every_cut_is_drawn():
    graph = hourglass()
    chain = linearize(graph)
    axes = chain.plot(graph)
    texts = [text.get_text() for text in axes.texts if text.get_text()]
    assert sorted(texts) == sorted([*graph.nodes, *map(str, chain.dims[1:-1])])
    assert len(axes.lines) == len(chain) - 1
    arrows = [text for text in axes.texts if text.get_text() == ""]
    assert len(arrows) == graph.number_of_edges()
    axes.figure.canvas.draw()


def test_cuts_stand_between_the_stages():
    graph = nx.path_graph(["x", "a", "b", "y"], create_using=nx.DiGraph)
    axes = linearize(graph).plot(graph)
    assert [line.get_xdata()[0] for line in axes.lines] == [1.5, 2.5]


def test_it_draws_on_given_axes():
    axes = Figure().add_subplot()
    graph = hourglass()
    assert linearize(graph).plot(graph, axes) is axes


def test_what_cannot_be_drawn_is_refused():
    long = nx.path_graph(300, create_using=nx.DiGraph)
    with pytest.raises(ChainError, match="up to 200 variables, and this graph has 300"):
        linearize(long).plot(long)
    with pytest.raises(ChainError, match="graph has no node"):
        linearize(hourglass()).plot(nx.DiGraph())


def test_edges_of_eliminations_run_around_what_stands_between_their_ends():
    graph = nx.DiGraph([("x", "a"), ("a", "b"), ("x", "b"), ("b", "y")])
    axes = optimal_elimination(graph).plot()
    arrows = [text.arrow_patch for text in axes.texts if getattr(text, "arrow_patch", None) is not None]
    assert sorted(arrow.get_connectionstyle().rad for arrow in arrows) == [-0.35, 0, 0, 0]


def test_lines_can_be_seen_in_the_dark():
    graph = nx.DiGraph([("x", "a"), ("a", "y")])
    plan = optimal_order([(2, 3), (3, 4), (4, 2)])
    with style.context("dark_background"):
        drawn = [optimal_elimination(graph).plot(), linearize(graph).plot(graph), plan.plot()]
    for axes in drawn[:2]:
        arrows = [text.arrow_patch for text in axes.texts if getattr(text, "arrow_patch", None) is not None]
        assert arrows
        assert all(sum(arrow.get_edgecolor()[:3]) > 1.5 for arrow in arrows)
    assert all(patch.get_edgecolor()[:3] == (1, 1, 1) for patch in drawn[2].patches)
