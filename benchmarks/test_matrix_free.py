"""How fast is the order of matrix-free stages found? Against the published recurrence in a plain loop that Numba compiles."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

import chainopt
from chainopt.testing import chain_dims

LONG = [pytest.param(factors, marks=pytest.mark.long) for factors in (1_600, 5_000)]
LONGEST_PLAIN = 1_600  # beyond, the plain loop would take minutes


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
    for stage in range(factors):
        pushes[stage + 1], pulls[stage + 1] = pushes[stage] + push[stage], pulls[stage] + pull[stage]
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


@pytest.mark.parametrize("factors", [100, 300, 800, *LONG])
def test_generalized_chains(contest, compiled_loop, factors):
    chain = chain_of(factors)
    calls = {"chainopt": lambda: chainopt.optimal_order(chain).cost}
    if factors <= LONGEST_PLAIN:
        sizes = np.array(chain.dims)
        costs = np.array([jacobian.jvp_cost for jacobian in chain])
        calls["plain compiled loop"] = partial(compiled_loop, sizes, np.minimum(sizes[:-1], sizes[1:]) * costs, costs, costs)
        assert calls["chainopt"]() == calls["plain compiled loop"]()
    contest("matrix-free chains of n stages", f"n = {factors:,}", calls, rounds=5)


def test_many_generalized_chains(contest, short):
    count = 1_000 if short else 10_000
    chains = [chain_of(8, seed) for seed in range(count)]
    calls = {
        "chainopt.optimal_orders": lambda: chainopt.optimal_orders(chains).costs,
        "a loop over chainopt.optimal_order": lambda: [chainopt.optimal_order(chain).cost for chain in chains],
    }
    contest("many matrix-free chains at once", f"{count:,} chains of 8 stages", calls, rounds=3)
    one, other = (list(call()) for call in calls.values())
    assert one == other
