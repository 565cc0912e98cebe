"""The interval program by tiles, uncompiled and compiled, against the plain recurrence."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import recurrence

from chainopt import Jacobian, JacobianChain, optimal_order
from chainopt.costs.multiplications import stack_table
from chainopt.kernels import interval_dp
from chainopt.kernels.policy import compiled
from chainopt.solvers import interval
from chainopt.testing import chain_dims

MORE_THAN_ANY = 10**90


def filled_by_tiles(dims, tile, weights=None):
    width = len(dims)
    table = [[MORE_THAN_ANY] * width for _ in dims]
    begins = range(0, width, tile)
    for diagonal in range(len(begins)):
        for row, column in zip(begins, begins[diagonal:], strict=False):
            ends = min(row + tile, width), min(column + tile, width)
            interval_dp.fill_tile(table, dims, weights, None, None, None, [0] * width, row, ends[0], column, ends[1], tile)
    return table


@given(st.lists(st.integers(0, 9), min_size=2, max_size=20), st.integers(1, 9))
def test_tiles_of_every_size(dims, tile):
    table = filled_by_tiles(dims, tile)
    assert {(i, j): table[i][j] for i in range(len(dims)) for j in range(i + 1, len(dims))} == recurrence(dims).cost


@given(st.lists(st.integers(1, 9), min_size=2, max_size=14), st.integers(1, 6), st.integers(0, 10**6))
def test_tiles_with_weights(dims, tile, seed):
    weights = np.random.default_rng(seed).integers(0, 5, (len(dims), len(dims))).tolist()
    table = filled_by_tiles(dims, tile, weights)
    expected = recurrence(dims, price=lambda i, k, j: weights[i][j] * dims[i] * dims[k] * dims[j]).cost
    assert {(i, j): table[i][j] for i in range(len(dims)) for j in range(i + 1, len(dims))} == expected


@pytest.mark.parametrize("factors", [interval.UNTILED - 2, interval.UNTILED, interval.UNTILED + 1, 5 * interval.TILE + 3])
def test_compiled_tiles_around_their_thresholds(factors):
    chain = JacobianChain.from_dims(chain_dims("few sizes", factors))
    plan = optimal_order(chain, method="interval")
    assert plan.cost == optimal_order(chain, method="polygon").cost == sum(plan.operations.cost.tolist())
    plan.association.check()


@pytest.mark.usefixtures("warm")
def test_compiled_tiles_with_stacks():
    factors = interval.UNTILED + 40
    dims = chain_dims("few sizes", factors)
    batches = [(3,) if at in (5, 300) else () for at in range(factors)]
    plan = optimal_order([Jacobian(shape, batch=batch) for shape, batch in zip(pairwise(dims), batches, strict=True)])
    assert plan.method == "interval"
    assert plan.cost == sum(plan.operations.cost.tolist())
    counts = stack_table(tuple(batches))
    table = np.full((factors + 1, factors + 1), 2**62, dtype=np.int64)
    fill_tile = compiled(interval_dp.fill_tile, interval_dp.relax, interval_dp.relax_twice)
    sizes = np.array(dims)
    width = len(dims)
    fill_tile(table, sizes, counts.astype(np.int64), None, None, None, np.empty_like(sizes), 0, width, 0, width, width)
    assert table[0, factors] == plan.cost
