"""How do the O(n log n) and the O(n^3) solver grow? Both of them exact, both on the same chains."""

import pytest

import chainopt
from chainopt.testing import chain_dims

LONG = [pytest.param(factors, marks=pytest.mark.long) for factors in (1_000, 3_000)]


@pytest.mark.parametrize("factors", [10, 30, 100, 300, *LONG])
def test_solvers(contest, factors):
    chain = chainopt.JacobianChain.from_dims(chain_dims("random", factors))
    calls = {
        "polygon, O(n log n)": lambda: chainopt.optimal_order(chain, method="polygon"),
        "interval, O(n^3)": lambda: chainopt.optimal_order(chain, method="interval"),
    }
    contest("two exact solvers", f"n = {factors:,}", calls, rounds=7)
    one, other = (call() for call in calls.values())
    assert one.cost == other.cost
