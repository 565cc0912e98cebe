"""Time as the objective: against all bracketings under the same rates, and in everything that a plan does."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import all_trees

import chainopt
from chainopt import Banded, ChainError, Diagonal, Jacobian, JacobianChain, Plan, optimal_order
from chainopt.costs.time import DEFAULT


@pytest.fixture(autouse=True)
def _default_rates(monkeypatch):
    monkeypatch.setattr("chainopt.calibration.saved_model", lambda: DEFAULT)


def seconds_of(tree, dims):
    def visit(node):
        if isinstance(node, int):
            return 0.0, node, node + 1
        left, i, k = visit(node[0])
        right, _, j = visit(node[1])
        return left + right + float(DEFAULT.products(dims[i], dims[k], dims[j])), i, j

    return visit(tree)[0]


@given(st.lists(st.integers(0, 3000), min_size=2, max_size=8))
def test_equal_to_the_best_of_all_bracketings(dims):
    chain = JacobianChain.from_dims(dims)
    plan = optimal_order(chain, objective="time")
    assert math.isclose(plan.cost, min(seconds_of(tree, dims) for tree in all_trees(0, len(chain) - 1)), rel_tol=1e-9)
    assert math.isclose(plan.cost, seconds_of(plan.tree, dims), rel_tol=1e-9)
    assert math.isclose(plan.cost, math.fsum(step.cost for step in plan.operations), rel_tol=1e-9)
    assert type(plan.cost) is float
    assert plan.makespan == plan.lower_bound == plan.cost


def test_fewer_multiplications_can_take_longer():
    dims = [10, 20, 5, 10, 1000]
    counted, timed = (optimal_order(JacobianChain.from_dims(dims), objective=name) for name in ("multiplications", "time"))
    assert (counted.bracketing, timed.bracketing) == ("((J4 J3) (J2 J1))", "(((J4 J3) J2) J1)")
    assert seconds_of(counted.tree, dims) > 1.1 * timed.cost


def test_the_plan_says_where_its_rates_come_from():
    plan = optimal_order([(10, 2000), (2000, 30), (30, 1000)], objective="time")
    assert "seconds, optimal" in str(plan)
    assert "rates        default, not measured: run chainopt calibrate" in str(plan)
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert hash(again) == hash(plan)
    assert str(again) == str(plan)
    assert plan.objective == "time"
    with pytest.raises(ChainError, match=r'"sizes"\] is not a grid'):
        Plan.from_dict(plan.to_dict() | {"model": {"name": "time"}})
    with pytest.raises(ChainError, match=r"objective 'time', but its \"model\" is missing"):
        Plan.from_dict({key: value for key, value in plan.to_dict().items() if key != "model"})
    factors = [np.ones(shape) for shape in plan.chain.shapes]
    np.testing.assert_allclose(plan.execute(factors), np.linalg.multi_dot(factors))


def test_stages_in_seconds_and_in_counts():
    seconds = [Jacobian((5, 40), jvp_cost=2e-6, vjp_cost=1e-5, tape=3), Jacobian((40, 30)), Jacobian((30, 20), vjp_cost=1e-6)]
    counts = [Jacobian((5, 40), jvp_cost=200, vjp_cost=100), Jacobian((40, 30)), Jacobian((30, 20), vjp_cost=70)]
    for stages in (seconds, counts, [seconds[0], *counts[1:]]):
        plan = optimal_order(stages, objective="time")
        textbook = optimal_order(stages, objective="time", method="textbook")
        assert math.isclose(plan.cost, textbook.cost, rel_tol=1e-12)
        assert plan.mode == textbook.mode
        assert Plan.from_json(plan.to_json()) == plan
        limited = optimal_order(stages, objective="time", memory_limit=plan.peak_memory)
        assert limited == plan
    with pytest.raises(ChainError, match='cannot add to counts: give ints, or take objective "time"'):
        optimal_order(seconds)
    batch = chainopt.optimal_orders([JacobianChain(seconds), JacobianChain(counts)], objective="time")
    assert batch.costs.dtype == np.float64
    assert batch[0] == optimal_order(seconds, objective="time")


def test_structured_products_take_their_own_time():
    chain = [Jacobian((500, 500), structure=Diagonal()), Jacobian((500, 500)), Jacobian((500, 500), structure=Banded(1, 1))]
    plan = optimal_order(chain, objective="time")
    assert math.isclose(plan.cost, optimal_order(chain, objective="time", method="textbook").cost)
    counts = [step.cost for step in optimal_order(chain, method="textbook").operations]
    assert len(counts) == 2
    dense = optimal_order([jacobian.shape for jacobian in chain], objective="time")
    assert plan.cost < dense.cost
    both_dense = [Jacobian((500, 500)), Jacobian((500, 500)), Jacobian((500, 500), structure=Diagonal())]
    assert optimal_order(both_dense, objective="time").cost > float(DEFAULT.products(500, 500, 500))


def test_comparisons_frontiers_and_models_given_as_they_are():
    shapes = [(10, 2000), (2000, 30), (30, 1000)]
    comparison = chainopt.compare(shapes, objective=DEFAULT)
    assert comparison.optimal == optimal_order(shapes, objective="time")
    assert comparison.reverse.cost < comparison.forward.cost
    assert "cost in seconds" in str(comparison)
    assert chainopt.forward_order(shapes, objective="time") == comparison.forward
    assert chainopt.tape_frontier(shapes, objective="time")[0].cost == comparison.optimal.cost
    batch = chainopt.optimal_orders([[10, 2000, 30, 1000], [3, 4, 5, 6]], objective="time")
    assert batch[0].cost == comparison.optimal.cost
