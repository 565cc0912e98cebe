"""`multi_dot` of sparse chains: right, and in an order whose real cost is close to the least."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainopt import ChainError, Jacobian, JacobianChain, Sparse, multi_dot, optimal_order
from chainopt.bracketing.bracketing import Bracketing
from chainopt.costs.estimates import EVEN, _skew, estimates_of
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.costs.operation_costs import total
from chainopt.ordering import sparse_order as room
from chainopt.structure import sampled_counts
from chainopt.structure.leaves import Leaf

sparse = pytest.importorskip("scipy.sparse")
from random_sparse import random_sparse  # noqa: E402 -- which needs SciPy


def uniform(rng, shape):
    return random_sparse(rng, shape, rng.choice([0.002, 0.01, 0.05]))


def power_law(rng, shape):
    rows, columns = (rng.permutation(size)[(rng.zipf(1.6, shape[0] * shape[1] // 100) - 1) % size] for size in shape)
    return sparse.csr_array((np.ones(rows.size), (rows, columns)), shape=shape)


def banded(rng, shape):
    width = int(rng.integers(1, 4))
    return sparse.diags_array([1.0] * (2 * width + 1), offsets=range(-width, width + 1), shape=shape).tocsr()


def blocks(rng, shape):
    count = int(rng.integers(2, 9))
    whole = sparse.kron(sparse.eye_array(count), np.ones((shape[0] // count, shape[1] // count)), format="csr")
    return sparse.csr_array(
        (whole.data, whole.indices, np.append(whole.indptr, [whole.nnz] * (shape[0] - whole.shape[0]))), shape
    )


KINDS = [uniform, power_law, banded, blocks]


def in_order(products):
    splits = {(i, j): k for i, k, j in products}
    return Bracketing.from_splits(len(products) + 1, lambda i, j: splits[i, j])


def chain_of(rng, kinds):
    sizes = rng.integers(100, 500, rng.integers(4, 8)).tolist()
    factors = [rng.choice(kinds)(rng, shape) for shape in pairwise(sizes)]
    return [*factors, np.ones((sizes[-1], int(rng.integers(1, 4))))] if rng.random() < 0.3 else factors


@pytest.mark.parametrize("kinds", [[kind] for kind in KINDS] + [KINDS], ids=["uniform", "power law", "banded", "blocks", "mixed"])
def test_the_estimated_order_costs_little_more_than_the_best(kinds, monkeypatch):
    monkeypatch.setattr(room, "MUCH", 0)
    rng = np.random.default_rng(5)
    ratios = []
    for _ in range(20):
        factors = chain_of(rng, kinds)
        chain = JacobianChain([Jacobian(each.shape, structure=Sparse(each)) for each in factors])
        best = optimal_order(chain, patterns="exact").cost
        ratios.append(total(chain, in_order(room.sparse_order(factors)), MULTIPLICATIONS) / max(best, 1) if best else 1.0)
    assert np.mean(ratios) <= 1.05
    assert max(ratios) <= 1.5


@given(st.integers(0, 2**32), st.sampled_from(["csr", "csc", "coo", "dia", "lil"]))
def test_equal_to_the_product_by_hand(seed, form):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 8, rng.integers(3, 7)).tolist()
    factors = [
        rng.standard_normal(shape) if rng.random() < 0.3 else random_sparse(rng, shape, 0.4).asformat(form)
        for shape in pairwise(sizes)
    ]
    product = multi_dot(factors)
    expected = np.linalg.multi_dot([each if isinstance(each, np.ndarray) else each.toarray() for each in factors])
    assert isinstance(product, np.ndarray) == any(isinstance(each, np.ndarray) for each in factors)
    np.testing.assert_allclose(product if isinstance(product, np.ndarray) else product.toarray(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (([3], (4, 7)), ([5], (7, 9))),  # the diagonals meet nowhere
        (([3], (4, 4)), ([3], (4, 4))),  # or beyond the last column
        (([], (4, 4)), ([0], (4, 4))),
        (([0, -1], (1, 3)), ([-2], (3, 2))),
    ],
)
def test_matrices_whose_product_has_no_diagonals(left, right):
    factors = [sparse.dia_array((np.ones((len(offsets), 9)), offsets), shape=shape) for offsets, shape in (left, right)]
    product = multi_dot([*factors, sparse.dia_array(np.eye(right[1][1]))])
    np.testing.assert_array_equal(product.toarray(), factors[0].toarray() @ factors[1].toarray())


def test_powers_are_swept_through_a_vector_without_counting(monkeypatch):
    monkeypatch.setattr("chainopt.structure.sampled_counts.SampledCounts", lambda _: pytest.fail("counted"))
    matrix = uniform(np.random.default_rng(0), (400, 400))
    vector = np.ones(400)
    np.testing.assert_allclose(multi_dot([matrix, matrix, matrix, vector]), matrix @ (matrix @ (matrix @ vector)))


def test_what_a_product_of_large_matrices_needs_is_told_from_some_entries():
    rng = np.random.default_rng(3)
    places = rng.permutation(3_000)[(rng.zipf(1.5, 40_000) - 1) % 3_000], rng.integers(0, 2_000, 40_000)
    left, right = (
        sparse.csr_array((np.ones(40_000), pair), shape=shape)
        for pair, shape in ((places[::-1], (2_000, 3_000)), (places, (3_000, 2_000)))
    )
    exact = np.bincount(left.indices, minlength=3_000) @ np.diff(right.indptr)
    assert exact > 20 * left.nnz * right.nnz / 3_000  # than if they were spread
    leaves = [Leaf(matrix.shape, matrix.nnz, source=matrix) for matrix in (left, right)]
    assert _skew(*leaves, 1.0) == pytest.approx(exact, rel=0.1)
    even = sparse.csr_array(np.ones((2_000, 3))) @ sparse.csr_array(np.ones((3, 2_000)))
    work = even.nnz * 2_000.0
    assert _skew(*[Leaf(even.shape, even.nnz, source=even)] * 2, work) == 1.0 < EVEN  # as its longest rows say


def test_a_chain_of_even_matrices_is_ordered_without_drawing_rows(monkeypatch):
    drawn = []
    counts = sampled_counts.SampledCounts
    monkeypatch.setattr(sampled_counts, "SampledCounts", lambda leaves: drawn.append(leaves) or counts(leaves))
    factors = [random_sparse(np.random.default_rng(seed), (4_000, 4_000), 0.001) for seed in range(3)]
    assert estimates_of([Leaf(each.shape, each.nnz, source=each) for each in factors], room.MUCH).cost() > room.MUCH
    assert not drawn
    words = random_sparse(np.random.default_rng(1), (4_000, 40), 0.1)
    hub = sparse.hstack([words, sparse.csr_array((4_000, 3_960))], format="csr")
    multi_dot([hub, hub.T.tocsr(), hub])
    assert len(drawn) == 1


def test_what_does_not_fit_is_refused_as_before():
    with pytest.raises(ChainError, match=r"columns"):
        multi_dot([sparse.eye_array(3), sparse.eye_array(4), np.ones((4, 1))])
    with pytest.raises(ChainError, match="dtype"):
        multi_dot([sparse.eye_array(3), np.full((3, 3), None), np.ones((3, 1))])


def test_a_matrix_is_checked_once_and_anew_where_it_has_changed(monkeypatch):
    from chainopt.execution import structured

    checks = []
    inside = structured._is_stored_inside
    monkeypatch.setattr(structured, "_is_stored_inside", lambda *given: checks.append(given) or inside(*given))
    matrix = uniform(np.random.default_rng(2), (60, 60))
    plan = optimal_order([matrix, matrix, matrix, np.ones((60, 1))])
    expected = matrix @ (matrix @ (matrix @ np.ones((60, 1))))
    for _ in range(3):
        np.testing.assert_allclose(plan.execute([matrix, matrix, matrix, np.ones((60, 1))]), expected)
    assert len(checks) == 1  # of one matrix that is three factors
    matrix.data *= 2
    np.testing.assert_allclose(plan.execute([matrix, matrix, matrix, np.ones((60, 1))]), 8 * expected)
    assert len(checks) == 1
    other = sparse.csr_array(np.ones((60, 60)))
    for _ in range(2):
        with pytest.raises(ChainError, match="has nonzeros outside of it"):
            plan.execute([matrix, other, matrix, np.ones((60, 1))])
