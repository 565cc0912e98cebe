"""Products of patterns, and which stages are joined."""

import numpy as np
import pytest
from random_sparse import random_sparse
from scipy import sparse

from chainopt.functions.sparse.products import Product, places_in
from chainopt.functions.sparse.stages import Stage, joined, multiplications, planned


def pattern(rows, columns, density, seed):
    found = random_sparse(np.random.default_rng(seed), (rows, columns), density)
    found.sort_indices()
    found.data[:] = 1
    return found.astype(bool)


@pytest.mark.parametrize("seed", range(5))
def test_products_as_scipy(seed):
    rng = np.random.default_rng(seed)
    left, right = pattern(7, 5, 0.4, seed), pattern(5, 9, 0.3, seed + 50)
    product = Product.of(left, right)
    ours, theirs = (
        sparse.csr_array((rng.normal(size=one.nnz), one.indices, one.indptr), shape=one.shape) for one in (left, right)
    )
    data = np.zeros(product.pattern.nnz)
    np.add.at(data, product.result, ours.data[product.left] * theirs.data[product.right])
    found = sparse.csr_array((data, product.pattern.indices, product.pattern.indptr), shape=product.pattern.shape)
    np.testing.assert_allclose(found.toarray(), (ours @ theirs).toarray(), atol=1e-14)
    assert product.left.size == multiplications(left, right)
    tables = product.tables()
    again = np.where(tables[0] >= 0, ours.data[tables[0]] * theirs.data[tables[1]], 0).sum(axis=0)
    np.testing.assert_allclose(again, data, atol=1e-14)


def test_places():
    one, other = pattern(6, 6, 0.5, 1), pattern(6, 6, 0.5, 2)
    places = places_in(one, other)
    dense = np.full((6, 6), -1)
    dense[one.nonzero()] = np.arange(one.nnz)
    assert places.tolist() == dense[other.nonzero()].tolist()
    assert places_in(sparse.csr_array((6, 6), dtype=bool), other).tolist() == [-1] * other.nnz


def stage(number, bands, work):
    offsets = range(-(bands // 2), bands // 2 + 1)
    diagonals = sparse.diags_array([np.ones(200)] * bands, offsets=list(offsets), shape=(200, 200)).tocsr().astype(bool)
    return Stage(number, number + 1, diagonals, work)


def test_cheap_neighbors_are_joined_and_costly_ones_are_not():
    elementwise = [stage(number, 1, 2000) for number in range(4)]
    assert [(one.first, one.last) for one in joined(elementwise)] == [(0, 4)]
    costly = [stage(number, 5, 200_000) for number in range(3)]
    assert len(joined(costly)) == 3
    cheap = [stage(number, 3, 200) for number in range(3)]
    assert len(joined(cheap)) == 1
    plan, cost = planned(costly)
    assert len(plan.chain) == 3
    assert cost >= 3 * 5 * 200_000
