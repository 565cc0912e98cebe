"""Proved plans: against all plans with all their schedules, against published optima, and against OR-Tools."""

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_oracle import check_schedule, least_makespan

import chainopt
from chainopt import InfeasibleError, Jacobian, JacobianChain, Plan
from chainopt.bracketing.bracketing import Bracketing
from chainopt.plan.plan_data import known_bound
from chainopt.schedules import branch_and_bound
from chainopt.schedules.instance import instance_of
from chainopt.schedules.starts import quick_bound
from chainopt.schedules.trees import Trees
from chainopt.solvers.base import Problem
from chainopt.testing import random_scheduled_chain, random_stages, scheduled_chain

REFERENCE = Path(__file__).parents[1] / "reference"


@st.composite
def short_chains(draw):
    """Up to four stages of all kinds: ties, ones, zero sizes, zero costs, equal sizes."""
    factors = draw(st.integers(1, 4))
    size = st.sampled_from(draw(st.sampled_from([[1], [2], [1, 2], [0, 1, 3], [1, 2, 3, 5, 7]])))
    cost = st.sampled_from(draw(st.sampled_from([[0], [3], [0, 1, 2], [1, 5, 20, 30]])))
    sizes = [draw(size) for _ in range(factors + 1)]
    stages = []
    for shape in itertools.pairwise(sizes):
        kind = draw(st.sampled_from(["at hand", "both", "both", "both", "jvp", "vjp", "otherwise"]))
        options = {}
        if kind in {"both", "jvp"}:
            options["jvp_cost"] = draw(cost)
        if kind in {"both", "vjp"}:
            options.update(vjp_cost=draw(cost), tape=draw(st.integers(0, 2)))
        if kind == "otherwise":
            options.update(accumulation_cost=draw(cost), jvp_cost=draw(cost))
        stages.append(Jacobian(shape, **options))
    return stages


@pytest.mark.parametrize("warmth", ["cold", "warm"])
@settings(max_examples=150)
@given(stages=short_chains(), workers=st.integers(2, 4), tape_limit=st.sampled_from([None, None, 0, 1]))
def test_no_plan_with_any_schedule_is_better(warmth, stages, workers, tape_limit):
    limit = math.inf if tape_limit is None else tape_limit
    expected = least_makespan(stages, workers, limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainopt.schedules.instance.compiled_pays", lambda _: warmth == "warm")
        if math.isinf(expected):
            with pytest.raises(InfeasibleError):
                chainopt.optimal_order(stages, workers=workers, tape_limit=tape_limit)
            return
        plan = chainopt.optimal_order(stages, workers=workers, method="exact", tape_limit=tape_limit)
        assert plan.makespan == expected
        assert plan.is_optimal
        check_schedule(plan, limit)
        assert Plan.from_json(plan.to_json()) == plan
        heuristic = chainopt.optimal_order(stages, workers=workers, method="heuristic", tape_limit=tape_limit)
        assert expected <= heuristic.makespan
        assert heuristic.lower_bound <= expected
        check_schedule(heuristic, limit)
        if len(stages) > 1:
            problem = Problem(plan.chain, tape_limit=tape_limit, workers=workers)
            assert quick_bound(instance_of(problem))[0] <= expected


@given(stages=short_chains())
def test_as_many_workers_as_one_likes(stages):
    plan = chainopt.optimal_order(stages, workers=math.inf)
    assert plan.makespan == least_makespan(stages, len(stages))
    assert plan.is_optimal
    check_schedule(plan)
    assert chainopt.optimal_order(stages, workers=len(stages)).makespan == plan.makespan
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("length", [3, 5, 6])
def test_published_optima(length):
    with (REFERENCE / f"scheduled_length_{length}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[::20]
    for row in rows:
        sizes = [int(row[f"d{index}"]) for index in range(length + 1)]
        chain = scheduled_chain(sizes, [int(row[f"edges{stage}"]) for stage in range(1, length + 1)])
        for workers in range(2, length + 1):
            exact = chainopt.optimal_order(chain, workers=workers, method="exact")
            heuristic = chainopt.optimal_order(chain, workers=workers, method="heuristic")
            assert exact.is_optimal
            check_schedule(exact)
            check_schedule(heuristic)
            assert heuristic.makespan <= int(row[f"published_dp_{workers}"])
            assert heuristic.makespan == exact.makespan
            if row[f"optimum_{workers}"]:
                assert exact.makespan == int(row[f"optimum_{workers}"])


@pytest.mark.parametrize("seed", range(6))
def test_two_proofs_agree(seed, ortools):
    assert ortools
    rng = np.random.default_rng(seed)
    chain = random_scheduled_chain(rng, 6) if seed % 2 else JacobianChain(random_stages(rng, 6, 9, 60))
    for workers in (2, 3):
        exact = chainopt.optimal_order(chain, workers=workers, method="exact")
        other = chainopt.optimal_order(chain, workers=workers, method="cp-sat", time_limit=60)
        assert exact.makespan == other.makespan
        assert exact.is_optimal
        assert other.is_optimal
        check_schedule(other)


def begun_anyhow(instance, incumbent):
    """Offer reverse mode, as poor a plan as any, and claim nothing."""
    Trees(instance, incumbent).schedule_bracketing(Bracketing.left_to_right(instance.factors))


@pytest.mark.parametrize("dims", [(3, 20, 4, 30, 2, 25, 5), (30, 2, 9, 8, 1, 7, 40)])
@pytest.mark.parametrize("workers", [2, 3])
def test_a_proof_from_a_poor_plan_finds_the_best(dims, workers, monkeypatch):
    chain = JacobianChain.from_dims(dims)
    expected = chainopt.optimal_order(chain, workers=workers, method="exact")
    monkeypatch.setattr("chainopt.schedules.exact.search_well", begun_anyhow)
    monkeypatch.setattr("chainopt.schedules.cp_sat.is_installed", lambda: False)
    plan = chainopt.optimal_order(chain, workers=workers, method="exact")
    assert (plan.makespan, plan.is_optimal, plan.method) == (expected.makespan, True, "exact")
    check_schedule(plan)


def test_what_no_proof_can_hold_is_the_plan_of_the_heuristic(monkeypatch):
    monkeypatch.setattr("chainopt.schedules.exact.search_well", begun_anyhow)
    monkeypatch.setattr("chainopt.schedules.options.Options.can_hold", lambda _: False)
    plan = chainopt.optimal_order([(3, 20), (20, 4), (4, 30), (30, 2), (2, 25), (25, 5)], workers=2, method="exact")
    assert (plan.is_optimal, plan.method) == (False, "heuristic")
    assert known_bound(plan) is None
    check_schedule(plan)


def test_what_the_own_search_has_not_proved_is_handed_on(monkeypatch):
    chain = JacobianChain.from_dims((3, 20, 4, 30, 2, 25, 5))
    expected = chainopt.optimal_order(chain, workers=2, method="exact").makespan
    handed, limits = [], []

    def other_search(instance, incumbent):
        handed.append(incumbent.until)
        search(instance, incumbent)

    search = branch_and_bound.search
    monkeypatch.setattr("chainopt.schedules.exact.search_well", begun_anyhow)
    monkeypatch.setattr(branch_and_bound, "search", lambda _, incumbent: limits.append(incumbent.until))
    monkeypatch.setattr("chainopt.schedules.cp_sat.is_installed", lambda: True)
    monkeypatch.setattr("chainopt.schedules.cp_sat.search", other_search)
    plan = chainopt.optimal_order(chain, workers=2, method="exact")
    assert (plan.makespan, plan.is_optimal) == (expected, True)
    assert handed == [math.inf]  # there is no limit of the user's, and the one of the own search is over
    assert limits[0] < math.inf
