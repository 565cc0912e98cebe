"""Nonzeros of products, by rows that are drawn: of few rows all are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from chainopt import optimal_order
from chainopt.structure.leaves import Leaf
from chainopt.structure.sampled_counts import FEWEST, SampledCounts

FACTORS = {
    "fills up": np.eye(6) + np.eye(6, k=1) + np.eye(6, k=-1),
    "moves": np.roll(np.eye(6), 1, axis=1),
    "stays": np.kron(np.eye(2), np.ones((3, 3))),
    "vanishes": np.eye(6, k=1),
    "has an empty column": np.tri(6) * (np.arange(6) != 2),
}


def leaf_of(matrix):
    listed = sparse.csr_array(matrix)
    return Leaf(listed.shape, listed.nnz, source=listed)


def pattern_of(matrices):
    product = np.eye(len(matrices[0]), dtype=bool)
    for matrix in matrices:
        product = product @ (matrix != 0)
    return product


@given(st.lists(st.tuples(st.sampled_from(sorted(FACTORS)), st.integers(1, 9)), min_size=1, max_size=4))
def test_products_of_powers(powers):
    names = [name for name, exponent in powers for _ in range(exponent)]
    leaves = {name: leaf_of(FACTORS[name]) for name in set(names)}
    counts = SampledCounts([leaves[name] for name in names])
    for i in range(len(names)):
        for j in range(len(names), i, -1):  # the longest first, so that others are known by then
            nonzeros = np.count_nonzero(pattern_of([FACTORS[name] for name in names[i:j]]))
            assert counts._nonzeros_drawn(i, j) == nonzeros
            assert (counts.nonzeros(i, j) > 0) == (nonzeros > 0)


def test_of_longer_chains_fewer_rows_are_drawn():
    leaf = leaf_of(sparse.eye_array(3 * FEWEST))
    counts = SampledCounts([leaf] * 1000)
    assert counts.nonzeros(0, 1000) == 3 * FEWEST
    assert counts._drawn[0].rows.size == FEWEST


def test_a_long_power_is_printed_with_each_pattern_formed_once(monkeypatch):
    """The cost of reverse mode, which nobody plans, is estimated from the patterns of powers."""
    original, formed = sparse.csr_array.__matmul__, []

    def product(left, right):
        if sparse.issparse(right):
            formed.append(right)
        return original(left, right)

    monkeypatch.setattr(sparse.csr_array, "__matmul__", product)
    step = sparse.csr_array(sparse.diags_array(np.ones((3, 40)), offsets=[-1, 0, 1], shape=(40, 40)))
    plan = optimal_order([step] * 500 + [np.ones((40, 1))])
    assert "about" in str(plan)
    assert len(formed) <= 50
