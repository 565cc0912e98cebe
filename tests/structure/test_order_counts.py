"""What the products of an order need, by rows that are drawn: if all are, that is what they need."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from chainopt import Diagonal, Identity, Jacobian, Sparse, compare, optimal_order
from chainopt.structure import order_counts
from chainopt.structure.leaves import Leaf
from chainopt.structure.order_counts import OrderCounts


@st.composite
def orders(draw):
    """Matrices, some of them the same, and the products of an order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size, factors = draw(st.integers(1, 7)), draw(st.integers(2, 7))
    pool = [sparse.csr_array(rng.random((size, size)) < rng.random()) for _ in range(3)]
    leaves = [Leaf((size, size), matrix.nnz, source=matrix) for matrix in pool]
    chosen = [draw(st.integers(0, 2)) for _ in range(factors)]
    products, waiting = [], [(0, factors)]
    while waiting:
        i, j = waiting.pop()
        if j > i + 1:
            k = draw(st.integers(i + 1, j - 1))
            products.append((i, k, j))
            waiting += [(i, k), (k, j)]
    return [pool[k].toarray() for k in chosen], [leaves[k] for k in chosen], products


@given(orders())
def test_all_rows_tell_all(given_orders):
    matrices, leaves, products = given_orders
    counts = OrderCounts(leaves, 10**6)
    assert counts.form({*products}, math.inf)

    def pattern(i, j):
        product = np.eye(len(matrices[0]), dtype=int)
        for matrix in matrices[i:j]:
            product = (product @ matrix > 0).astype(int)
        return product

    for i, k, j in products:
        left, right = pattern(i, k), pattern(k, j)
        assert counts.work(i, k, j) == pytest.approx(int(left.sum(axis=0) @ right.sum(axis=1)))
        assert counts.nonzeros(i, j) == pytest.approx(int(pattern(i, j).sum()))
        assert counts.nonzeros(i, i + 1) == matrices[i].sum()


def blocks(size):
    return sparse.csr_array(sparse.kron(sparse.eye_array(size // 5), np.ones((5, 5))))


def band(size):
    return sparse.csr_array(sparse.diags_array(np.ones((5, size)), offsets=[-2, -1, 0, 1, 2], shape=(size, size)))


@pytest.mark.parametrize("factors", [5, 12, 20])
@pytest.mark.parametrize("make", [blocks, band])
def test_what_hardly_fills_up_costs_about_what_it_does(make, factors):
    """Numbers of nonzeros alone say up to a thousand times as much, for they take nonzeros to be spread evenly."""
    matrices = [make(4000).copy() for _ in range(factors)]
    comparison = compare(matrices)
    plan = comparison.optimal
    assert not plan.cost_is_exact
    assert optimal_order(matrices, patterns="exact").cost == pytest.approx(plan.cost, rel=0.25)
    assert plan.cost == sum(operation.cost for operation in plan.operations)
    for pure in (comparison.forward, comparison.reverse):
        assert plan.cost <= pure.cost
        assert pure.cost == pytest.approx(plan.cost, rel=0.75)


@pytest.mark.parametrize("seed", range(8))
def test_costs_of_operations_add_up_beside_identities(seed):
    rng = np.random.default_rng(seed)
    structures = [Identity(), Diagonal(), Sparse(blocks(2000)), Sparse(band(2000))]
    chosen = rng.choice([0, 1, 2, 2, 3, 3], int(rng.integers(3, 14)))
    comparison = compare([Jacobian((2000, 2000), structure=structures[which]) for which in chosen])
    for plan in (comparison.optimal, comparison.forward, comparison.reverse):
        assert plan.cost == sum(operation.cost for operation in plan.operations)


def spread(rows, columns, per_row, rng):
    """Return a matrix with its nonzeros anywhere, so that products fill up."""
    places = np.repeat(np.arange(rows), per_row), rng.integers(0, columns, rows * per_row)
    return sparse.csr_array((np.ones(rows * per_row), places), shape=(rows, columns))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("thin", [30, 100, 400])
def test_rows_are_not_formed_where_that_takes_as_long_as_the_product(monkeypatch, side, thin):
    """Rows of all factors fill up, and meet a thin factor at last: one order has never more than a few rows or columns."""
    rng = np.random.default_rng(0)
    matrices = [spread(2000, 2000, 8, rng) for _ in range(10)]
    end = spread(thin, 2000, 8, rng)
    matrices = [end, *matrices] if side == "left" else [*matrices, end.T.tocsr()]
    formed = []
    times = order_counts._Rows.times

    def counting(self, ones, begun):
        formed.append(self.work(np.diff(ones.indptr)))
        return times(self, ones, begun)

    monkeypatch.setattr(order_counts._Rows, "times", counting)
    plan = optimal_order(matrices)
    assert not plan.cost_is_exact
    assert plan.mode.value == ("reverse" if side == "left" else "forward")
    assert sum(formed) <= plan.cost / 20


def test_no_more_multiplications_are_spent_than_may_be():
    rng = np.random.default_rng(0)
    matrices = [spread(1000, 1000, 5, rng) for _ in range(8)]
    leaves = [Leaf(matrix.shape, matrix.nnz, source=matrix) for matrix in matrices]
    sweep = [(0, k, k + 1) for k in range(1, 8)]
    assert order_counts.order_counts(leaves, [sweep], 1e9).work(0, 1, 2) == pytest.approx(25_000, rel=0.2)
    assert order_counts.order_counts(leaves, [sweep], 1e3) is None
    thin = [Leaf((20, 1000), 100, source=spread(20, 1000, 5, rng)), *leaves[1:]]
    assert order_counts.order_counts(thin, [sweep], 1e9) is None
