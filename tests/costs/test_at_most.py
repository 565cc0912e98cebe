"""What products of sparse matrices need at most: never less than they do, and the order that risks least."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from chainopt import multi_dot, optimal_order
from chainopt.costs.at_most import AtMost
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.costs.operation_costs import total
from chainopt.structure.leaves import Leaf, dense_leaf
from chainopt.structure.sampled_counts import SampledCounts


@st.composite
def chains(draw):
    """Matrices of zeros and ones, some of them the same and some dense, and what is known of them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    factors = draw(st.integers(1, 6))
    sizes = rng.integers(1, 9, factors + 1).tolist()
    matrices, leaves = [], []
    for shape in pairwise(sizes):
        if matrices and shape == matrices[-1].shape and rng.random() < 0.5:
            matrices.append(matrices[-1])
            leaves.append(leaves[-1])
            continue
        density = rng.choice([0.0, 0.2, 0.6, 1.0])
        matrix = sparse.csr_array(rng.random(shape) < density).astype(np.int64)
        matrices.append(matrix)
        leaves.append(dense_leaf(shape) if density == 1.0 else Leaf(shape, matrix.nnz, source=matrix))
    return matrices, leaves


def pattern(matrices):
    product = matrices[0].toarray()
    for matrix in matrices[1:]:
        product = (product @ matrix.toarray() > 0).astype(np.int64)
    return product


@given(chains())
def test_never_less_than_is_needed(chain):
    matrices, leaves = chain
    bounds, factors = AtMost(leaves), len(leaves)
    for i in range(factors):
        for k in range(i + 1, factors):
            for j in range(k + 1, factors + 1):
                needed = int(pattern(matrices[i:k]).sum(axis=0) @ pattern(matrices[k:j]).sum(axis=1))
                assert bounds.work(i, k, j) >= needed
                if j == i + 2:
                    assert bounds.work(i, k, j) == needed


@given(chains())
def test_no_order_risks_less(chain):
    leaves = chain[1]
    bounds = AtMost(leaves)

    def least(i, j):
        return min((least(i, k) + least(k, j) + bounds.work(i, k, j) for k in range(i + 1, j)), default=0.0)

    assert bounds.cost == pytest.approx(least(0, len(leaves)))
    assert bounds.of(bounds.products) == pytest.approx(bounds.cost)
    assert len(bounds.products) == len(leaves) - 1


def hub(rows, columns):
    """Return a matrix with a full row, a full column and a diagonal."""
    places = np.arange(max(rows, columns))
    where = [places[:rows], 0 * places[:rows]], [0 * places[:columns], places[:columns]], [places[:rows], places[:rows] % columns]
    rows_of, columns_of = np.hstack(where)
    matrix = sparse.csr_array((np.ones(rows_of.size), (rows_of, columns_of)), shape=(rows, columns))
    matrix.data[:] = 1.0
    return matrix


@pytest.mark.parametrize("sizes", [[3000] * 10 + [40], [40] + [3000] * 10, [400] * 10])
def test_rows_are_not_drawn_where_the_product_is_shorter(monkeypatch, sizes):
    """Where rows fill up, to draw them takes many times as long as to sweep a thin matrix through such factors."""
    matrices = [hub(*shape) for shape in pairwise(sizes)]

    def refuse(*_):
        pytest.fail("rows are drawn")

    with monkeypatch.context() as context:
        context.setattr(SampledCounts, "__init__", refuse)
        multi_dot(matrices)
        plan = optimal_order([matrix.copy() for matrix in matrices])
    drawn = optimal_order([matrix.copy() for matrix in matrices], patterns="estimated")
    needed, of_drawn = (total(each.chain, each.association, MULTIPLICATIONS) for each in (plan, drawn))
    assert needed <= 1.5 * of_drawn
    assert needed / 4 <= plan.cost <= 4 * needed


def test_rows_are_drawn_where_much_is_at_stake():
    rng = np.random.default_rng(0)
    places = [(15_000 * rng.random((2, 60_000)) ** 3).astype(int) for _ in range(3)]
    matrices = [sparse.csr_array((np.ones(60_000), tuple(place)), shape=(15_000, 15_000)) for place in places]
    plan = optimal_order(matrices)
    assert isinstance(plan.model.estimates, SampledCounts)


def test_bounds_are_for_chains_of_some_factors(monkeypatch):
    """All intervals have bounds, so that these take a time that grows with the third power of the factors."""
    monkeypatch.setattr(AtMost, "__init__", lambda *_: pytest.fail("bounds are found"))
    matrix = hub(300, 300) / 300
    product = multi_dot([matrix] * 200)
    assert product.shape == (300, 300)
    assert not optimal_order([matrix] * 200).cost_is_exact
