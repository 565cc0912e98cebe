"""The Jacobian of a graph is the sum over all its paths, whatever the cuts and the order."""

from itertools import product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import chainopt
from chainopt import Banded, ChainError, Diagonal, Identity, Sparse
from chainopt.graphs.accumulate import accumulate
from chainopt.graphs.linearize import linearize


def written_out(attributes, size):
    """Return the matrix of an edge; an identity needs none."""
    matrix = attributes.get("jacobian", np.eye(size))
    if isinstance(matrix, LinearOperator):
        return matrix.matmat(np.eye(size))
    matrix = matrix.toarray() if sparse.issparse(matrix) else matrix
    return np.diag(matrix) if matrix.ndim == 1 else matrix


def over_all_paths(graph, inputs, outputs):
    """Sum the products along all paths, one by one."""

    def paths(tail, head):
        if tail == head:
            yield np.eye(graph.nodes[head]["size"])
        for _, middle, attributes in graph.out_edges(tail, data=True):
            for rest in paths(middle, head):
                yield rest @ written_out(attributes, graph.nodes[tail]["size"])

    size = graph.nodes.data("size")
    blocks = [[sum(paths(tail, head), np.zeros((size[head], size[tail]))) for tail in inputs] for head in outputs]
    return np.block(blocks)


@st.composite
def edges(draw, rng, rows, columns):
    """Draw what an edge says: a matrix in some form, costs, a structure, or that it is an identity."""
    costs = {name: draw(st.none() | st.integers(0, 40)) for name in ("jvp_cost", "vjp_cost")}
    matrix = rng.integers(-3, 4, (rows, columns)).astype(float)
    forms = ["dense", "dense", "sparse", "band", "operator"] + ["identity", "unit", "diagonal", "vector"] * (rows == columns)
    form = draw(st.sampled_from(forms))
    if form == "identity":
        return {"structure": Identity()} | costs
    if form == "unit":
        return {"jacobian": sparse.eye_array(rows) if rows % 2 else np.eye(rows)}
    if form in {"diagonal", "vector"}:
        diagonal = matrix.diagonal()
        return {"jacobian": diagonal if form == "vector" else sparse.diags_array(diagonal), "structure": Diagonal()} | costs
    if form == "sparse":
        return {"jacobian": sparse.csr_array(matrix * (matrix > 0))} | costs
    if form == "band":
        return {"jacobian": np.tril(np.triu(matrix, -1), 1), "structure": Banded(1, 1)} | costs
    if form == "operator":
        return {"jacobian": aslinearoperator(matrix)} | costs | {"jvp_cost": draw(st.integers(0, 40))}
    return {"jacobian": matrix} | costs


@st.composite
def graphs(draw, most=8):
    """Draw graphs with everything: skips, parallel edges, constants, several inputs and outputs, variables of size zero."""
    count = draw(st.integers(1, most))
    graph = nx.MultiDiGraph()
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    numbers = draw(st.permutations(range(count)))
    alike = draw(st.booleans())
    for node in numbers:
        graph.add_node(node, size=3 if alike else draw(st.integers(0, 4)))
    for tail, head in product(range(count), repeat=2):
        if tail < head:
            for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
                graph.add_edge(tail, head, **draw(edges(rng, graph.nodes[head]["size"], graph.nodes[tail]["size"])))
    nodes = st.lists(st.sampled_from(range(count)), min_size=1, max_size=4, unique=True)
    return graph, draw(st.none() | nodes), draw(st.none() | nodes)


@given(graphs())
def test_it_is_the_sum_over_all_paths(problem):
    graph, inputs, outputs = problem
    sources = [node for node in graph if graph.in_degree(node) == 0] if inputs is None else inputs
    sinks = [node for node in graph if graph.out_degree(node) == 0] if outputs is None else outputs
    expected = over_all_paths(graph, sources, sinks)
    result = accumulate(graph, inputs=inputs, outputs=outputs)
    dims = linearize(graph, inputs=inputs, outputs=outputs).dims
    assert result.shape == expected.shape == (dims[0], dims[-1])
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-9)


def test_a_larger_graph():
    rng = np.random.default_rng(1)
    graph = nx.DiGraph()
    for node in range(90):
        graph.add_node(node, size=int(rng.integers(1, 6)))
    for head in range(2, 90):
        for tail in {max(0, head - int(step)) for step in rng.integers(1, 5, 2)}:
            shape = graph.nodes[head]["size"], graph.nodes[tail]["size"]
            graph.add_edge(tail, head, jacobian=rng.standard_normal(shape) / 3)
    inputs = [node for node in graph if graph.in_degree(node) == 0]
    outputs = [node for node in graph if graph.out_degree(node) == 0]
    columns = {
        node: np.hstack([np.eye(graph.nodes[node]["size"], graph.nodes[other]["size"]) * (node == other) for other in inputs])
        for node in inputs
    }
    for node in nx.topological_sort(graph):
        if node not in columns:
            columns[node] = sum(graph.edges[tail, node]["jacobian"] @ columns[tail] for tail in graph.pred[node])
    np.testing.assert_allclose(accumulate(graph), np.vstack([columns[node] for node in outputs]), rtol=1e-9, atol=1e-12)


def test_operators_and_complex_numbers():
    rng = np.random.default_rng(2)
    first, second = rng.random((3, 4)) + 1j, rng.random((2, 3))
    graph = nx.DiGraph()
    graph.add_edge("x", "a", jacobian=aslinearoperator(first), jvp_cost=12, vjp_cost=12)
    graph.add_edge("a", "y", jacobian=second)
    np.testing.assert_allclose(accumulate(graph), second @ first)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"jvp_cost": 3}, "edge 'x' -> 'y' has no jacobian"),
        ({"jacobian": np.array([[None]])}, "edge 'x' -> 'y': its jacobian has the dtype object"),
        ({"jacobian": aslinearoperator(np.ones((1, 1)))}, "edge 'x' -> 'y': its jacobian is matrix-free"),
    ],
)
def test_an_edge_without_numbers_is_named(attributes, message):
    with pytest.raises(ChainError, match=message):
        accumulate(nx.DiGraph([("x", "y", attributes)]))


def test_an_edge_that_nothing_depends_on_needs_no_matrix():
    graph = nx.DiGraph([("x", "y", {"jacobian": np.array([[2.0]])}), ("x", "z"), ("c", "y")])
    np.testing.assert_array_equal(accumulate(graph, inputs=["x"], outputs=["y"]), [[2.0]])


def test_truth_values_are_counted():
    graph = nx.DiGraph()
    for tail, head in [("x", "a"), ("x", "b"), ("a", "y"), ("b", "y")]:
        graph.add_edge(tail, head, jacobian=np.array([[True]]))
    np.testing.assert_array_equal(accumulate(graph), [[2]])


def test_an_input_that_is_an_output_keeps_its_unit_where_an_identity_leads_into_it():
    graph = nx.DiGraph()
    graph.add_edge("c", "m", jacobian=np.array([[3.0]]))
    graph.add_edge("m", "d", structure=Identity())
    graph.add_edge("a", "b", structure=Identity())
    expected = np.array([[0, 3, 0], [1, 0, 1]])
    np.testing.assert_array_equal(accumulate(graph, inputs=["a", "c", "b"], outputs=["d", "b"]), expected)
    graph.add_edge("c", "b", jacobian=np.array([[5.0]]))
    expected = np.array([[0, 3, 0], [1, 5, 1]])
    np.testing.assert_array_equal(accumulate(graph, inputs=["a", "c", "b"], outputs=["d", "b"]), expected)


def edges_of(rows, columns, seed):
    """Kinds of edges with the matrices that they stand for; some matrices have a row or a column of zeros."""
    full = np.random.default_rng(seed).integers(1, 4, (rows, columns)).astype(float)
    thin, low = full.copy(), full.copy()
    thin[:, 0] = low[0] = 0
    costs = {"jvp_cost": 1, "vjp_cost": 1}
    kinds = [
        ({"jacobian": full}, full),
        ({"jacobian": full, **costs}, full),
        ({"jacobian": aslinearoperator(full), **costs}, full),
        ({"jacobian": sparse.csr_array(thin)}, thin),
        ({"jacobian": sparse.csr_array(low)}, low),
        ({"jacobian": sparse.csr_array(thin), **costs}, thin),
        ({"jacobian": aslinearoperator(sparse.csr_array(thin)), "structure": Sparse(sparse.csr_array(thin)), **costs}, thin),
    ]
    return [*kinds, ({"structure": Identity()}, np.eye(rows))] if rows == columns else kinds


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 2, 2), (2, 3, 1)])
def test_triangles_of_all_kinds_of_edges(sizes):
    x, u, y = sizes
    for first, second, past in product(edges_of(u, x, 1), edges_of(y, u, 2), edges_of(y, x, 3)):
        graph = nx.DiGraph()
        for name, size in zip("xuy", sizes, strict=True):
            graph.add_node(name, size=size)
        graph.add_edge("x", "u", **first[0])
        graph.add_edge("u", "y", **second[0])
        graph.add_edge("x", "y", **past[0])
        np.testing.assert_allclose(accumulate(graph), second[1] @ first[1] + past[1], err_msg=f"{first}, {second}, {past}")


@pytest.mark.parametrize("make", [lambda matrix: matrix.tolist(), lambda matrix: tuple(map(tuple, matrix.tolist())), list])
def test_nested_lists_are_matrices(make, tmp_path):
    left, right, beside = np.arange(6.0).reshape(2, 3), np.eye(3), np.ones((2, 3))
    edges = [("x", "v", right), ("v", "y", left), ("x", "y", beside)]
    graph = nx.DiGraph([(tail, head, {"jacobian": make(matrix)}) for tail, head, matrix in edges])
    np.testing.assert_array_equal(accumulate(graph), left + beside)
    elimination = chainopt.optimal_elimination(graph)
    np.testing.assert_array_equal(elimination.execute(), left + beside)
    np.testing.assert_array_equal(elimination.execute({("x", "v"): make(2 * right)}), 2 * left + beside)
    assert elimination.cost == 0  # the unit matrix is seen, as a list too
    chainopt.write_graphml(graph, tmp_path / "graph.graphml")
    assert chainopt.read_graphml(tmp_path / "graph.graphml").edges["x", "v"]["structure"] == chainopt.Identity()


@pytest.mark.parametrize("number", [3, 3.0, np.float64(3), np.array(3.0)])
def test_numbers_are_matrices_of_one_entry(number):
    np.testing.assert_array_equal(accumulate(nx.DiGraph([("x", "y", {"jacobian": number})])), [[3.0]])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1.0], [2.0, 3.0]], "holds rows of several lengths: give a matrix"),
        ([["a"]], r"is \[\['a'\]\]: give numbers"),
        ([[None]], r"is \[\[None\]\]: give numbers"),
        ([[10**30]], "give numbers, as NumPy has them"),
        ([1.0, 2.0], r"has the shape \(2,\): give a matrix"),
        ("[[1]]", r"is '\[\[1\]\]': give a matrix"),
        ([[np.ma.masked_array(1.0, True)]], "a list with a mask, which would be lost: give its values"),
    ],
)
def test_lists_that_are_no_matrices(given, message):
    graph = nx.DiGraph([("x", "y", {"jacobian": given})])
    for call in (accumulate, chainopt.linearize, chainopt.optimal_elimination):
        with pytest.raises(ChainError, match=f"edge 'x' -> 'y': its jacobian .*{message}"):
            call(graph)
