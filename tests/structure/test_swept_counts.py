"""What a sweep needs, by rows that are drawn: of few rows all are, so that only nearly full ones may be counted wrong."""

from itertools import accumulate
from operator import matmul
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from chainopt import optimal_order
from chainopt.structure import swept_counts
from chainopt.structure.leaves import Leaf, dense_leaf
from chainopt.structure.swept_counts import SweptCounts

SIZE = 6
FACTORS = {
    "fills up": np.eye(SIZE) + np.eye(SIZE, k=1) + np.eye(SIZE, k=-1),
    "moves": np.roll(np.eye(SIZE), 1, axis=1),
    "stays": np.kron(np.eye(2), np.ones((3, 3))),
    "vanishes": np.eye(SIZE, k=1),
    "has an empty column": np.tri(SIZE) * (np.arange(SIZE) != 2),
    "is dense": np.ones((SIZE, SIZE)),
}


def leaf_of(matrix):
    if matrix.all():
        return dense_leaf(matrix.shape)
    listed = sparse.csr_array(matrix)
    return Leaf(listed.shape, listed.nnz, source=listed)


def counted(matrices):
    """Return the nonzeros of all products from left to right, and the work of each."""
    patterns = [matrix != 0 for matrix in matrices]
    products = list(accumulate(patterns, matmul))
    work = [int(left.sum(axis=0) @ right.sum(axis=1)) for left, right in zip(products, patterns[1:], strict=False)]
    return [int(product.sum()) for product in products], work


@given(st.lists(st.sampled_from(sorted(FACTORS)), min_size=2, max_size=12), st.booleans())
def test_all_rows_of_small_factors_are_swept(names, is_forward):
    matrices = [FACTORS[name] for name in names]
    leaves = {name: leaf_of(FACTORS[name]) for name in names}
    with mock.patch.object(swept_counts, "ALIKE", 1.0):
        counts = SweptCounts([leaves[name] for name in names], is_forward=is_forward)
    nonzeros, work = counted([matrix.T for matrix in reversed(matrices)] if is_forward else matrices)
    for width in range(2, len(names) + 1):
        end = len(names) if is_forward else width
        begin = end - width
        split = begin + 1 if is_forward else end - 1
        assert counts.nonzeros(begin, end) == nonzeros[width - 1]
        assert counts.work(begin, split, end) == work[width - 2]


@pytest.mark.parametrize("is_forward", [False, True])
def test_a_few_rows_stand_for_many(is_forward):
    rng = np.random.default_rng(0)
    size = 500
    matrices = [rng.random((size, size)) < 3 / size for _ in range(9)]
    matrices[3][7] = True
    matrices[5][:, 9] = True
    counts = SweptCounts([leaf_of(matrix) for matrix in matrices], is_forward=is_forward)
    _, work = counted([matrix.T for matrix in reversed(matrices)] if is_forward else matrices)
    estimated = [counts.work(*((9 - width, 10 - width, 9) if is_forward else (0, width - 1, width))) for width in range(2, 10)]
    assert sum(estimated) == pytest.approx(sum(work), rel=0.2)


def test_pure_modes_beside_an_estimated_plan_look_at_one_sweep_each(monkeypatch):
    """To draw rows for all products of sixty different factors takes a minute, where the product takes milliseconds."""
    rng = np.random.default_rng(0)
    factors = [sparse.csr_array(rng.random((900, 900)) < 3 / 900, dtype=float) for _ in range(20)]
    plan = optimal_order([*factors, np.ones((900, 1))])
    assert not plan.cost_is_exact
    monkeypatch.setattr("chainopt.structure.sampled_counts.SampledCounts", None)
    ones = [(factor != 0).astype(float) for factor in factors]
    product, cost = ones[0], 900 * 900
    for factor in ones[1:]:
        cost += int(np.asarray(product.sum(axis=0)) @ np.diff(factor.indptr))
        product = (product @ factor > 0).astype(float)
    line = next(line for line in str(plan).splitlines() if line.startswith("reverse"))
    assert int(line.split()[2].strip(",").replace(",", "")) == pytest.approx(cost, rel=0.2)
