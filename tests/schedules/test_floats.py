"""Costs that are floats, and several workers: against all plans with all their schedules, added exactly."""

import itertools
import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_oracle import check_schedule, least_makespan

import chainopt
from chainopt import ChainError, Jacobian, JacobianChain
from chainopt.costs.custom import CustomModel
from chainopt.schedules.clock import clock_for
from chainopt.schedules.instance import instance_of
from chainopt.solvers.base import Problem

DIMS = [(1, 5), (5, 1), (1, 4), (4, 1), (1, 3)]


def quarters(m, k, n):
    return 0.25 * m * k * n + 0.5 * k


def thirds(m, k, n):
    return m * k * n / 3 + 0.1 * n


def tiny(m, k, n):
    return 1e-9 * m * k * n + 1e-7


def large(m, k, n):
    return 1e15 * (m + n) + k


def mixed(m, k, n):
    return m * k * n if m % 2 else 0.75 * (m + k + n)


def rarely_nothing(m, k, n):
    return 0.0 if k == 1 else 1e-20 if n == 1 else 0.1 * m


@cache
def seconds(m, k, n):
    return chainopt.optimal_order([(m, k), (k, n)], objective="time").cost


PRICES = [quarters, thirds, tiny, large, mixed, rarely_nothing, "time"]
EXACT = [quarters, mixed]  # multiples of one power of two, and few of it


@st.composite
def chains(draw, cost):
    """Up to four factors, most of them matrices."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=5))
    stages = []
    for shape in itertools.pairwise(sizes):
        kind = draw(st.sampled_from(["at hand", "at hand", "jvp", "both", "otherwise"]))
        options = {}
        if kind in {"jvp", "both"}:
            options["jvp_cost"] = draw(cost)
        if kind == "both":
            options["vjp_cost"] = draw(cost)
        if kind == "otherwise":
            options["accumulation_cost"] = draw(cost)
        stages.append(Jacobian(shape, **options))
    return stages


@pytest.mark.parametrize("objective", PRICES)
@settings(max_examples=60)
@given(data=st.data(), workers=st.sampled_from([2, 3, math.inf]))
def test_no_plan_with_any_schedule_is_better(objective, data, workers):
    cost = st.sampled_from([0.0, 1e-7, 3e-6, 0.1]) if objective == "time" else st.sampled_from([0, 0.5, 3, 4.25])
    stages = data.draw(chains(cost))
    price = seconds if objective == "time" else objective
    best = least_makespan(stages, workers, price=price)
    for method in ("auto", "heuristic", "exact"):
        plan = chainopt.optimal_order(stages, objective=objective, workers=workers, method=method)
        if isinstance(plan.makespan, int):  # nothing that is a float is ever done
            assert (plan.makespan, objective) == (best, mixed) or len(stages) == 1
            continue
        check_schedule(plan, price=price)
        assert Fraction(plan.makespan) >= best * (1 - Fraction(1, 10**14))
        assert plan.is_optimal or method == "heuristic"
        if plan.is_optimal:
            assert Fraction(plan.makespan) == best if objective in EXACT else math.isclose(plan.makespan, best, rel_tol=1e-13)
        else:
            assert Fraction(plan.lower_bound) <= best


@pytest.mark.parametrize("method", ["auto", "heuristic", "exact"])
def test_prices_below_one_are_no_zeros(method):
    plan = chainopt.optimal_order([(2, 2)] * 5, objective="time", workers=2, method=method)
    assert plan.is_optimal
    assert math.isclose(plan.makespan, 3 * seconds(2, 2, 2))
    assert {operation.worker for operation in plan.operations} == {0, 1}
    exact = chainopt.optimal_order(DIMS, objective=quarters, workers=2, method=method)
    assert (exact.makespan, exact.lower_bound, exact.is_optimal) == (5.5, 5.5, True)


def test_or_tools_counts_what_are_multiples_of_a_power_of_two(ortools):
    assert ortools
    plan = chainopt.optimal_order(DIMS, objective=quarters, workers=2, method="cp-sat")
    assert (plan.makespan, plan.is_optimal, plan.method) == (5.5, True, "cp-sat")
    check_schedule(plan, price=quarters)
    for objective in ("time", thirds):
        with pytest.raises(ChainError, match=r'"cp-sat" needs counted costs, or floats that are multiples .* take "exact"'):
            chainopt.optimal_order(DIMS, objective=objective, workers=2, method="cp-sat")


def test_or_tools_shows_costs_and_not_ticks(ortools, capsys, monkeypatch):
    assert ortools
    monkeypatch.setattr("chainopt.report.progress.SECONDS", 0.0)
    monkeypatch.setattr("chainopt.schedules.heuristic.RESTARTS", 0)
    dims = np.random.default_rng(6).integers(1, 40, 11).tolist()
    plan = chainopt.optimal_order(list(itertools.pairwise(dims)), objective=quarters, workers=3, method="cp-sat", progress=True)
    makespans = [float(line.split("makespan ")[1].split(",")[0]) for line in capsys.readouterr().err.splitlines()]
    assert makespans
    assert all(0.99 * plan.makespan <= makespan <= 1.5 * plan.makespan for makespan in makespans)


@pytest.mark.parametrize("workers", [2, math.inf])
def test_ints_that_no_machine_number_holds_beside_floats(workers):
    stages = [Jacobian((4, 6), jvp_cost=10**30, vjp_cost=9 * 10**29), Jacobian((6, 3))]
    plan = chainopt.optimal_order(stages, objective=quarters, workers=workers)
    assert (plan.makespan, type(plan.makespan), type(plan.cost)) == (3e30, float, float)
    too_large = [Jacobian((4, 6), jvp_cost=10**400), Jacobian((6, 3))]
    with pytest.raises(ChainError, match="give ints, or a larger unit"):
        chainopt.optimal_order(too_large, objective=quarters, workers=workers)
    with pytest.raises(ChainError, match="their sum would overflow"):
        chainopt.optimal_order(DIMS, objective=lambda m, k, n: 1e305 * m * k * n, workers=workers)


def test_sizes_that_no_machine_number_holds():
    for objective in ("multiplications", quarters, max):
        stages = [Jacobian((3, 6), jvp_cost=0), Jacobian((6, 2**70), jvp_cost=0)]
        assert chainopt.optimal_order(stages, objective=objective, workers=2).makespan == 0
    plan = chainopt.optimal_order([(10**400, 6), (6, 3), (3, 4)], objective="time", workers=2)
    assert 0 < plan.makespan < math.inf


def test_the_clock_counts_only_what_it_can_count():
    def clock(*costs, terms=8, factor=66):
        return clock_for([np.array(costs)], terms, factor, are_all=True)

    assert clock(1, 2, 3).dtype is np.int64
    assert clock(1, 2**60).dtype is object
    exact = clock(0.25, 3.0, -1.0)
    assert exact.dtype is np.int64
    assert exact.cost(exact.time(0.25) * 3) == 0.75
    assert exact.times([0.25, -1.0])[1] == -1
    for costs in ([5e-324, 3 * 5e-324], [2.0**1000, 3 * 2.0**998], [0.0]):
        scaled = clock(*costs)
        assert [scaled.cost(scaled.time(cost)) for cost in costs] == costs
        assert not scaled.rounds
    for costs in ([0.1, 0.3], [5e-324, 1.0], [1.0, 1 + 2.0**-52], [2.0**1000, 1.0]):
        assert clock(*costs).rounds
    assert clock_for([np.array([0.5])], 8, 66, are_all=False).rounds


def test_sums_of_counted_floats_are_exact():
    dims = np.random.default_rng(3).integers(1, 40, 9).tolist()
    problem = Problem(JacobianChain.from_dims(dims), CustomModel(quarters), workers=3)
    assert not instance_of(problem).clock.rounds
    plan = chainopt.optimal_order(problem.chain, objective=quarters, workers=3, method="exact")
    likewise = chainopt.optimal_order(problem.chain, objective=lambda m, k, n: m * k * n + 2 * k, workers=3, method="exact")
    assert plan.is_optimal
    assert likewise.is_optimal
    assert 4 * plan.makespan == likewise.makespan
    assert plan.operations[-1].start + plan.operations[-1].cost == plan.makespan
