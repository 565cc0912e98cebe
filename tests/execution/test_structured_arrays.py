"""Structured factors in arrays of other kinds: what ``@`` gives, or an error before anything is computed."""

import networkx as nx
import numpy as np
import pytest

from chainopt import Banded, BlockDiagonal, ChainError, Diagonal, Identity, Jacobian, Sparse, accumulate, optimal_order

sparse = pytest.importorskip("scipy.sparse")
DIAGONAL, BAND = np.diag([1.0, 2.0, 3.0]), np.array([[1.0, 2, 0], [0, 3, 4], [0, 0, 5]])
BLOCKS = np.array([[1.0, 0, 0], [0, 2, 3], [0, 4, 5]])
STRUCTURES = {
    "identity": (Identity(), np.eye(3)),
    "diagonal": (Diagonal(), DIAGONAL),
    "band": (Banded(0, 1), BAND),
    "blocks": (BlockDiagonal([(1, 1), (2, 2)]), BLOCKS),
    "places": (Sparse(BAND != 0), BAND),
}


class Labelled(np.ndarray):
    """A subclass that says nothing of its own."""


KINDS = {
    "matrix": np.asmatrix,
    "subclass": lambda array: array.view(Labelled),
    "float16": lambda array: array.astype(np.float16),
    "bool": lambda array: array.astype(bool),
    "csr_matrix": sparse.csr_matrix,
    "csr_array of bool": lambda array: sparse.csr_array(array.astype(bool)),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STRUCTURES)
def test_as_the_product_of_the_full_matrices(name, kind):
    structure, full = STRUCTURES[name]
    matrix, right = KINDS[kind](full), np.arange(6.0).reshape(3, 2)
    stages = 1 if "bool" in kind else 2  # products of bools are bools, so that their order matters
    plan = optimal_order([Jacobian((3, 3), structure=structure)] * stages + [Jacobian((3, 2))])
    factors = [matrix] * stages + [right]
    expected, product = (matrix @ right if stages == 1 else matrix @ (matrix @ right)), plan.execute(factors)
    assert (type(product), product.dtype) == (type(expected), expected.dtype)
    np.testing.assert_allclose(product, expected)
    outside = KINDS[kind](np.ones((3, 3)) + np.eye(3))
    with pytest.raises(ChainError, match="was planned with the structure"):
        plan.execute([outside, *factors[1:]])


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor:UserWarning")
@pytest.mark.parametrize("name", STRUCTURES)
def test_sparse_tensors_are_refused(torch, name):
    structure, full = STRUCTURES[name]
    plan = optimal_order([Jacobian((3, 3), structure=structure), Jacobian((3, 2))])
    for tensor in (torch.as_tensor(full).to_sparse_coo(), torch.as_tensor(full).to_sparse_csr()):
        with pytest.raises(ChainError, match=r"factors\[0\].*to_dense"):
            plan.execute([tensor, torch.ones(3, 2, dtype=torch.float64)])


@pytest.mark.parametrize("structure", [Identity(), Diagonal(), Banded(1, 1)], ids=["identity", "diagonal", "band"])
def test_what_cannot_be_looked_at_is_multiplied_as_it_is(jax, structure):
    plan = optimal_order([Jacobian((3, 3), structure=structure), Jacobian((3, 2))])
    full, right = jax.numpy.ones((3, 3)), jax.numpy.ones((3, 2))
    np.testing.assert_allclose(jax.jit(lambda left: plan.execute([left, right]))(full), full @ right)


def test_lazy_arrays_with_entries_beside_the_diagonal():
    array = pytest.importorskip("dask.array")
    plan = optimal_order([Jacobian((3, 3), structure=Diagonal()), Jacobian((3, 2))])
    np.testing.assert_allclose(plan.execute([array.ones((3, 3)), np.ones((3, 2))]).compute(), 3 * np.ones((3, 2)))


def test_masks_and_gradients_are_not_dropped_by_accumulate(torch):
    for jacobian, message in (
        (np.ma.array([[1.0, 2.0]], mask=[[True, False]]), "masked array"),
        (torch.ones(1, 2, requires_grad=True), "detach"),
    ):
        graph = nx.DiGraph()
        graph.add_edge("x", "y", jacobian=jacobian)
        with pytest.raises(ChainError, match=f"'x' -> 'y'.*{message}"):
            accumulate(graph)


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("form", ["csr_array", "csr_matrix", "csc_array", "coo_array"])
def test_what_is_stored_twice_stays_so(form, name):
    structure, full = STRUCTURES[name]
    rows, columns = np.nonzero(full.T if form.startswith("csc") else full)
    begins, halves = np.searchsorted(rows, np.arange(4)), (full.T if form.startswith("csc") else full)[rows, columns] / 2
    places = (np.tile(rows, 2), np.tile(columns, 2)) if form == "coo_array" else (np.repeat(columns, 2), 2 * begins)
    values = np.tile(halves, 2) if form == "coo_array" else np.repeat(halves, 2)
    matrix = getattr(sparse, form)((values, places) if form == "coo_array" else (values, *places), shape=(3, 3))
    stored = matrix.data.copy()
    plan = optimal_order([Jacobian((3, 3), structure=structure), Jacobian((3, 2))])
    np.testing.assert_allclose(plan.execute([matrix, np.ones((3, 2))]), full @ np.ones((3, 2)))
    graph = nx.DiGraph([("x", "y")])
    graph.edges["x", "y"].update(jacobian=matrix, structure=structure)
    np.testing.assert_allclose(np.asarray(accumulate(graph)), full)
    np.testing.assert_array_equal(matrix.data, stored)  # SciPy's own counts of nonzeros add them up in place


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_array])
def test_what_was_inside_of_its_places_is_looked_at_again(form):
    right = np.arange(6.0).reshape(3, 2)
    matrix = form(sparse.csr_array((np.ones(4), np.array([0, 1, 1, 0]), np.array([0, 2, 3, 4])), shape=(3, 3)))
    plan = optimal_order([matrix, right])
    expected = plan.execute([matrix, right])
    moved = form((3, 3))  # the same array of indices, but other rows, and the transpose that shares both arrays
    moved.data, moved.indices, moved.indptr = matrix.data, matrix.indices, matrix.indptr[[0, 0, 1, 3]]
    transpose = (sparse.csc_array if form is sparse.csr_array else sparse.csr_array)((3, 3))
    transpose.data, transpose.indices, transpose.indptr = matrix.data, matrix.indices, matrix.indptr
    zeros = sparse.csr_array(np.ones((3, 3)))  # which stores zeros outside, and then something else
    zeros.data[:] = matrix.toarray().ravel()
    np.testing.assert_array_equal(plan.execute([zeros, right]), expected)
    zeros.data[:] = 1
    for other in (moved, transpose, zeros):
        with pytest.raises(ChainError, match="nonzeros outside"):
            plan.execute([other, right])
    np.testing.assert_array_equal(plan.execute([matrix, right]), expected)
