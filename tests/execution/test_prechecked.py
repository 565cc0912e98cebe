"""Sparse factors that were found to fit before: asked little, but never trusted where something may have changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from chainopt import ChainError, multi_dot, optimal_order
from chainopt.execution.checked_patterns import prechecked

FORMS = (sparse.csr_array, sparse.csc_array, sparse.csr_matrix, sparse.csc_matrix)


@st.composite
def chains(draw):
    """Square matrices, some of them several times, and mostly a thin dense one at the right."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(1, 9))
    full = rng.normal(size=(4, size, size))
    kinds = [draw(st.sampled_from(FORMS))(numbers * (rng.random((size, size)) < 0.4)) for numbers in full[:3]]
    kinds.append(full[3])
    factors = [kinds[draw(st.integers(0, 3))] for _ in range(draw(st.integers(2, 7)))]
    return [*factors, rng.normal(size=(size, 2))] if draw(st.booleans()) else factors


def whole(factors):
    return np.linalg.multi_dot([factor if isinstance(factor, np.ndarray) else factor.toarray() for factor in factors])


def dense(matrix):
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


@given(chains(), st.integers(2, 3))
def test_the_second_call_gives_what_the_first_gave(factors, scale):
    plan = optimal_order(factors)
    first = plan.execute(factors)
    is_sparse = plan.chain.structures is not None
    assert (prechecked(plan.chain, factors) is not None) is is_sparse
    second = plan.execute(tuple(factors))
    assert type(second) is type(first)
    np.testing.assert_array_equal(dense(second), dense(first))
    np.testing.assert_allclose(dense(second), whole(factors), atol=1e-12)
    for factor in {id(factor): factor for factor in factors}.values():
        values = factor if isinstance(factor, np.ndarray) else factor.data
        values *= scale
    np.testing.assert_allclose(dense(plan.execute(factors)), whole(factors), atol=1e-9)
    np.testing.assert_allclose(dense(multi_dot(factors)), whole(factors), atol=1e-9)


class Halved(sparse.csr_array):
    """A matrix whose product is another."""

    def __matmul__(self, other):
        return super().__matmul__(other) / 2


MATRIX = sparse.csr_array(np.array([[1.0, 0, 2], [0, 3, 0], [0, 0, 4]]))
RIGHT = np.arange(6.0).reshape(3, 2)


def with_one(change):
    """Return the matrix with the same arrays of indices, after a change."""
    other = sparse.csr_array((MATRIX.data.copy(), MATRIX.indices, MATRIX.indptr), shape=(3, 3))
    change(other)
    return other


def replace(name, value):
    return lambda matrix: setattr(matrix, name, value)


@pytest.mark.parametrize(
    "other",
    [
        Halved((MATRIX.data, MATRIX.indices, MATRIX.indptr), shape=(3, 3)),
        MATRIX.toarray(),
        MATRIX.toarray().view(np.matrix),  # which warns of itself where it is made otherwise
        MATRIX.tocoo(),
        MATRIX.tolil(),
        with_one(replace("data", MATRIX.data.astype(complex) * 1j)),
        with_one(replace("data", MATRIX.data > 2)),
        with_one(replace("indices", MATRIX.indices.copy())),
        with_one(replace("indices", MATRIX.indices[::-1].copy())),
        with_one(replace("data", MATRIX.data.astype("O"))),
        with_one(lambda matrix: matrix.resize((3, 2))),
        np.ma.masked_greater(MATRIX.toarray(), 3),
        np.ones((3, 3)),
        [[1, 0, 2], [0, 3, 0], [0, 0, 4]],
        None,
    ],
    ids=lambda other: type(other).__name__,
)
def test_what_is_put_in_its_place_is_asked_everything(other):
    used, unused = (optimal_order([MATRIX.copy(), MATRIX.copy(), RIGHT]) for _ in range(2))
    for _ in range(2):
        used.execute([MATRIX, MATRIX, RIGHT])
    assert prechecked(used.chain, [MATRIX, MATRIX, RIGHT])
    for factors in ([other, MATRIX, RIGHT], [MATRIX, other, RIGHT], [other, other, RIGHT]):
        outcomes = []
        for plan in (unused, used, used):
            try:
                outcomes.append(plan.execute(factors))
            except ChainError as error:
                outcomes.append(str(error))
        assert {*map(type, outcomes)} in ({str}, {type(outcomes[0])})
        for outcome in outcomes[1:]:
            np.testing.assert_array_equal(outcome, outcomes[0])


def test_other_numbers_of_factors_are_refused():
    plan = optimal_order([MATRIX, MATRIX, RIGHT])
    for _ in range(2):
        plan.execute([MATRIX, MATRIX, RIGHT])
    for factors in ([MATRIX, RIGHT], [MATRIX] * 3 + [RIGHT], [RIGHT], []):
        with pytest.raises(ChainError, match="factors has"):
            plan.execute(factors)
    with pytest.raises(ChainError, match="has the shape"):
        plan.execute([MATRIX, RIGHT, MATRIX])
