"""What is executed is what was planned: as many products, JVPs and VJPs, inside the stages too."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_sparse import random_sparse
from scipy import sparse

import chainopt
from chainopt import Banded, ChainError, Diagonal, Identity, accumulate, linearize
from chainopt.graphs.edges import IDENTITY, Partial
from chainopt.graphs.liveness import Stage
from chainopt.graphs.stage_operator import StageOperator


class Counted(np.ndarray):
    """An array whose products are counted."""

    multiplications = 0

    def __matmul__(self, other):
        if sparse.issparse(other):
            Counted.multiplications += self.shape[0] * other.nnz
            return (np.asarray(self) @ other).view(Counted)
        Counted.multiplications += self.shape[0] * self.shape[1] * other.shape[1]
        return np.asarray(self).__matmul__(np.asarray(other)).view(Counted)

    def __rmatmul__(self, other):
        return Counted.__matmul__(np.asarray(other).view(Counted), self)


class Operator:
    """A matrix that is known by its JVPs and VJPs only, each of which has its cost."""

    def __init__(self, matrix, jvp_cost, vjp_cost):
        self.entries, self.jvp_cost, self.vjp_cost = matrix, jvp_cost, vjp_cost
        self.shape, self.dtype = matrix.shape, matrix.dtype
        self.spent = 0

    def matmat(self, matrix):
        assert self.jvp_cost is not None
        self.spent += matrix.shape[1] * self.jvp_cost
        return (self.entries @ np.asarray(matrix)).view(Counted)

    def rmatmat(self, matrix):
        assert self.vjp_cost is not None
        self.spent += matrix.shape[1] * self.vjp_cost
        return (self.entries.T @ np.asarray(matrix)).view(Counted)


@st.composite
def graphs(draw):
    """Draw graphs whose edges are operators, or matrices at hand, or identities."""
    count = draw(st.integers(2, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    graph = nx.DiGraph()
    alike = draw(st.booleans())
    for node in range(count):
        graph.add_node(node, size=4 if alike else draw(st.integers(1, 6)))
    for head in range(1, count):
        for tail in draw(st.sets(st.integers(0, head - 1), min_size=1, max_size=3)):
            shape = graph.nodes[head]["size"], graph.nodes[tail]["size"]
            matrix = rng.integers(-2, 3, shape).astype(float)
            kind = draw(st.sampled_from(["operator", "operator", "matrix", "identity"]))
            if kind == "identity" and alike:
                graph.add_edge(tail, head, structure=Identity(), known=np.eye(shape[0]))
            elif kind == "matrix":
                graph.add_edge(tail, head, jacobian=matrix.view(Counted), known=matrix)
            else:
                jvp, vjp = draw(st.tuples(st.integers(0, 60), st.integers(0, 60)) | st.just((9, None)) | st.just((None, 9)))
                operator = Operator(matrix, jvp, vjp)
                graph.add_edge(tail, head, jacobian=operator, jvp_cost=jvp, vjp_cost=vjp, known=matrix)
    return graph


def expected_of(graph):
    inputs = [node for node in graph if graph.in_degree(node) == 0]
    size = graph.nodes.data("size")
    rows = {}
    for node in nx.topological_sort(graph):
        if node in inputs:
            rows[node] = np.hstack([np.eye(size[node], size[other]) * (node == other) for other in inputs])
        else:
            rows[node] = sum(graph.edges[tail, node]["known"] @ rows[tail] for tail in graph.pred[node])
    return np.vstack([rows[node] for node in graph if graph.out_degree(node) == 0])


@given(graphs())
def test_no_more_is_spent_than_was_planned(graph):
    cost = chainopt.optimal_order(linearize(graph)).cost
    Counted.multiplications = 0
    result = accumulate(graph)
    np.testing.assert_allclose(np.asarray(result), expected_of(graph), atol=1e-9)
    spent = sum(getattr(attributes.get("jacobian"), "spent", 0) for _, _, attributes in graph.edges(data=True))
    assert spent + Counted.multiplications <= cost


def test_a_stage_is_pushed_edge_by_edge():
    rng = np.random.default_rng(0)
    a, b, c = rng.random((3, 2)), rng.random((4, 3)), rng.random((4, 2))
    links = {
        (0, 1): Partial(0, 6, 6, matrices=(a,)),
        (1, 2): Partial(0, 12, 12, matrices=(b,)),
        (0, 2): Partial(0, 8, 8, matrices=(c,)),
    }
    links[3, 4] = IDENTITY
    stage = Stage((0, 3), (2, 4, 3, 1), (1, 2, 4))
    operator = StageOperator(stage, links, [2, 3, 4, 5, 5], np.dtype(float))
    zero = np.zeros
    whole = np.block([[b @ a + c, zero((4, 5))], [zero((5, 2)), np.eye(5)], [zero((5, 2)), np.eye(5)], [a, zero((3, 5))]])
    assert operator.shape == whole.shape
    right, left = rng.random((7, 3)), rng.random((17, 2))
    np.testing.assert_allclose(operator.matmat(right), whole @ right)
    np.testing.assert_allclose(operator.rmatmat(left), whole.T @ left)


def test_complex_stages_are_pulled_back_through_their_adjoint():
    rng = np.random.default_rng(0)
    a, b = rng.random((30, 40)) + 1j * rng.random((30, 40)), rng.random((1, 30)) - 1j
    graph = nx.DiGraph()
    graph.add_edge("x", "u", jacobian=a, jvp_cost=5000, vjp_cost=5)
    graph.add_edge("x", "v", jacobian=1j * a, jvp_cost=5000, vjp_cost=5)
    graph.add_edge("u", "y", jacobian=b)
    graph.add_edge("v", "y", jacobian=b)
    np.testing.assert_allclose(accumulate(graph), b @ a + 1j * b @ a)


def test_sparse_edges_are_planned_and_multiplied_as_such():
    rng = np.random.default_rng(1)
    size = 50
    graph = nx.DiGraph()
    graph.add_edge("x", "a", jacobian=sparse.diags_array(rng.random(size)))
    graph.add_edge("a", "b", jacobian=random_sparse(rng, (size, size), 0.05))
    graph.add_edge("b", "c", jacobian=sparse.diags_array([rng.random(size - 1), rng.random(size)], offsets=[-1, 0]))
    graph.add_edge("c", "y", jacobian=rng.random((3, size)))
    chain = linearize(graph)
    assert chain[3].structure == Diagonal()
    assert chain[1].structure == Banded(1, 0)
    assert chain[2].structure.indices.size == 125
    assert chainopt.optimal_order(chain).cost < 3 * size * size
    matrices = [edge["jacobian"] for edge in graph.edges.values()]
    expected = matrices[3] @ matrices[2].toarray() @ matrices[1].toarray() @ matrices[0].toarray()
    np.testing.assert_allclose(accumulate(graph), expected)


def test_a_diagonal_may_be_its_vector():
    graph = nx.DiGraph()
    graph.add_edge("x", "a", jacobian=np.array([2.0, 3.0]), structure=Diagonal())
    graph.add_edge("a", "y", jacobian=np.array([[1.0, 1.0]]))
    assert chainopt.optimal_order(linearize(graph)).cost == 2
    np.testing.assert_array_equal(accumulate(graph), [[2.0, 3.0]])


def test_elementwise_layers_with_a_skip_are_counted_as_diagonals():
    graph = nx.DiGraph()
    for node, size in {"x": 20, "a": 30, "b": 30, "y": 20}.items():
        graph.add_node(node, size=size)
    graph.add_edge("x", "a")
    graph.add_edge("a", "b", structure=Diagonal())
    graph.add_edge("b", "y")
    graph.add_edge("x", "z", jvp_cost=1, vjp_cost=1)
    graph.add_edge("y", "z", structure=Diagonal())
    graph.nodes["z"]["size"] = 20
    plan = chainopt.optimal_order(linearize(graph))
    assert plan.cost <= 20 * 30 + 20 * 30 * 20 + 20 * 20 + 20


def test_blocks_are_the_structure_of_a_stage():
    graph = nx.DiGraph()
    sizes = {"x": 9, "p": 9, "a": 9, "b": 9, "y": 2}
    nx.set_node_attributes(graph, {})
    for node, size in sizes.items():
        graph.add_node(node, size=size)
    graph.add_edges_from([("x", "a"), ("a", "b"), ("b", "y"), ("p", "y")])
    chain = linearize(graph)
    # Dense blocks beside a passed variable cost what they would without it.
    assert chainopt.optimal_order(chain).cost <= 2 * (2 * 9 * 9)


def test_what_is_outside_of_a_structure_is_refused():
    graph = nx.DiGraph([("x", "y", {"jacobian": np.ones((2, 2)), "structure": Diagonal()})])
    with pytest.raises(ChainError, match=r"edge 'x' -> 'y': its jacobian has nonzeros outside of its structure, Diagonal\(\)"):
        accumulate(graph)
    with pytest.raises(ChainError, match="edge 'x' -> 'y': structure is 'diagonal'"):
        linearize(nx.DiGraph([("x", "y", {"structure": "diagonal"})]))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_what_is_said_to_be_an_identity_is_one(make):
    def graph(matrix):
        return nx.DiGraph([("x", "y", {"jacobian": matrix, "structure": Identity()})])

    for wrong in (np.ones((2, 2)), np.zeros((2, 2)), np.diag([1, 2]), np.array([[0, 1], [1, 0]]), np.array([[3]])):
        with pytest.raises(ChainError, match="edge 'x' -> 'y': its jacobian is not an identity, but its structure is Identity"):
            accumulate(graph(make(wrong)))
    for size in (0, 1, 3):
        np.testing.assert_array_equal(np.asarray(accumulate(graph(make(np.eye(size))))), np.eye(size))
