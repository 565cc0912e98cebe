"""Graphs become chains: what is refused, what is ignored, and what the chain says."""

import math
import pickle
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainopt
from chainopt import ChainError, Jacobian, JacobianChain
from chainopt.graphs.linearize import linearize
from chainopt.plan.graph_chain import GraphChain


def sized(edges, **sizes):
    graph = nx.DiGraph(edges)
    nx.set_node_attributes(graph, sizes, "size")
    return graph


def path_of(dims, **attributes):
    """Make a path whose sizes are those of a chain, outputs first."""
    graph = nx.path_graph(len(dims), create_using=nx.DiGraph)
    nx.set_node_attributes(graph, dict(enumerate(dims[::-1])), "size")
    nx.set_edge_attributes(graph, attributes)
    return graph


@given(st.lists(st.integers(0, 30), min_size=2, max_size=9))
def test_a_path_of_matrices_is_the_textbook_chain(dims):
    chain = linearize(path_of(dims))
    assert JacobianChain(list(chain)) == JacobianChain.from_dims(dims)
    assert chain.stages == tuple((at,) for at in range(len(dims) - 1, 0, -1))


@given(st.data())
def test_a_path_of_stages_costs_what_its_chain_costs(data):
    dims = data.draw(st.lists(st.integers(1, 20), min_size=2, max_size=7))
    cost = st.none() | st.integers(0, 300)
    options = st.fixed_dictionaries(
        {"jvp_cost": cost, "vjp_cost": cost, "accumulation_cost": st.none() | st.just(0), "tape": st.integers(0, 9)}
    ).filter(lambda held: held["tape"] == 0 or held["jvp_cost"] is not None)
    given_options = [data.draw(options) for _ in dims[1:]]
    graph = path_of(dims)
    for (tail, head), held in zip(graph.edges, given_options[::-1], strict=True):
        graph.edges[tail, head].update(held)
    stages = [Jacobian(shape, **held) for shape, held in zip(pairwise(dims), given_options, strict=True)]
    chain = linearize(graph)
    assert list(chain) == stages
    assert chainopt.optimal_order(chain).cost == chainopt.optimal_order(stages).cost


def test_a_long_path_of_matrices_keeps_all_its_cuts():
    dims = [3 + at % 7 for at in range(2_001)]
    assert linearize(path_of(dims)).dims == tuple(dims)


def test_a_long_path_of_stages_is_cut_where_it_is_narrow():
    dims = [2 if at % 50 == 10 else 40 for at in range(1_001)]
    graph = path_of(dims)
    nx.set_edge_attributes(graph, 100, "jvp_cost")
    nx.set_edge_attributes(graph, 100, "vjp_cost")
    chain = linearize(graph)
    assert len(chain) == 300
    assert chain.dims.count(2) == 20
    assert sorted(node for stage in chain.stages for node in stage) == list(range(1, 1_001))


def test_single_variables_on_every_path_are_cuts_on_ties():
    graph = sized([("x", "a"), ("x", "b"), ("a", "n"), ("b", "n"), ("n", "c"), ("n", "d"), ("c", "y"), ("d", "y")], n=1, x=5, y=5)
    nx.set_node_attributes(graph, dict.fromkeys("abcd", 7), "size")
    chain = linearize(graph)
    assert 1 in chain.dims[1:-1]
    dominators = nx.immediate_dominators(graph, "x")
    assert dominators["y"] == "n"


def test_two_branches_cut_at_a_tuple():
    graph = nx.DiGraph()
    for node, size in {"x": 300, "a": 4, "b": 4, "y": 300}.items():
        graph.add_node(node, size=size)
    for tail, head in [("x", "a"), ("x", "b"), ("a", "y"), ("b", "y")]:
        graph.add_edge(tail, head, jvp_cost=1_000, vjp_cost=1_000)
    chain = linearize(graph)
    assert chain.dims == (300, 8, 300)
    assert chain.stages[0] == ("y",)
    assert set(chain.stages[1]) == {"a", "b"}
    assert chainopt.optimal_order(chain).cost == 2 * 4 * 1_000 + 300 * 2 * 1_000


def test_names_of_nodes_are_kept():
    graph = sized([(("x", 1), frozenset("a")), (frozenset("a"), 3.5)])
    assert linearize(graph).stages == ((3.5,), (frozenset("a"),))


def test_sizes_come_from_the_matrices():
    graph = nx.DiGraph()
    graph.add_edge("x", "a", jacobian=np.ones((3, 7)))
    graph.add_edge("a", "y", jvp_cost=4)
    assert linearize(graph).shapes == ((1, 3), (3, 7))


def test_parallel_edges_add_up():
    graph = nx.MultiDiGraph()
    graph.add_node("x", size=10)
    graph.add_node("y", size=20)
    graph.add_edge("x", "y", jvp_cost=3, vjp_cost=5, tape=1)
    graph.add_edge("x", "y", jvp_cost=4, vjp_cost=6, tape=2)
    (stage,) = linearize(graph)
    assert (stage.jvp_cost, stage.vjp_cost, stage.tape) == (7, 11, 3)
    graph.add_edge("x", "y")
    (stage,) = linearize(graph)
    assert (stage.jvp_cost, stage.vjp_cost, stage.accumulation_cost) == (207, 211, 70)


def test_a_stage_of_several_edges_has_the_mode_that_all_of_them_have():
    graph = nx.DiGraph()
    graph.add_edge("x", "a", jvp_cost=3, tape=4)
    graph.add_edge("x", "b", jvp_cost=5, vjp_cost=6, tape=5)
    graph.add_edge("a", "y")
    graph.add_edge("b", "y")
    stages = list(linearize(graph))
    assert all(stage.jvp_cost is not None for stage in stages)
    assert any(stage.vjp_cost is None for stage in stages)
    assert sum(stage.tape for stage in stages) == 9


def test_rows_and_columns_come_in_the_order_asked_for():
    graph = sized([("a", "p"), ("b", "p"), ("p", "c"), ("p", "d")], a=2, b=3, c=5, d=7, p=1)
    assert linearize(graph).shapes == ((12, 1), (1, 5))
    assert linearize(graph, inputs=["b"], outputs=["c"]).shapes == ((5, 1), (1, 3))


def test_what_is_ignored_is_noted():
    graph = sized([("x", "y"), ("c", "y"), ("x", "z"), ("k", "c"), ("u", "w")])
    chain = linearize(graph, inputs=["x", "u"], outputs=["y", "k"])
    assert chain.dims[0] == chain.dims[-1] == 2
    assert set(chain.notes) == {
        "ignored, as they do not depend on the inputs: 'c'",
        "ignored, as no output depends on them: 'z', 'w'",
        "these outputs depend on no input, and their rows are zero: 'k'",
        "no output depends on these inputs, whose columns are zero: 'u'",
    }
    assert linearize(sized([("x", "y")])).notes == ()


def test_many_ignored_nodes_are_counted():
    graph = sized([("x", "y"), *(("c", ("k", at)) for at in range(20)), (("k", 0), "y")])
    (note,) = linearize(graph, inputs=["x"], outputs=["y"]).notes
    assert note.endswith(" and 13 more")


def test_seconds_and_counts_meet_in_seconds():
    graph = sized([("x", "a"), ("x", "b"), ("a", "y"), ("b", "y"), ("x", "y")], x=30, a=20, b=20, y=30)
    graph.edges["x", "a"].update(jvp_cost=1e-5, vjp_cost=2e-5)
    graph.edges["x", "b"].update(jvp_cost=100, vjp_cost=200)
    chain = linearize(graph)
    plan = chainopt.optimal_order(chain, objective="time")
    assert 0 < plan.cost < 1
    with pytest.raises(ChainError, match="seconds"):
        chainopt.optimal_order(chain)


def test_sizes_without_limit():
    graph = path_of([10**12, 10**11, 10**12])
    graph.add_edge(0, 2)
    chain = linearize(graph)
    assert chainopt.optimal_order(chain).cost == 10**35


def test_an_input_that_is_the_output_is_the_identity():
    graph = nx.DiGraph()
    graph.add_node("x", size=4)
    chain = linearize(graph)
    assert (chain.shapes, chain.stages) == (((4, 4),), ((),))
    assert chainopt.optimal_order(chain).cost == 0


def test_a_plan_for_an_input_that_is_the_output_is_read_back():
    graph = nx.DiGraph([("x", "u"), ("w", "u")])
    plan = chainopt.optimal_order(linearize(graph, outputs=["x"]))
    restored = chainopt.Plan.from_json(plan.to_json())
    assert restored == plan
    assert restored.is_optimal


def test_equality_hash_and_pickle():
    chain = linearize(path_of([3, 4, 5]))
    again = pickle.loads(pickle.dumps(chain))  # noqa: S301 -- our own
    assert again == chain == linearize(path_of([3, 4, 5]))
    assert hash(again) == hash(chain)
    assert not again.sizes.flags.writeable
    plain = JacobianChain.from_dims([3, 4, 5])
    assert chain != plain
    assert plain != chain
    assert chain != GraphChain(list(plain), [["b"], ["a"]])
    assert chain != GraphChain(list(plain), chain.stages, ["a note"])
    with pytest.raises(AttributeError):
        chain.stages = ()
    assert GraphChain.from_dict(plain.to_dict()).stages == ((), ())
    assert GraphChain.from_dims([3, 4]).notes == ()


def cyclic():
    return nx.DiGraph([("x", "a"), ("a", "b"), ("b", "a"), ("b", "y")])


def edge_with(**attributes):
    return nx.DiGraph([("x", "y", attributes)])


@pytest.mark.parametrize(
    ("graph", "options", "message"),
    [
        (cyclic(), {}, "cycle through '[ab]', '[ab]'"),
        (nx.DiGraph([("x", "x")]), {}, "cycle through 'x'"),
        (nx.DiGraph(), {}, "inputs: there is none; the graph has no nodes"),
        (nx.Graph([("x", "y")]), {}, "type Graph: give a networkx.DiGraph"),
        ([("x", "y")], {}, "type list"),
        (nx.DiGraph([("x", "y")]), {"inputs": []}, "inputs: there is none"),
        (nx.DiGraph([("x", "y")]), {"outputs": []}, "outputs: there is none"),
        (nx.DiGraph([("x", "y")]), {"inputs": "x"}, "inputs is 'x': give a sequence"),
        (nx.DiGraph([("x", "y")]), {"outputs": 3}, "outputs is 3: give a sequence"),
        (nx.DiGraph([("x", "y")]), {"inputs": ["z"]}, "'z', which is not a node of the graph: it has 'x', 'y'"),
        (nx.DiGraph([("x", "y")]), {"inputs": [["x"]]}, "not a node"),
        (nx.DiGraph([("x", "y")]), {"outputs": ["y", "y"]}, "'y' twice"),
        (sized([("x", "y", {"jacobian": np.ones((3, 4))})], y=2), {}, r"'x' -> 'y'.*shape \(3, 4\).*'y' has the size 2"),
        (sized([("x", "y", {"jacobian": np.ones((3, 4))})], x=3), {}, r"'x' has the size 3.*\(size of 'y', size of 'x'\)"),
        (
            nx.DiGraph([("x", "a", {"jacobian": np.ones((3, 4))}), ("a", "y", {"jacobian": np.ones((5, 2))})]),
            {},
            "node 'a' has the size 3 by the jacobian of edge 'x' -> 'a', but 2 by that of edge 'a' -> 'y'",
        ),
        (edge_with(jacobian=np.ones(3)), {}, r"'x' -> 'y'.*the shape \(3,\)"),
        (edge_with(jacobian="2.0"), {}, "jacobian is '2.0'"),
        (edge_with(jvp_cost=-1), {}, "'x' -> 'y': jvp_cost is -1"),
        (edge_with(vjp_cost=math.nan), {}, "vjp_cost is nan"),
        (edge_with(tape=1.5), {}, "'x' -> 'y': tape is 1.5"),
        (sized([("x", "y")], x=-1), {}, "node 'x': size is -1"),
        (sized([("x", "y")], x=2.0), {}, "node 'x': size is 2.0"),
    ],
)
def test_what_is_no_graph_is_refused_with_the_nodes(graph, options, message):
    with pytest.raises(ChainError, match=message):
        linearize(graph, **options)
