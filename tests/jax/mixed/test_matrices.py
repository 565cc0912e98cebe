"""Products of matrices of which nonzeros are held, and of full ones, as NumPy's."""

from itertools import product as pairs

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse

from chainopt.functions.sparse.given_pattern import tidy
from chainopt.jax.mixed.matrices import Matrix, product

pytestmark = pytest.mark.usefixtures("quick_and_exact")


def dense(rows, columns, seed):
    return np.random.default_rng(seed).standard_normal((rows, columns))


def even(rows, columns, seed):
    return sparse.csr_array(np.where(np.random.default_rng(seed).random((rows, columns)) < 0.3, dense(rows, columns, seed), 0))


def uneven(rows, columns, seed):
    """Return a matrix with one full row, and one nonzero in each other one."""
    places = np.eye(rows, columns, seed % 3) + (np.arange(rows) == 1)[:, None]
    return sparse.csr_array(np.where(places, dense(rows, columns, seed), 0))


def held(matrix):
    if isinstance(matrix, np.ndarray):
        return Matrix(None, jnp.asarray(matrix))
    matrix.sort_indices()
    return Matrix(tidy(matrix), jnp.asarray(matrix.data))


def whole(matrix):
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


@pytest.mark.parametrize(("left", "right"), [*pairs([dense, even, uneven], repeat=2)])
def test_every_pair(left, right):
    one, other = left(9, 30, 0), right(30, 7, 1)
    ours, theirs = held(one), held(other)
    pattern, multiply = product(ours.pattern, theirs.pattern)
    assert (pattern is None) == (ours.pattern is None or theirs.pattern is None)
    found = Matrix(pattern, multiply(ours.array, theirs.array)).whole()
    np.testing.assert_allclose(found, whole(one) @ whole(other), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("make", [even, uneven])
def test_what_is_no_nonzero_is_not_multiplied(make):
    columns = dense(30, 2, 1)
    columns[0] = np.inf
    matrix = sparse.csr_array(make(9, 30, 0).toarray() * (np.arange(30) > 0))
    ours = held(matrix)
    found = product(ours.pattern, None)[1](ours.array, jnp.asarray(columns))
    columns[0] = 0
    np.testing.assert_allclose(found, matrix @ columns, rtol=1e-13)
