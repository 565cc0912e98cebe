"""`workers=` everywhere: what is asked, what a plan then says, what is refused."""

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_oracle import check_schedule

import chainopt
from chainopt import Accumulation, ChainError, InfeasibleError, Jacobian, JacobianChain, Plan
from chainopt.schedules import interval_tables
from chainopt.testing import chain_dims, random_scheduled_chain, random_stages

DIMS = [30, 40, 10, 40, 30]


def some_chain(factors=9, seed=0):
    return random_scheduled_chain(np.random.default_rng(seed), factors)


def test_one_worker_is_what_it_was():
    chain = JacobianChain.from_dims(DIMS)
    plan = chainopt.optimal_order(chain)
    assert plan.schedule is None
    assert (plan.workers, plan.makespan, plan.lower_bound) == (1, plan.cost, plan.cost)
    for method in ("auto", "heuristic", "exact", "cp-sat"):
        assert chainopt.optimal_order(chain, workers=1, time_limit=None, method=method) == plan
    assert chainopt.optimal_order(chain, workers=np.int64(1), time_limit=3) == plan
    assert chainopt.compare(chain, workers=1).optimal == plan
    assert chainopt.forward_order(chain, workers=1) == chainopt.forward_order(chain)


def test_two_workers_want_another_bracketing():
    chain = JacobianChain.from_dims([2, 3, 30, 30, 5, 2])
    one, two = chainopt.optimal_order(chain), chainopt.optimal_order(chain, workers=2)
    assert (one.cost, one.mode) == (2292, "forward")
    assert (two.makespan, two.cost) == (2100, 2400)
    assert two.mode == "hybrid"
    assert two.is_optimal
    check_schedule(two)
    assert {operation.worker for operation in two.operations} == {0, 1}


@pytest.mark.parametrize(
    ("method", "factors", "workers"),
    [("auto", 9, 2), ("auto", 40, 3), ("heuristic", 9, 2), ("heuristic", 40, 3), ("exact", 9, 2)],
)
def test_the_same_plan_every_time(method, factors, workers):
    plans = [chainopt.optimal_order(some_chain(factors), workers=workers, method=method) for _ in range(2)]
    assert plans[0] == plans[1]
    check_schedule(plans[0])


def test_plans_of_equal_makespan_are_pure_if_they_can_be():
    stages = [Jacobian((50, 50 if stage < 5 else 1), jvp_cost=900, vjp_cost=900) for stage in range(6)]
    plan = chainopt.optimal_order(stages, workers=2)
    assert plan.makespan == chainopt.forward_order(stages).cost
    assert plan.mode == "forward"


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 30), st.sampled_from([2, 3, 8, math.inf]), st.sampled_from(["auto", "heuristic"]))
def test_chains_of_all_kinds(seed, factors, workers, method):
    rng = np.random.default_rng(seed)
    chain = JacobianChain(random_stages(rng, factors, largest_size=9, largest_cost=60))
    plan = chainopt.optimal_order(chain, workers=workers, method=method)
    check_schedule(plan)
    one = chainopt.optimal_order(chain)
    assert one.cost / min(workers, factors) <= plan.makespan <= one.cost
    assert plan.is_optimal or plan.method == "heuristic"
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert hash(again) == hash(plan)
    assert again.operations == plan.operations
    assert pickle.loads(pickle.dumps(plan)) == plan  # noqa: S301 -- our own


@pytest.mark.parametrize("family", ["random", "ones", "all equal", "zeros", "bitonic", "few sizes"])
@pytest.mark.parametrize("factors", [2, 7, 60])
def test_matrices_at_hand(family, factors):
    chain = JacobianChain.from_dims(chain_dims(family, factors))
    one = chainopt.optimal_order(chain)
    unlimited = chainopt.optimal_order(chain, workers=math.inf)
    check_schedule(unlimited)
    for workers in (2, 5):
        plan = chainopt.optimal_order(chain, workers=workers, method="heuristic")
        check_schedule(plan)
        assert max(unlimited.makespan, -(-one.cost // workers)) <= plan.lower_bound <= plan.makespan <= one.cost


@pytest.mark.parametrize("dims", [[10**30, 10**31, 10**29, 10**30, 10**31], [10**20, 10**20]])
def test_numbers_of_any_magnitude(dims):
    small = [size // 10**29 for size in dims] if len(dims) > 2 else [1, 1]
    for workers in (2, math.inf):
        plan = chainopt.optimal_order(JacobianChain.from_dims(dims), workers=workers, method="auto")
        check_schedule(plan)
        likewise = chainopt.optimal_order(JacobianChain.from_dims(small), workers=workers, method="exact")
        assert plan.makespan == likewise.makespan * 10**87
        assert Plan.from_json(plan.to_json()) == plan
    exact = chainopt.optimal_order(JacobianChain.from_dims(dims), workers=2, method="exact")
    assert exact.is_optimal


def test_long_chains_of_large_numbers():
    rng = np.random.default_rng(0)
    stages = random_stages(rng, 12, largest_size=9, largest_cost=10**30)
    plan = chainopt.optimal_order(stages, workers=3, method="heuristic")
    check_schedule(plan)
    assert plan.makespan < chainopt.optimal_order(stages).cost


@pytest.mark.parametrize("factors", [210, 400])
def test_long_chains(factors):
    plan = chainopt.optimal_order(some_chain(factors), workers=8, method="heuristic")
    check_schedule(plan)
    assert plan.makespan <= 2 * plan.lower_bound
    assert len({operation.worker for operation in plan.operations}) == 8


def test_very_long_chains_take_no_tables(monkeypatch):
    monkeypatch.setattr(interval_tables, "_Filling", None)  # for 5,000 factors two gigabytes, and minutes
    chain = JacobianChain.from_dims(np.random.default_rng(0).integers(1, 1000, 5001))
    plan = chainopt.optimal_order(chain, workers=4)
    assert plan.cost == chainopt.optimal_order(chain).cost
    assert plan.lower_bound <= plan.makespan < plan.cost


def test_structures_stacks_and_other_prices():
    structured = [
        Jacobian((6, 6), structure=chainopt.Diagonal()),
        Jacobian((6, 6), jvp_cost=3, vjp_cost=3, structure=chainopt.Banded(1, 1)),
        Jacobian((6, 4)),
        Jacobian((4, 5), jvp_cost=2, vjp_cost=4),
    ]
    stacked = [np.zeros((5, 2, 3)), np.zeros((5, 3, 2)), np.zeros((1, 2, 6)), np.zeros((5, 6, 2))]
    dense = [(6, 6), (6, 4), (4, 5), (5, 9)]
    for chain, objective in ((structured, "multiplications"), (stacked, "multiplications"), (dense, lambda m, k, n: m + k + n)):
        one = chainopt.optimal_order(chain, objective=objective)
        for workers in (2, math.inf):
            plan = chainopt.optimal_order(chain, objective=objective, workers=workers, method="auto")
            assert plan.is_optimal
            assert plan.lower_bound == plan.makespan <= one.cost <= plan.cost
            ends = [operation.start + operation.cost for operation in plan.operations]
            assert max(ends) == plan.makespan
            assert sum(operation.cost for operation in plan.operations) == plan.cost
    assert plan.makespan == (4 + 5 + 9) + (6 + 4 + 9)


def test_time():
    stages = [
        Jacobian((20, 30), jvp_cost=1e-4, vjp_cost=2e-4),
        (30, 40),
        (40, 10),
        Jacobian((10, 25), jvp_cost=3e-5, vjp_cost=1e-4),
    ]
    for workers in (2, 3, math.inf):
        plan = chainopt.optimal_order(stages, objective="time", workers=workers)
        assert isinstance(plan.makespan, float)
        assert plan.is_optimal
        check_schedule(plan, is_time=True)
        assert Plan.from_json(plan.to_json()) == plan
        assert plan.makespan <= chainopt.optimal_order(stages, objective="time").cost
    long = JacobianChain.from_dims(chain_dims("random", 30))
    plan = chainopt.optimal_order(long, objective="time", workers=4, method="heuristic")
    check_schedule(plan, is_time=True)
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("seed", range(5))
def test_floats_and_ints_agree_where_floats_are_exact(seed):
    dims = np.random.default_rng(seed).integers(1, 40, 9).tolist()
    chain = JacobianChain.from_dims(dims)
    for workers in (2, 3, math.inf):
        counted = chainopt.optimal_order(chain, workers=workers)
        measured = chainopt.optimal_order(chain, workers=workers, objective=lambda m, k, n: float(m * k * n))
        assert counted.is_optimal
        assert measured.is_optimal
        assert type(measured.makespan) is float
        assert measured.makespan == counted.makespan


def test_long_chains_with_other_prices(monkeypatch):
    monkeypatch.setattr("chainopt.schedules.instance.MOST_TABLED", 20)
    chain = JacobianChain.from_dims(chain_dims("random", 25))
    plan = chainopt.optimal_order(chain, objective=lambda m, k, n: m * k * n, workers=3)
    assert plan.lower_bound <= plan.makespan < chainopt.optimal_order(chain).cost
    assert sum(operation.cost for operation in plan.operations) == plan.cost
    exact = chainopt.optimal_order(chain, workers=3, method="exact", time_limit=5)
    assert plan.lower_bound <= exact.makespan


def test_or_tools_takes_counted_costs(ortools, monkeypatch):
    assert ortools
    monkeypatch.setattr("chainopt.schedules.instance.MOST_TABLED", 20)
    chain = JacobianChain.from_dims(chain_dims("random", 25))
    with pytest.raises(ChainError, match='method "cp-sat" needs counted costs'):
        chainopt.optimal_order(chain, objective=lambda m, k, n: m * k * n, workers=3, method="cp-sat")


def test_tape_limits():
    stages = [Jacobian((2, 50), jvp_cost=90, vjp_cost=90, tape=7), Jacobian((50, 60), jvp_cost=100, vjp_cost=100, tape=9)]
    free, limited = (chainopt.optimal_order(stages, workers=2, tape_limit=limit) for limit in (None, 0))
    check_schedule(limited, 0)
    assert (free.tape, limited.tape) == (9, 0)
    assert free.makespan < limited.makespan
    with pytest.raises(InfeasibleError, match="tape_limit is 1"):
        chainopt.optimal_order([Jacobian((2, 3), vjp_cost=4, tape=7), (3, 4)], tape_limit=1, workers=2)
    with pytest.raises(ChainError, match="tape_limit is -1"):
        chainopt.optimal_order(stages, workers=2, tape_limit=-1)


def test_sweeps_and_comparisons():
    stages = [Jacobian((8, 8), jvp_cost=40, accumulation_cost=100), *[Jacobian((8, 8), accumulation_cost=100)] * 3]
    one, two = chainopt.compare(stages), chainopt.compare(stages, workers=2)
    check_schedule(two.forward)
    check_schedule(two.optimal)
    assert two.reverse is not None or one.reverse is None
    assert two.forward.cost == one.forward.cost > two.forward.makespan
    assert two.speedup == two.forward.makespan / two.optimal.makespan
    assert [row.cost for row in two.rows()][-1] == two.optimal.makespan
    assert "the makespan on 2 workers" in str(two)
    assert "the makespan on unlimited workers" in str(chainopt.compare(stages, workers=math.inf))
    assert json.loads(two.to_json())["optimal"]["schedule"]["workers"] == 2
    chain = JacobianChain.from_dims(DIMS)
    assert chainopt.reverse_order(chain, workers=3).makespan == chainopt.reverse_order(chain).cost
    assert chainopt.forward_order([Jacobian((3, 4), jvp_cost=5)], workers=2).makespan == 20


@pytest.mark.parametrize(
    "stages",
    [
        [Jacobian((3, 3), jvp_cost=0, vjp_cost=2)],
        [Jacobian((9, 9), jvp_cost=4, vjp_cost=1), (9, 9), Jacobian((9, 9), jvp_cost=1, vjp_cost=4)],
        [
            Jacobian((4, 2), jvp_cost=3, vjp_cost=9),
            Jacobian((2, 9), accumulation_cost=50),
            Jacobian((9, 9), jvp_cost=3, vjp_cost=1),
        ],
    ],
)
def test_a_sweep_begins_in_its_own_mode_where_the_other_is_cheaper(stages):
    for sweep, mode in ((chainopt.forward_order, "forward"), (chainopt.reverse_order, "reverse")):
        plan = sweep(stages, workers=2)
        check_schedule(plan)
        assert (plan.cost, plan.mode) == (sweep(stages).cost, sweep(stages).mode)
        assert {operation.mode for operation in plan.operations if isinstance(operation, Accumulation)} - {None} <= {mode}
        assert Plan.from_json(plan.to_json()) == plan


def test_a_chain_of_one():
    plan = chainopt.optimal_order([Jacobian((3, 4), jvp_cost=5)], workers=2)
    assert (plan.makespan, plan.is_optimal) == (20, True)
    check_schedule(plan)
    given_one = chainopt.optimal_order([(3, 4)], workers=2)
    assert (given_one.makespan, list(given_one.operations)) == (0, [])
    assert Plan.from_json(given_one.to_json()) == given_one


@pytest.mark.parametrize("workers", [0, -1, True, False, 2.0, 1.5, -math.inf, math.nan, "2", None, [2], np.float64(2), 10**400])
def test_numbers_of_workers_that_are_none(workers):
    for call in (chainopt.optimal_order, chainopt.compare, chainopt.forward_order, chainopt.reverse_order):
        with pytest.raises(ChainError, match=r"workers is .*: give an int, at least 1, or math\.inf"):
            call(DIMS_PAIRS, workers=workers)


DIMS_PAIRS = [(30, 40), (40, 10), (10, 30)]


def test_more_workers_than_there_is_work_for():
    plan = chainopt.optimal_order(DIMS_PAIRS, workers=2**63 - 1, time_limit=10**400)
    assert (plan.workers, plan.makespan) == (2**63 - 1, chainopt.optimal_order(DIMS_PAIRS, workers=3).makespan)
    assert Plan.from_json(plan.to_json()) == plan
    assert "workers" in str(plan)
    factors = [np.ones(shape) for shape in DIMS_PAIRS]
    np.testing.assert_array_equal(plan.execute(factors), np.full((30, 30), 400.0))  # by as many threads as have something to do


@pytest.mark.parametrize("limit", [-1, math.nan, "7", True, [3]])
def test_time_limits_that_are_none(limit):
    for workers in (1, 2):
        with pytest.raises(ChainError, match=r"time_limit is .*: give a number that is not negative"):
            chainopt.optimal_order(DIMS_PAIRS, workers=workers, time_limit=limit)


def test_what_does_not_go_together():
    for method in ("polygon", "interval", "textbook"):
        with pytest.raises(ChainError, match=f'method is "{method}", which plans for one worker'):
            chainopt.optimal_order(DIMS_PAIRS, workers=2, method=method)
    assert chainopt.optimal_order(DIMS_PAIRS, workers=math.inf, method="interval").method == "interval"
    for call in (chainopt.optimal_order, chainopt.forward_order, chainopt.compare):
        with pytest.raises(ChainError, match="memory_limit is given, and workers too"):
            call(DIMS_PAIRS, workers=2, memory_limit=10**6)
    with pytest.raises(ChainError, match="'heuristic', 'exact', 'cp-sat'"):
        chainopt.optimal_order(DIMS_PAIRS, workers=2, method="fastest")
