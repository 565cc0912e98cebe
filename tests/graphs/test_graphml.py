"""GraphML in and out, and the published graphs replayed."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import chainopt
from chainopt import Banded, ChainError, Diagonal, Identity
from chainopt.graphs.gain_bound import gain_bound
from chainopt.graphs.graphml import read_graphml, write_graphml
from chainopt.graphs.linearize import linearize

FOLDER = Path(__file__).parents[1] / "reference" / "graphs"
# Least known cost, all forward, all reverse; and what the chain of `linearize` costs.
PUBLISHED = {
    "R2": (417713, 1249440, 1314819, 417713),
    "lion_n1_c1": (13, 16, 32, 13),
    "diamond_n1": (10, 10, 10, 10),
    "tri_n1": (4, 4, 4, 4),
    "line_n1": (3000, 6000, 3000, 3000),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_graphs(name):
    least, forward, reverse, reached = PUBLISHED[name]
    graph = read_graphml(FOLDER / f"{name}.xml")
    costs = np.array([[edge["jvp_cost"], edge["vjp_cost"]] for _, _, edge in graph.edges(data=True)]).sum(axis=0)
    chain = linearize(graph)
    assert forward == chain.dims[-1] * costs[0]
    assert reverse == chain.dims[0] * costs[1]
    plan = chainopt.optimal_order(chain)
    assert least <= plan.cost <= reached
    assert min(forward, reverse) >= plan.cost


def test_what_is_written_is_read(tmp_path):
    graph = nx.DiGraph()
    graph.add_node("x", size=7)
    graph.add_edge("x", "a", jvp_cost=3, vjp_cost=5, tape=2)
    graph.add_edge("a", "b", jvp_cost=3, accumulation_cost=0)
    graph.add_edge("b", "c", jacobian=np.ones((4, 2)))
    graph.add_edge("c", "y", vjp_cost=0.5)
    graph.add_edge("x", "y", accumulation_cost=10**20)
    graph.add_edge("b", "d", structure=Identity())
    graph.add_edge("d", "y", structure=Banded(1, 0))
    write_graphml(graph, tmp_path / "graph.graphml")
    again = read_graphml(tmp_path / "graph.graphml")
    assert dict(again.nodes.data("size")) == {"x": 7, "a": 1, "b": 2, "c": 4, "y": 1, "d": 2}
    assert again.edges["x", "a"] == {"jvp_cost": 3, "vjp_cost": 5, "tape": 2}
    assert again.edges["a", "b"] == {"jvp_cost": 3, "accumulation_cost": 0}
    assert again.edges["b", "c"] == {}
    assert again.edges["c", "y"] == {"vjp_cost": 0.5}
    assert again.edges["x", "y"] == {"accumulation_cost": 10**20}
    assert again.edges["b", "d"] == {"structure": Identity()}
    assert again.edges["d", "y"] == {"structure": Banded(1, 0)}
    assert linearize(again) == linearize(graph)


def test_parallel_edges_are_written(tmp_path):
    graph = nx.MultiDiGraph([("x", "y", {"jvp_cost": 3}), ("x", "y", {"jvp_cost": 4})])
    write_graphml(graph, tmp_path / "graph.graphml")
    assert linearize(read_graphml(tmp_path / "graph.graphml"))[0].jvp_cost == 7


@pytest.mark.parametrize("text", ["", "no xml", "<graphml/>", "<a></a>"])
def test_what_is_no_graphml_is_refused(tmp_path, text):
    path = tmp_path / "graph.graphml"
    path.write_text(text)
    with pytest.raises(ChainError, match="is not GraphML that networkx can read"):
        read_graphml(path)


HEADER = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="s" for="node" attr.name="size" attr.type="int"><default>50</default></key>
<key id="t" for="edge" attr.name="c_tan" attr.type="int"><default>7</default></key>
<key id="a" for="edge" attr.name="c_adj" attr.type="int"/>
<key id="m" for="edge" attr.name="has_model" attr.type="{0}"><default>true</default></key>
<key id="h" for="edge" attr.name="acc_stat" attr.type="{0}"><default>{1}</default></key>
<graph edgedefault="directed">"""
BODY = """<node id="x"><data key="s">30</data></node><node id="u"><data key="s">4</data></node><node id="y"/>
<edge source="x" target="u"><data key="a">9</data></edge>
<edge source="u" target="y"><data key="a">9</data><data key="m">{0}</data></edge></graph></graphml>"""


@pytest.mark.parametrize("kind", ["boolean", "string"])
@pytest.mark.parametrize(("truth", "falsehood"), [("true", "false"), ("1", "0"), ("TRUE", "False")])
def test_defaults_count_and_texts_are_truths(tmp_path, kind, truth, falsehood):
    path = tmp_path / "graph.graphml"
    path.write_text(HEADER.format(kind, falsehood) + BODY.format(truth))
    graph = read_graphml(path)
    assert dict(graph.nodes.data("size")) == {"x": 30, "u": 4, "y": 50}
    assert graph.edges["u", "y"] == {"jvp_cost": 7, "vjp_cost": 9}
    assert (
        chainopt.optimal_order(linearize(graph)).cost == 4 * 9 + 30 * 7
    )  # the first stage by VJPs, and its matrix pushed through the second
    path.write_text(HEADER.format(kind, truth) + BODY.format(falsehood))
    graph = read_graphml(path)
    assert graph.edges["x", "u"] == {"jvp_cost": 7, "vjp_cost": 9, "accumulation_cost": 0}
    assert graph.edges["u", "y"] == {}


def test_what_is_neither_true_nor_false_is_refused(tmp_path):
    path = tmp_path / "graph.graphml"
    path.write_text(HEADER.format("string", "false") + BODY.format("perhaps"))
    with pytest.raises(ChainError, match="edge 'u' -> 'y': has_model is 'perhaps': give true or false"):
        read_graphml(path)


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ("<node/>", "node 3 has no id"),
        ('<edge source="x"/>', "edge 2 has no target"),
        ('<edge target="x"/>', "edge 2 has no source"),
    ],
)
def test_what_does_not_say_which_it_is_is_refused(tmp_path, element, message):
    path = tmp_path / "graph.graphml"
    body = BODY.format("1").replace('<edge source="u" target="y">', element + '<edge source="u" target="y">')
    path.write_text(HEADER.format("boolean", "0") + body.replace('<node id="y"/>', "" if "node" in element else '<node id="y"/>'))
    with pytest.raises(ChainError, match=message):
        read_graphml(path)


def test_encodings_that_nobody_knows_and_endless_structures_are_refused(tmp_path):
    path = tmp_path / "graph.graphml"
    path.write_text('<?xml version="1.0" encoding="klingon"?><graphml/>')
    with pytest.raises(ChainError, match="is not GraphML that networkx can read"):
        read_graphml(path)
    nx.write_graphml(nx.DiGraph([("x", "y", {"structure": '{"kind": ' * 100_000})]), path)
    with pytest.raises(ChainError, match="edge 'x' -> 'y': structure: "):
        read_graphml(path)


def test_structures_are_named_or_written_as_json(tmp_path):
    graph = nx.DiGraph([("x", "y", {"structure": "diagonal"}), ("y", "z", {"structure": '{"kind": "identity"}'})])
    path = tmp_path / "graph.graphml"
    nx.write_graphml(graph, path)
    edges = read_graphml(path).edges
    assert edges["x", "y"]["structure"] == Diagonal()
    assert edges["y", "z"]["structure"] == Identity()
    for text in ("round", "{no json"):
        graph.edges["x", "y"]["structure"] = text
        nx.write_graphml(graph, path)
        with pytest.raises(ChainError, match="edge 'x' -> 'y'"):
            read_graphml(path)


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_graphml(tmp_path / "none.graphml")


def test_the_bound_holds_for_published_chains():
    for name, (_, forward, reverse, _) in PUBLISHED.items():
        bound = gain_bound(read_graphml(FOLDER / f"{name}.xml"))
        assert bound is not None
        assert 1 <= bound <= max(forward, reverse)


def test_nodes_that_are_one_as_strings_are_refused(tmp_path):
    with pytest.raises(chainopt.ChainError, match="nodes 1 and '1' are one in a file: rename one"):
        chainopt.write_graphml(nx.DiGraph([(1, 2), ("1", 3)]), tmp_path / "graph.graphml")
