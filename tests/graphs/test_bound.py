"""The bound on what a good order can gain holds, and is found without ordering anything."""

import math
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import chainopt
from chainopt import InfeasibleError, Jacobian, JacobianChain
from chainopt.graphs.gain_bound import gain_bound, smallest_cut
from chainopt.graphs.linearize import linearize
from chainopt.graphs.reader import read_graph
from chainopt.structure.structures import Banded, Diagonal, Identity

COST = st.integers(1, 200)


@st.composite
def chains(draw):
    dims = draw(st.lists(st.integers(1, 30), min_size=2, max_size=8))
    stages = []
    for rows, columns in pairwise(dims):
        jvp, vjp = draw(st.tuples(COST, COST) | st.tuples(COST, st.none()) | st.tuples(st.none(), COST))
        accumulation = draw(st.none() | st.integers(0, 500))
        structure = draw(st.sampled_from([None, None, Banded(1, 1)]))
        stages.append(Jacobian((rows, columns), jvp_cost=jvp, vjp_cost=vjp, accumulation_cost=accumulation, structure=structure))
    return JacobianChain(stages)


@given(chains())
@example(JacobianChain([Jacobian((1, 1), jvp_cost=1), Jacobian((1, 1), jvp_cost=1, vjp_cost=1, accumulation_cost=2)]))
def test_no_order_gains_more(chain):
    pure = []
    for order in (chainopt.forward_order, chainopt.reverse_order):
        try:
            pure.append(order(chain).cost)
        except InfeasibleError:
            continue
    bound = gain_bound(chain)
    if not pure:
        assert bound == math.inf
        return
    cost = chainopt.optimal_order(chain).cost
    assert min(pure) <= cost * bound * (1 + 1e-12) or (cost == 0 and (bound == math.inf or min(pure) == 0))


def test_a_sweep_begins_with_an_accumulation_that_is_dearer_than_its_vectors():
    chain = [Jacobian((1, 1), jvp_cost=1), Jacobian((1, 1), jvp_cost=1, vjp_cost=1, accumulation_cost=2)]
    assert (chainopt.forward_order(chain).cost, chainopt.optimal_order(chain).cost) == (3, 2)
    assert gain_bound(chain) == 1.5
    graph = nx.DiGraph()
    graph.add_edge("x", "v", jvp_cost=1, vjp_cost=1, accumulation_cost=2)
    graph.add_edge("v", "y", jvp_cost=1)
    assert gain_bound(graph) == 1.5


def test_known_bounds():
    hourglass = [Jacobian((512, 8), jvp_cost=1, vjp_cost=1), Jacobian((8, 512), jvp_cost=1, vjp_cost=1)]
    assert gain_bound(hourglass) == 64
    assert gain_bound([Jacobian((5, 9), jvp_cost=3, vjp_cost=3), Jacobian((9, 5), jvp_cost=2, vjp_cost=2)]) == 1
    assert gain_bound([Jacobian((5, 9), jvp_cost=3), Jacobian((9, 5), vjp_cost=2)]) == math.inf


def test_there_is_none_where_a_matrix_is_at_hand():
    assert gain_bound(JacobianChain.from_dims([3, 4, 5])) is None
    assert gain_bound([Jacobian((3, 4)), Jacobian((4, 3), jvp_cost=3)]) is None
    assert gain_bound(nx.DiGraph([("x", "y")])) is None


def matrix_free(edges, sizes):
    graph = nx.DiGraph()
    for node, size in sizes.items():
        graph.add_node(node, size=size)
    graph.add_edges_from(edges, jvp_cost=2, vjp_cost=3)
    return graph


def test_the_cut_of_a_graph_is_a_set_of_variables():
    edges = [("x", "a"), ("x", "b"), ("a", "y"), ("b", "y")]
    graph = matrix_free(edges, {"x": 100, "a": 4, "b": 5, "y": 80})
    assert smallest_cut(read_graph(graph)) == 9
    assert gain_bound(graph) == min(100 * 8, 80 * 12) / (9 * 8)
    graph.add_edge("x", "y", jvp_cost=2, vjp_cost=3)
    assert smallest_cut(read_graph(graph)) == 80
    assert gain_bound(graph) == pytest.approx(min(100 * 10, 80 * 15) / (80 * 10))


@given(st.lists(st.integers(1, 9), min_size=5, max_size=5))
def test_no_live_set_is_smaller_than_the_cut(sizes):
    edges = [(0, 1), (0, 2), (1, 3), (2, 3), (2, 4), (3, 4)]
    graph = matrix_free(edges, dict(enumerate(sizes)))
    cut = smallest_cut(read_graph(graph))
    assert cut <= min(linearize(graph).dims)


def test_nothing_connected():
    graph = nx.DiGraph([("x", "a"), ("b", "y")])
    assert smallest_cut(read_graph(graph, ["x"], ["y"])) == 0


def test_diagonal_edges_are_as_dear_as_their_colors():
    graph = nx.path_graph(["x", "u", "y"], create_using=nx.DiGraph)
    nx.set_node_attributes(graph, 10, "size")
    graph.add_edge("x", "u", jvp_cost=4, vjp_cost=5, structure=Diagonal())
    graph.add_edge("u", "y", jvp_cost=100, vjp_cost=100)
    bound = gain_bound(graph)
    assert bound == (10 * 104) / (4 + 10 * 100)
    assert chainopt.optimal_order(linearize(graph)).cost == 4 + 10 * 100  # which seeds of ten columns would do in 1,040


def test_the_operations_of_traced_code_are_bounded_together(jax):
    from chainopt.jax import computation_graph

    jnp = jax.numpy

    def hourglass(x):
        return jnp.outer(jnp.tanh(jnp.tile(x, 20).reshape(20, 20).sum(axis=1)[:2]), jnp.ones(30)).ravel()

    def layers(x):
        weights = [jnp.ones(shape) / 40 for shape in ((3, 40), (40, 3), (50, 40))]
        return weights[2] @ jnp.sin(weights[1] @ jnp.tanh(weights[0] @ x))

    for function, inputs in ((hourglass, jnp.ones(20)), (layers, jnp.ones(40))):
        graph = computation_graph(function, inputs)
        chain, bound = linearize(graph), gain_bound(graph)
        assert bound is not None
        assert bound >= 1
        pure = min(order(chain).cost for order in (chainopt.forward_order, chainopt.reverse_order))
        assert pure <= bound * chainopt.optimal_order(chain).cost


def test_an_edge_that_hands_its_variable_on_costs_nothing():
    graph = matrix_free([("x", "u"), ("u", "y")], {"x": 9, "u": 2, "y": 7})
    bound = gain_bound(graph)
    graph.add_node("z", size=7)
    graph.add_edge("y", "z", structure=Identity())
    assert gain_bound(graph) == bound
