"""Chains of matrix-free stages: the tiled interval program against the same three choices in a plainly written compiled loop."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

import chainopt
from chainopt.testing import chain_dims

WHO = ("chainopt", "plain compiled loop")
CASES = [
    pytest.param(factors, who, marks=pytest.mark.long if factors > 800 else ())
    for factors in (100, 300, 800, 1_600, 5_000)
    for who in WHO
    if factors < 5_000 or who == "chainopt"  # the plain loop would take minutes
]


def chain_of(factors, seed=0):
    costs = np.random.default_rng(seed).integers(1, 20_000, factors).tolist()
    shapes = pairwise(chain_dims("random", factors, seed))
    stages = [
        chainopt.Jacobian(shape, jvp_cost=cost, vjp_cost=cost, tape=cost) for shape, cost in zip(shapes, costs, strict=True)
    ]
    return chainopt.JacobianChain(stages)


def plain_loop(sizes, leaves, push, pull):
    """Fill the published recurrence as it stands there: at every split a product, a run of pushes, or a run of pulls."""
    factors = len(sizes) - 1
    pushes, pulls = np.zeros(factors + 1, dtype=np.int64), np.zeros(factors + 1, dtype=np.int64)
    for at in range(factors):
        pushes[at + 1], pulls[at + 1] = pushes[at] + push[at], pulls[at] + pull[at]
    cost = np.zeros((factors, factors), dtype=np.int64)
    split = np.zeros((factors, factors), dtype=np.int64)
    for i in range(factors):
        cost[i, i] = leaves[i]
    for width in range(1, factors):
        for i in range(factors - width):
            j = i + width
            best, where = np.int64(2**62), -1
            for k in range(i, j):
                left, right = cost[i, k], cost[k + 1, j]
                product = left + right + sizes[i] * sizes[k + 1] * sizes[j + 1]
                pushed = right + sizes[j + 1] * (pushes[k + 1] - pushes[i])
                pulled = left + sizes[i] * (pulls[j + 1] - pulls[k + 1])
                for other in (product, pushed, pulled):
                    if other < best:
                        best, where = other, k
            cost[i, j] = best
            split[i, j] = where
    return cost[0, factors - 1]


@pytest.fixture(scope="module")
def compiled_loop():
    from numba import njit

    return njit(plain_loop)


@pytest.mark.parametrize(("factors", "who"), CASES)
def test_generalized_chains(measure, compiled_loop, factors, who):
    chain = chain_of(factors)
    sizes = np.array(chain.dims)
    costs = np.array([jacobian.jvp_cost for jacobian in chain])
    arrays = sizes, np.minimum(sizes[:-1], sizes[1:]) * costs, costs, costs
    calls = {"chainopt": lambda: chainopt.optimal_order(chain).cost, "plain compiled loop": partial(compiled_loop, *arrays)}
    result = measure("matrix-free chains of n stages", f"n = {factors:,}", who, calls[who], rounds=1 if factors > 2_000 else 5)
    assert result == chainopt.optimal_order(chain).cost


@pytest.mark.parametrize("who", ["chainopt.optimal_orders", "a loop over chainopt.optimal_order"])
def test_many_generalized_chains(measure, who):
    chains = [chain_of(8, seed) for seed in range(10_000)]
    calls = {
        "chainopt.optimal_orders": lambda: int(chainopt.optimal_orders(chains).costs.sum()),
        "a loop over chainopt.optimal_order": lambda: sum(chainopt.optimal_order(chain).cost for chain in chains),
    }
    measure("many matrix-free chains at once", "10,000 chains of 8 stages", who, calls[who], rounds=3)
