"""The O(n log n) and the O(n^3) solver against each other, and the price of costs beyond 2**63."""

import pytest

import chainopt
from chainopt.testing import chain_dims

LONG = [pytest.param(factors, marks=pytest.mark.long) for factors in (1_000, 3_000)]


@pytest.mark.parametrize("factors", [10, 100, 300, *LONG])
@pytest.mark.parametrize("who", ["polygon", "interval"])
def test_solvers(measure, factors, who):
    chain = chainopt.JacobianChain.from_dims(chain_dims("random", factors))
    plan = measure(
        "two exact solvers", f"n = {factors:,}", who, lambda: chainopt.optimal_order(chain, method=who), rounds=5, iterations=1
    )
    assert plan.cost == chainopt.optimal_order(chain).cost


@pytest.mark.parametrize("factors", [10, 100, 1_000])
@pytest.mark.parametrize("who", ["costs below 2**63", "costs beyond"])
def test_exact_costs(measure, factors, who):
    family = "random" if who == "costs below 2**63" else "huge"
    chain = chainopt.JacobianChain.from_dims(chain_dims(family, factors))
    plan = measure("exact costs of any magnitude", f"n = {factors:,}", who, lambda: chainopt.optimal_order(chain), iterations=10)
    assert (plan.cost > 2**63) == (who == "costs beyond")
