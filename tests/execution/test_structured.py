"""Structured plans: cost against counted multiplications, the product against the plain one, the form of what comes out."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator
from strategies import chains, written_out

import chainopt
from chainopt import Banded, ChainError, Dense, Diagonal, Identity, Jacobian, JacobianChain, Plan, Sparse, optimal_order


class Counted:
    """A matrix as a dict of its nonzeros, which counts the multiplications that it takes part in."""

    def __init__(self, entries, *, is_unit=False):
        self.entries = entries
        self.is_unit = is_unit

    def times(self, other):
        if self.is_unit or other.is_unit:
            return (other if self.is_unit else self), 0
        product, count = {}, 0
        for (i, k), left in self.entries.items():
            for (row, j), right in other.entries.items():
                if k == row:
                    product[i, j] = product.get((i, j), 0) + left * right
                    count += 1
        return Counted(product), count


def matrix_of(structure, shape, rng):
    if isinstance(structure, Identity):
        return np.eye(*shape)
    return rng.uniform(1, 2, shape) * written_out(structure, shape)


def as_array(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)


def product_of(matrices):
    result = matrices[0]
    for matrix in matrices[1:]:
        result = result @ matrix
    return result


@settings(max_examples=200)
@given(chains(), st.integers(0, 10**6))
def test_cost_is_the_number_of_multiplications_that_executing_takes(problem, seed):
    dims, structures = problem
    rng = np.random.default_rng(seed)
    shapes = [(dims[at], dims[at + 1]) for at in range(len(structures))]
    matrices = [matrix_of(structure, shape, rng) for structure, shape in zip(structures, shapes, strict=True)]
    plan = optimal_order([Jacobian(shape, structure=kind) for shape, kind in zip(shapes, structures, strict=True)])
    held = {
        (at, at): Counted(dict(np.ndenumerate(matrix)) | {}, is_unit=isinstance(structures[at], Identity))
        for at, matrix in enumerate(matrices)
    }
    for matrix in held.values():
        matrix.entries = {place: value for place, value in matrix.entries.items() if value != 0}
    counted = 0
    for operation in plan.operations:
        left, right = held.pop((operation.first, operation.split)), held.pop((operation.split + 1, operation.last))
        held[operation.first, operation.last], count = left.times(right)
        assert count == operation.cost
        counted += count
    assert counted == plan.cost
    expected = product_of(matrices)
    result = held[0, len(dims) - 2].entries
    np.testing.assert_allclose([result.get(place, 0) for place, _ in np.ndenumerate(expected)], expected.ravel())


@settings(max_examples=150)
@given(chains(smallest=1), st.integers(0, 10**6))
def test_the_product_is_the_plain_one(problem, seed):
    dims, structures = problem
    rng = np.random.default_rng(seed)
    jacobians, matrices, factors = [], [], []
    for at, structure in enumerate(structures):
        shape = (dims[at], dims[at + 1])
        matrix, costs = matrix_of(structure, shape, rng), {}
        form = rng.integers(4)
        if form == 0:
            costs = {"jvp_cost": int(rng.integers(9)), "vjp_cost": int(rng.integers(9))}
            costs.pop(str(rng.choice(["jvp_cost", "vjp_cost", "neither"])), None)
        matrices.append(matrix)
        factors.append(aslinearoperator(matrix) if form == 0 else sparse.csr_array(matrix) if form == 1 else matrix)
        jacobians.append(Jacobian(shape, structure=structure, **costs))
    chain = JacobianChain(jacobians)
    plan = optimal_order(chain)
    assert plan.cost == optimal_order(chain, method="textbook").cost == sum(step.cost for step in plan.operations)
    assert Plan.from_json(plan.to_json()) == plan
    assert plan.peak_memory >= 0
    comparison = chainopt.compare(chain)
    assert all(pure is None or pure.cost >= plan.cost for pure in (comparison.forward, comparison.reverse))
    for order in (plan, comparison.forward, comparison.reverse):
        if order is not None and (len(chain) > 1 or order.operations):
            np.testing.assert_allclose(as_array(order.execute(factors)), product_of(matrices))
            np.testing.assert_allclose(as_array(order.execute(factors, chunk_size=2)), product_of(matrices))


def test_across_a_size_of_zero():
    dims, structures = [0, 1, 3, 0, 1, 2], [Dense(), Diagonal(), Diagonal(), Diagonal(), Diagonal()]
    for begin in range(4):
        shapes = [(dims[at], dims[at + 1]) for at in range(begin, 5)]
        chain = [Jacobian(shape, structure=kind) for shape, kind in zip(shapes, structures[begin:], strict=True)]
        for order in (optimal_order, chainopt.forward_order, chainopt.reverse_order):
            result = as_array(order(chain).execute([np.zeros(shape) for shape in shapes]))
            assert result.shape == (dims[begin], 2)
            assert not result.any()


def layered(rng, width=40, outputs=3):
    structures = [Dense(), Diagonal(), Dense(), Diagonal(), Dense()]
    shapes = [(outputs, width), (width, width), (width, width), (width, width), (width, 2 * width)]
    matrices = [matrix_of(structure, shape, rng) for structure, shape in zip(structures, shapes, strict=True)]
    return [Jacobian(shape, structure=kind) for shape, kind in zip(shapes, structures, strict=True)], matrices


def test_a_layered_network_does_not_pay_for_its_diagonals():
    jacobians, matrices = layered(np.random.default_rng(0))
    plan = optimal_order(jacobians)
    assert plan.cost == 3 * 40 + 3 * 40 * 40 + 3 * 40 + 3 * 40 * 80
    assert optimal_order([jacobian.shape for jacobian in jacobians]).cost == 24_000
    vectors = [matrix.diagonal().copy() if at % 2 else matrix for at, matrix in enumerate(matrices)]
    for factors in (matrices, vectors):
        product = plan.execute(factors)
        assert type(product) is np.ndarray
        np.testing.assert_allclose(product, product_of(matrices))
    out = np.empty((3, 80))
    assert plan.execute(vectors, out=out) is out
    np.testing.assert_allclose(out, product_of(matrices))


def test_structured_products_stay_sparse():
    size = 20_000  # a dense matrix of it would need 3.2 GB
    rng = np.random.default_rng(0)
    vector = rng.random(size)
    stencil = sparse.diags_array([rng.random(size - 1), rng.random(size), rng.random(size - 1)], offsets=[-1, 0, 1])
    jacobians = [Jacobian((size, size), structure=kind) for kind in (Diagonal(), Banded(1, 1), Banded(1, 1), Diagonal())]
    plan = optimal_order(jacobians)
    product = plan.execute([vector, stencil, stencil, vector])
    assert product.format == (stencil @ stencil).format  # "dia", before SciPy 1.16 "csr"
    assert product.data.size <= 5 * size
    expected = sparse.diags_array(vector) @ stencil @ stencil @ sparse.diags_array(vector)
    assert abs((product - expected).tocsr()).max() < 1e-12
    diagonals = optimal_order([Jacobian((size, size), structure=Diagonal())] * 3)
    product = diagonals.execute([vector] * 3)
    assert (diagonals.cost, diagonals.peak_memory, product.format) == (2 * size, 2 * size, "dia")
    np.testing.assert_allclose(product.diagonal(), vector**3)


def test_an_identity_costs_nothing_and_changes_nothing():
    matrix = np.arange(12.0).reshape(3, 4)
    plan = optimal_order([Jacobian((3, 3), structure=Identity()), Jacobian((3, 4)), Jacobian((4, 4), structure=Identity())])
    assert plan.cost == 0
    np.testing.assert_array_equal(plan.execute([np.eye(3), matrix, np.ones(4)]), matrix)
    both = optimal_order([Jacobian((3, 3), structure=Identity())] * 2)
    np.testing.assert_array_equal(both.execute([np.eye(3), np.eye(3)]), np.eye(3))


@pytest.mark.parametrize(
    ("structure", "matrix", "message"),
    [
        (Diagonal(), np.array([[1, 2], [0, 1]]), r"factors\[0\] \(J2\) was planned with the structure Diagonal\(\), but has"),
        (Diagonal(), np.array([[1, np.nan], [0, 1]]), "has nonzeros outside of it"),
        (Diagonal(), sparse.csr_array([[1, 2], [0, 1]]), "has nonzeros outside of it"),
        (Identity(), np.array([[1, 0], [0, 2]]), "is not an identity"),
        (Identity(), np.array([2, 1]), "is not an identity"),
        (Banded(0, 1), np.array([[1, 2], [3, 1]]), "has nonzeros outside of it"),
        (Banded(0, 1), sparse.csr_array([[1, 2], [3, 1]]), "has nonzeros outside of it"),
        (Sparse(np.array([[1, 0], [1, 1]])), np.array([[1, 2], [3, 1]]), "has nonzeros outside of it"),
        (Sparse(np.array([[1, 0], [1, 1]])), sparse.csr_array([[1, 2], [3, 1]]), "has nonzeros outside of it"),
        (Banded(0, 1), np.array([1, 2]), r"has the shape \(2,\), but the plan is for \(2, 2\)"),
    ],
)
def test_matrices_without_their_structure_are_refused(structure, matrix, message):
    plan = optimal_order([Jacobian((2, 2), structure=structure), (2, 3)])
    with pytest.raises(ChainError, match=message):
        plan.execute([matrix, np.ones((2, 3))])
    with pytest.raises(ChainError, match=message.replace("J2", "J1")):
        optimal_order([Jacobian((2, 2), structure=structure)]).execute([matrix])


def test_with_torch(torch):
    jacobians, matrices = layered(np.random.default_rng(1))
    plan = optimal_order(jacobians)
    tensors = [torch.as_tensor(matrix) for matrix in matrices]
    product = plan.execute([tensors[0], tensors[1].diagonal(), *tensors[2:]])
    assert isinstance(product, torch.Tensor)
    np.testing.assert_allclose(product.numpy(), product_of(matrices))
    diagonals = optimal_order([jacobians[1]] * 2)
    np.testing.assert_allclose(diagonals.execute([tensors[1]] * 2).numpy(), matrices[1] @ matrices[1])
    band = optimal_order([Jacobian((40, 40), structure=Banded(0, 0)), jacobians[1]])
    np.testing.assert_allclose(band.execute([tensors[1]] * 2).numpy(), matrices[1] @ matrices[1])
    with pytest.raises(ChainError, match="has nonzeros outside of it"):
        diagonals.execute([torch.ones(40, 40)] * 2)


def test_with_jax_traced_too(jax):
    jacobians, matrices = layered(np.random.default_rng(2))
    plan = optimal_order(jacobians)
    arrays = [jax.numpy.asarray(matrix) for matrix in matrices]
    for run in (plan.execute, jax.jit(plan.execute)):
        product = run(arrays)
        assert isinstance(product, jax.Array)
        np.testing.assert_allclose(product, product_of(matrices), rtol=1e-4)
    diagonals = optimal_order([jacobians[1]] * 2)
    np.testing.assert_allclose(diagonals.execute([arrays[1]] * 2), matrices[1] @ matrices[1], rtol=1e-4)


class TorchStage:
    """A stage that works on tensors."""

    def __init__(self, matrix):
        self.matrix, self.shape, self.dtype = matrix, tuple(matrix.shape), matrix.dtype
        self.columns = []

    def matmat(self, seeds):
        self.columns.append(seeds.shape[1])
        return self.matrix @ seeds

    def rmatmat(self, seeds):
        self.columns.append(seeds.shape[1])
        return self.matrix.T @ seeds


@pytest.mark.parametrize("cost", ["jvp_cost", "vjp_cost"])
def test_a_colored_accumulation_asks_for_as_many_vectors_as_it_costs(torch, cost):
    dense = written_out(Banded(1, 1), (30, 30)) * np.random.default_rng(3).random((30, 30))
    plan = optimal_order(
        [Jacobian((30, 30), structure=Banded(1, 1), **{cost: 5}), Jacobian((30, 30), structure=Sparse(np.eye(30)))]
    )
    stage = TorchStage(torch.as_tensor(dense))
    product = plan.execute([stage, torch.eye(30, dtype=torch.float64)])
    np.testing.assert_allclose(product.numpy(), dense)
    assert stage.columns == [3]
    operator = aslinearoperator(dense)
    assert plan.operations[0].cost == 15
    np.testing.assert_allclose(plan.execute([operator, sparse.eye_array(30)]).toarray(), dense)


def test_no_more_is_held_than_the_plan_says():
    size, width = 3_000, 20
    rng = np.random.default_rng(0)
    jacobians = [Jacobian((size, size), structure=Banded(2, 2)), Jacobian((size, size), structure=Diagonal())]
    jacobians += [Jacobian((size, width)), Jacobian((width, size))]
    band = sparse.diags_array([rng.random(size - abs(offset)) for offset in range(-2, 3)], offsets=[*range(-2, 3)])
    factors = [band, rng.random(size), rng.random((size, width)), rng.random((width, size))]
    for plan in (chainopt.forward_order(jacobians), optimal_order(jacobians[:3])):
        given_factors = factors[: len(plan.chain)]
        plan.execute(given_factors)
        tracemalloc.start()
        plan.execute(given_factors)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 8 * plan.peak_memory * 1.01 + 100_000


@pytest.mark.parametrize("size", [3, 0])
@pytest.mark.parametrize("structure", [Diagonal(), Banded(1, 1), Sparse(np.eye(3, dtype=bool))])
def test_one_matrix_free_stage(structure, size):
    if isinstance(structure, Sparse):
        structure = Sparse(np.eye(size, dtype=bool))
    matrix = np.diag(np.arange(1.0, size + 1))
    for costs in ({"jvp_cost": 1}, {"vjp_cost": 1}):
        plan = optimal_order([Jacobian((size, size), structure=structure, **costs)])
        found = plan.execute([aslinearoperator(matrix)])
        assert sparse.issparse(found)
        np.testing.assert_array_equal(found.toarray(), matrix)
