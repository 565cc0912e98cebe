"""Vertex elimination: its cost is what is multiplied, and no order of those tried is missed."""

from itertools import permutations

import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chainopt import JacobianChain, optimal_order
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.graphs.edges import IDENTITY, Partial
from chainopt.graphs.elimination.numeric import NumericElimination
from chainopt.graphs.elimination.orders import cheapest_order
from chainopt.graphs.elimination.vertex_elimination import VertexElimination
from chainopt.graphs.liveness import Stage


def accumulated(stage, links, sizes, order=None):
    tableau = NumericElimination(stage, links, sizes, MULTIPLICATIONS)
    cost = sum(tableau.eliminate(node) for node in order or cheapest_order(stage, links, sizes, MULTIPLICATIONS).order)
    return cost + tableau.remaining(), tableau.matrix(float)


@st.composite
def problems(draw):
    """Draw a stage with matrices at hand: inputs 0 and 1, some variables, outputs anywhere."""
    count = draw(st.integers(1, 5))
    nodes = range(2 + count)
    sizes = [draw(st.integers(1, 4)) for _ in nodes]
    links = {}
    for head in nodes[2:]:
        for tail in draw(st.sets(st.sampled_from(range(head)), min_size=1, max_size=3)):
            matrix = np.arange(sizes[head] * sizes[tail], dtype=float).reshape(sizes[head], sizes[tail]) - 1
            entries = matrix.size
            links[tail, head] = Partial(0, entries, entries, matrices=(matrix,))
    outputs = draw(st.sets(st.sampled_from(nodes), min_size=1, max_size=3))
    return Stage((0, 1), tuple(outputs), tuple(nodes[2:])), links, sizes


@given(problems())
def test_cost_is_that_of_the_products_that_are_done(problem):
    stage, links, sizes = problem
    counted = 0

    class Counting(np.ndarray):
        def __matmul__(self, other):
            nonlocal counted
            counted += self.shape[0] * self.shape[1] * other.shape[1]
            return np.asarray(self).__matmul__(np.asarray(other)).view(Counting)

    counting = {edge: link._replace(matrices=(link.matrices[0].view(Counting),)) for edge, link in links.items()}
    cost, matrix = accumulated(stage, counting, sizes, stage.computed)
    assert cost == counted
    np.testing.assert_array_equal(matrix, accumulated(stage, links, sizes)[1])


@given(problems())
def test_no_order_is_better_than_all_of_them_by_much(problem):
    stage, links, sizes = problem
    cost, order = cheapest_order(stage, links, sizes, MULTIPLICATIONS)
    costs = []
    for other in permutations(stage.computed):
        tableau = VertexElimination(stage, links, sizes, MULTIPLICATIONS)
        costs.append(sum(tableau.eliminate(node) for node in other))
        if list(other) == order:
            assert costs[-1] == cost
    forward, reverse = costs[0], costs[-1]
    assert min(costs) <= cost <= min(forward, reverse)


def test_a_lion_is_eliminated_from_behind():
    # Griewank and Walther, section 9.2: two inputs, a waist of two, four outputs.
    edges = [(0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (2, 6), (3, 7), (2, 7)]
    links = {edge: Partial(0, 1, 1) for edge in edges}
    cost, _ = cheapest_order(Stage((0, 1), (4, 5, 6, 7), (2, 3, 4, 5, 6, 7)), links, [1] * 8, MULTIPLICATIONS)
    assert cost == 3 + 2 * 4


def test_identities_cost_nothing():
    stage = Stage((0, 1), (0, 2, 1), (2,))
    links = {(0, 2): Partial(0, 10**6, 10**6, matrices=(np.ones((10, 10)),)), (1, 2): IDENTITY}
    assert cheapest_order(stage, links, [10, 10, 10], MULTIPLICATIONS)[0] == 0
    eye, zero = np.eye(10), np.zeros((10, 10))
    expected = np.block([[eye, zero], [np.ones((10, 10)), eye], [zero, eye]])
    np.testing.assert_array_equal(accumulated(stage, links, [10, 10, 10])[1], expected)


def test_a_jvp_spares_the_matrix():
    links = {(0, 1): Partial(6, 3, None), (1, 2): Partial(5000, 7, 9)}
    cost, _ = cheapest_order(Stage((0,), (2,), (1, 2)), links, [2, 1000, 50], MULTIPLICATIONS)
    assert cost == 6 + 2 * 7


def test_a_grid_of_scalars_has_no_negative_cost():
    graph = nx.grid_2d_graph(4, 4, create_using=nx.DiGraph)
    graph.remove_edges_from([edge for edge in graph.edges if edge[0] > edge[1]])
    order = {node: at for at, node in enumerate(nx.topological_sort(graph))}
    links = {(order[tail], order[head]): Partial(0, 1, 1) for tail, head in graph.edges}
    cost, taken = cheapest_order(Stage((0,), (15,), tuple(range(1, 16))), links, [1] * 16, MULTIPLICATIONS)
    assert sorted(taken) == list(range(1, 16))
    assert 0 < cost <= 24


@given(st.lists(st.integers(1, 9), min_size=3, max_size=14), st.sets(st.integers(0, 13)))
def test_a_path_costs_what_its_chain_costs_whatever_passes_through_it(dims, identities):
    sizes, partials = dims[:1], []
    for place, size in enumerate(dims[1:]):
        if place in identities:
            sizes.append(sizes[-1])
            partials.append(IDENTITY)
        partials.append(Partial(0, size * sizes[-1], size * sizes[-1]))
        sizes.append(size)
    stage = Stage((0,), (len(partials),), tuple(range(1, len(sizes))))
    cost, _ = cheapest_order(stage, {(tail, tail + 1): partial for tail, partial in enumerate(partials)}, sizes, MULTIPLICATIONS)
    assert cost == optimal_order(JacobianChain.from_dims(dims[::-1])).cost
