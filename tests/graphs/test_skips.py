"""Identities from an input straight to an output are added to the product, so that what is between them is narrow."""

import json
import pickle

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import chainopt
from chainopt import ChainError, GraphChain, Identity, InfeasibleError, Jacobian, JacobianChain, Plan, Skip, accumulate, linearize
from chainopt.graphs.gain_bound import gain_bound, smallest_cut
from chainopt.graphs.reader import read_graph

SIZES = [300, 40, 4, 40, 300]


def path(sizes, **attributes):
    """Make a path from x to y of inner variables."""
    names = ["x", *(str(at) for at in range(1, len(sizes) - 1)), "y"]
    graph = nx.path_graph(names, create_using=nx.DiGraph)
    nx.set_node_attributes(graph, dict(zip(names, sizes, strict=True)), "size")
    for edge in graph.edges:
        graph.edges[edge].update(attributes)
    return graph


def path_with_matrices(sizes, rng):
    graph = path(sizes)
    for tail, head in graph.edges:
        graph.edges[tail, head]["jacobian"] = rng.standard_normal((graph.nodes[head]["size"], graph.nodes[tail]["size"]))
    return graph


def with_skip(graph):
    graph = graph.copy()
    graph.add_edge("x", "y", structure=Identity())
    return graph


def test_a_skip_over_everything_costs_what_the_rest_costs():
    options = {"jvp_cost": 10_000, "vjp_cost": 12_000}
    plain, skipped = linearize(path(SIZES, **options)), linearize(with_skip(path(SIZES, **options)))
    assert list(skipped) == list(plain)
    assert skipped.stages == plain.stages
    assert skipped.skips == (Skip("x", "y", 0, 0, 300),)
    assert plain.skips == ()
    assert skipped != plain
    comparison = chainopt.compare(skipped)
    assert comparison.speedup > 20
    assert skipped.gain_bound == plain.gain_bound == pytest.approx(75)
    # Where the identity says only what it costs, it has to be carried along, and nothing can be gained.
    carried = path(SIZES, **options)
    carried.add_edge("x", "y", jvp_cost=0, vjp_cost=0)
    assert chainopt.compare(linearize(carried)).speedup < 3


def test_what_the_product_lacks_is_said():
    chain = linearize(with_skip(path(SIZES, jvp_cost=9, vjp_cost=9)))
    assert repr(chain).endswith(") + I: 'x' -> 'y'")
    assert "note         the identity from 'x' to 'y' is added to the product" in str(chainopt.optimal_order(chain))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 3), st.integers(0, 2**32))
def test_it_is_added(inner, end, seed):
    graph = path_with_matrices([end, *inner, end], np.random.default_rng(seed))
    expected = accumulate(graph)
    np.testing.assert_allclose(accumulate(with_skip(graph)), expected + np.eye(end), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("how", [{"structure": Identity()}, {"jacobian": np.eye(5)}, {"jacobian": sparse.eye_array(5)}])
def test_an_identity_is_known_by_what_it_says_and_by_its_entries(how):
    graph = path_with_matrices([5, 2, 5], np.random.default_rng(0))
    graph.add_edge("x", "y", **how)
    assert [skip[:2] for skip in linearize(graph).skips] == [("x", "y")]


def test_a_number_1_is_no_identity():
    graph = nx.DiGraph()
    graph.add_edge("x", "a", jacobian=np.array([[1.0]]))
    graph.add_edge("x", "y", jacobian=np.array([[1.0]]))
    graph.add_edge("a", "y", jacobian=np.array([[1.0]]))
    chain = linearize(graph)
    assert chain.skips == ()
    assert chainopt.optimal_order(chain).cost == 1


def test_parallel_to_it_are_other_edges():
    graph = nx.MultiDiGraph()
    graph.add_node("x", size=6)
    graph.add_edge("x", "y", jvp_cost=36, vjp_cost=36, jacobian=np.arange(36.0).reshape(6, 6))
    graph.add_edge("x", "y", structure=Identity())
    graph.add_edge("x", "y", structure=Identity())
    chain = linearize(graph)
    assert chain.shapes == ((6, 6),)
    assert len(chain.skips) == 2
    np.testing.assert_array_equal(accumulate(graph), np.arange(36.0).reshape(6, 6) + 2 * np.eye(6))


def test_an_identity_is_not_taken_out_where_a_path_leads_beyond_it():
    rng = np.random.default_rng(3)
    graph = with_skip(path_with_matrices([4, 2, 4], rng))
    graph.add_edge("y", "z", jacobian=rng.standard_normal((3, 4)))
    assert linearize(graph, outputs=["y", "z"]).skips == ()
    block = np.eye(4) + graph.edges["1", "y"]["jacobian"] @ graph.edges["x", "1"]["jacobian"]
    expected = np.vstack([block, graph.edges["y", "z"]["jacobian"] @ block])
    np.testing.assert_allclose(accumulate(graph, outputs=["y", "z"]), expected)


def test_an_input_that_is_an_output_is_one():
    graph = path(SIZES, jvp_cost=100, vjp_cost=100)
    chain = linearize(graph, outputs=["y", "x"])
    assert (chain.dims[0], min(chain.dims), chain.dims[-1]) == (600, 4, 300)
    assert chain.skips == (Skip("x", "x", 300, 0, 300),)
    matrices = path_with_matrices([5, 2, 3], np.random.default_rng(4))
    expected = np.vstack([np.eye(5), accumulate(matrices)])
    np.testing.assert_allclose(accumulate(matrices, outputs=["x", "y"]), expected)


def test_an_identity_alone_is_the_product():
    graph = nx.DiGraph()
    graph.add_node("x", size=4)
    graph.add_edge("x", "y", structure=Identity())
    chain = linearize(graph)
    assert (chain.shapes, chain.skips, chain[0].structure) == (((4, 4),), (), Identity())
    assert chainopt.optimal_order(chain).cost == 0
    np.testing.assert_array_equal(accumulate(graph), np.eye(4))


def test_the_size_of_an_identity_is_that_of_its_other_end():
    graph = nx.DiGraph()
    graph.add_node("y", size=7)
    graph.add_edge("x", "a", structure=Identity())
    graph.add_edge("a", "y", structure=Identity())
    assert linearize(graph).dims[-1] == 7
    graph.add_node("x", size=6)
    with pytest.raises(ChainError, match=r"edge 'a' -> 'y': .*an identity is square"):
        linearize(graph)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=10), st.integers(1, 30), st.data())
def test_a_residual_block_costs_what_the_chain_of_its_rest_costs(inner, end, data):
    costs = [
        data.draw(st.fixed_dictionaries({"jvp_cost": st.integers(1, 900), "vjp_cost": st.integers(1, 900)})) for _ in (1, *inner)
    ]
    sizes = [end, *inner, end]
    graph = path(sizes)
    for edge, cost in zip(graph.edges, costs, strict=True):
        graph.edges[edge].update(cost)
    best = chainopt.optimal_order(linearize(graph)).cost
    graph = with_skip(graph)
    graph.add_edge("y", "z", jvp_cost=1, vjp_cost=1)  # which is behind the block, so that the skip is one inside a stage
    graph.nodes["y"]["size"], graph.nodes["x"]["size"] = end, end
    plan = chainopt.optimal_order(linearize(graph, outputs=["y"]))
    assert plan.cost == best
    behind = chainopt.optimal_order(linearize(graph))
    pure = [end * sum(cost["jvp_cost"] for cost in costs) + end, sum(cost["vjp_cost"] for cost in costs) + 1]
    assert behind.cost <= min(*pure, best + min(end, 1 + end))


@st.composite
def graphs(draw):
    """Draw graphs without matrices, many with a skip over everything."""
    count = draw(st.integers(2, 7))
    end = draw(st.integers(1, 30))
    graph = nx.DiGraph()
    for node in range(count):
        graph.add_node(node, size=end if node in (0, count - 1) else draw(st.integers(1, 30)))
    for head in range(1, count):
        for tail in draw(st.sets(st.integers(0, head - 1), min_size=1, max_size=2)):
            costs = draw(st.tuples(st.integers(1, 99), st.integers(1, 99)))
            graph.add_edge(tail, head, jvp_cost=costs[0], vjp_cost=costs[1])
    if draw(st.booleans()) and not graph.has_edge(0, count - 1):
        graph.add_edge(0, count - 1, structure=Identity())
    return graph


@given(graphs())
def test_no_order_of_a_graphs_chain_gains_more_than_its_bound(graph):
    chain = linearize(graph)
    bound = chain.gain_bound
    assert bound is not None
    pure = []
    for order in (chainopt.forward_order, chainopt.reverse_order):
        try:
            pure.append(order(chain).cost)
        except InfeasibleError:
            continue
    assert min(pure) <= chainopt.optimal_order(chain).cost * bound * (1 + 1e-12)
    assert smallest_cut(read_graph(graph)) <= min(chain.dims)
    assert gain_bound(graph) is not None


@given(graphs())
def test_a_chain_with_its_nodes_is_written_and_read(graph):
    chain = linearize(graph)
    assert GraphChain.from_dict(json.loads(json.dumps(chain.to_dict()))) == chain
    assert pickle.loads(pickle.dumps(chain)) == chain  # noqa: S301 -- our own
    plan = chainopt.optimal_order(chain)
    assert Plan.from_json(plan.to_json()) == plan


def test_names_that_json_changes_are_kept():
    graph = nx.DiGraph([(("x", (1, 2.5)), np.int64(3)), (np.int64(3), "y")])
    chain = linearize(graph, inputs=[("x", (1, 2.5))])
    again = GraphChain.from_dict(json.loads(json.dumps(chain.to_dict())))
    assert again == chain
    assert hash(again) == hash(chain)
    other = linearize(nx.DiGraph([("x", frozenset("a"))]))
    with pytest.raises(ChainError, match=r"node frozenset.* networkx.relabel_nodes"):
        other.to_dict()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"stages": [["y"]]}, "names the nodes of 1 stage, and the chain has 2 factors"),
        ({"stages": "y"}, r'data\["stages"\] must be a list of lists'),
        ({"stages": [["y"], [{}]]}, "a node is a string, a number or a list"),
        ({"notes": [3]}, r'data\["notes"\] must be a list of strings'),
        ({"skips": [["x", "y"]]}, r'data\["skips"\]\[0\] must be a list of tail'),
        ({"skips": [["x", "y", 0, -1, 2]]}, "size is an int that is not negative"),
        ({"skips": [["x", "y", 0, 0, 9]]}, "does not fit into a Jacobian of 4x4"),
    ],
)
def test_what_is_no_chain_of_a_graph_is_refused(changed, message):
    data = GraphChain([Jacobian((4, 2)), Jacobian((2, 4))], [["y"], ["u"]]).to_dict()
    with pytest.raises(ChainError, match=message):
        GraphChain.from_dict(data | changed)


def test_skips_are_added_beside_each_other():
    skips = [Skip("x", "y", 1, 2, 2), Skip("x", "y", 1, 2, 2)]
    chain = GraphChain(JacobianChain.from_dims([4, 5]), skips=skips)
    product = np.zeros((4, 5))
    jacobian = chain.add_skips(product)
    assert not product.any()
    np.testing.assert_array_equal(jacobian, 2 * np.eye(4, 5, 1) * np.array([[0], [1], [1], [0]]))


def test_what_is_no_skip_is_refused():
    with pytest.raises(ChainError, match=r"skips\[0\] is 3: give a Skip of tail, head, row, column and size"):
        GraphChain([Jacobian((1, 2))], skips=[3])
