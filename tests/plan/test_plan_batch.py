import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import chainopt
from chainopt.testing import chain_dims, random_stages


@given(hnp.arrays(np.int64, st.tuples(st.integers(0, 6), st.integers(2, 8)), elements=st.integers(0, 2**22)))
@pytest.mark.parametrize("method", ["auto", "interval"])
def test_batch_is_what_the_single_calls_are(method, dims):
    batch = chainopt.optimal_orders(dims, method=method)
    assert len(batch) == len(batch.costs) == len(batch.modes) == len(dims)
    for at, row in enumerate(dims):
        plan = chainopt.optimal_order(chainopt.JacobianChain.from_dims(row), method=method)
        assert (batch[at].cost, batch[at].mode) == (plan.cost, plan.mode) == (batch.costs[at], batch.modes[at])
        assert batch[at].cost == sum(operation.cost for operation in batch[at].operations)
        assert type(batch[at].cost) is int


@pytest.mark.usefixtures("warm")
def test_compiled_blocks_and_rows_that_need_python_ints():
    small = np.random.default_rng(0).integers(1, 100, (10_000, 6))
    batch = chainopt.optimal_orders(small)
    assert batch.costs.dtype == np.int64
    assert [batch[at].cost for at in (0, 5_000, 9_999)] == [
        chainopt.optimal_order(chainopt.JacobianChain.from_dims(small[at]), method="textbook").cost for at in (0, 5_000, 9_999)
    ]
    mixed = [chain_dims("random", 5), chain_dims("huge", 5)]
    batch = chainopt.optimal_orders(mixed)
    assert batch.costs.dtype == object
    assert batch.costs.tolist() == [
        chainopt.optimal_order(chainopt.JacobianChain.from_dims(dims), method="textbook").cost for dims in mixed
    ]


def test_slices_modes_and_repr():
    batch = chainopt.optimal_orders([[10, 2000, 30, 1000], [1000, 10, 500, 3]])
    assert [plan.cost for plan in batch[::-1]] == [45_000, 900_000]
    assert (batch.modes == "forward").tolist() == [False, True]
    assert [plan.mode for plan in batch] == ["reverse", "forward"]
    assert repr(batch) == "<PlanBatch of 2 chains of 3 factors, method formula>"
    assert batch[0] == chainopt.optimal_order([(10, 2000), (2000, 30), (30, 1000)])
    with pytest.raises(ValueError, match="read-only"):
        batch.costs[0] = 7
    assert chainopt.optimal_orders([[2**63, 5, 6, 7]]).costs.tolist() == [5 * 6 * 7 + 2**63 * 5 * 7]
    assert batch[-1] == batch[1]
    with pytest.raises(IndexError):
        batch[2]


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ([[1, -1]], r"dims\[0, 1\]"),
        ([[1, 2], [3.5, 2]], r"dims\[1, 0\] is 3.5"),
        ([[2, True, 4, 5]], r"dims\[0, 1\] is True"),
        (np.ma.masked_array([[1, 2]], [[0, 1]]), "masked"),
        ([[1, 2.5]], r"dims\[0, 1\] is 2.5"),
        ([[True, False]], r"dims\[0, 0\]"),
        ([["a", "b"]], r"dims\[0, 0\]"),
        ([1, 2], r"dims\[0\] is of type int"),
        ([[1], [2]], "shape"),
        ([[1, 2], [1]], r"dims\[1\] has 1 size, and dims\[0\] 2: give chains of equal length"),
        (None, "of type NoneType"),
        (np.ones(3, dtype=int), "shape"),
    ],
)
def test_bad_dims_are_named(dims, message):
    with pytest.raises(chainopt.ChainError, match=message):
        chainopt.optimal_orders(dims)


@pytest.mark.parametrize("method", ["heuristic", "exact", "cp-sat"])
def test_with_one_worker_there_is_nothing_to_schedule(method):
    batch = chainopt.optimal_orders([[10, 20, 30, 40, 50]], method=method)
    assert (batch.costs.tolist(), batch.method, batch[0].is_optimal) == ([38000], "polygon", True)


@pytest.mark.parametrize("method", ["auto", "interval", "textbook"])
def test_the_method_is_the_one_that_ran(method):
    batch = chainopt.optimal_orders([[10, 20, 30, 40, 50]], objective="time", method=method)
    plan = chainopt.optimal_order(chainopt.JacobianChain.from_dims([10, 20, 30, 40, 50]), objective="time", method=method)
    assert batch.method == plan.method == ("textbook" if method == "textbook" else "interval")
    assert batch[0] == plan
    with pytest.raises(chainopt.ChainError, match='method is "polygon", which needs dense matrices'):
        chainopt.optimal_orders([[10, 20, 30, 40, 50]], objective="time", method="polygon")


def test_unknown_options_are_named():
    with pytest.raises(chainopt.ChainError, match="method is 'x': give one of 'auto'"):
        chainopt.optimal_orders([[1, 2]], method="x")
    with pytest.raises(chainopt.ChainError, match="objective is 'x': give one of 'multiplications'"):
        chainopt.optimal_orders([[1, 2]], objective="x")


@pytest.mark.parametrize("pays", [False, True])
@pytest.mark.parametrize("factors", [1, 2, 5, 9])
@pytest.mark.parametrize("largest_cost", [20, 10**30])
def test_batches_of_chains_of_all_kinds(factors, pays, largest_cost, monkeypatch):
    monkeypatch.setattr("chainopt.kernels.policy.compiled_pays", lambda _: pays)
    rng = np.random.default_rng(factors)
    chains = [
        chainopt.JacobianChain(random_stages(rng, factors, largest_size=5, largest_cost=largest_cost if at % 3 else 20))
        for at in range(300)
    ]
    chains.append(chainopt.JacobianChain.from_dims([3] * (factors + 1)))
    for limit in (None, 40, 7):
        feasible = []
        for chain in chains:
            try:
                feasible.append((chain, chainopt.optimal_order(chain, method="interval", tape_limit=limit)))
            except chainopt.InfeasibleError as error:
                with pytest.raises(chainopt.InfeasibleError, match=f"^{re.escape(str(error))}$"):
                    chainopt.optimal_orders([chain], tape_limit=limit)
        batch = chainopt.optimal_orders([chain for chain, _ in feasible], tape_limit=limit)
        for at, (_, plan) in enumerate(feasible):
            assert (batch.costs[at], batch.modes[at]) == (plan.cost, plan.mode)
            assert batch[at].association == plan.association
            assert sum(operation.cost for operation in batch[at].operations) == plan.cost
        assert len(feasible) > 50


def test_chains_that_do_not_go_together():
    chains = [chainopt.JacobianChain.from_dims([1, 2, 3]), chainopt.JacobianChain.from_dims([1, 2])]
    with pytest.raises(
        chainopt.ChainError, match=r"dims\[1\] is a chain of 1: give chains of the same number of factors, here 2"
    ):
        chainopt.optimal_orders(chains)
    with pytest.raises(chainopt.ChainError, match=r"dims\[0\] is a sequence of Jacobians: make it a JacobianChain"):
        chainopt.optimal_orders([[chainopt.Jacobian((2, 3)), chainopt.Jacobian((3, 4))]])
    with pytest.raises(chainopt.ChainError, match=r"dims\[1\] is 7"):
        chainopt.optimal_orders([chains[0], 7])
    with pytest.raises(chainopt.ChainError, match="one by one"):
        chainopt.optimal_orders(chains[:1], method="textbook")
    with pytest.raises(chainopt.ChainError, match="costs in seconds"):
        chainopt.optimal_orders([chainopt.JacobianChain([chainopt.Jacobian((2, 3), jvp_cost=0.1)])])
    with pytest.raises(chainopt.ChainError, match="tape_limit"):
        chainopt.optimal_orders(chains[:1], tape_limit=-1)
