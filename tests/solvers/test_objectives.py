"""What becomes of an objective that somebody adds."""

import sys
import types
from dataclasses import dataclass
from typing import get_args

import pytest

import chainopt
from chainopt import ChainError, Plan
from chainopt.solvers import objectives
from chainopt.solvers.objectives import model_of, read_model, written
from chainopt.typing import ObjectiveName

SHAPES = [(40, 20), (20, 30), (30, 10), (10, 30), (30, 5)]


@dataclass(frozen=True)
class Energy:
    """An objective as somebody would add it: what products cost in joules."""

    joules: int
    name = "energy"
    unit = "joules"

    def products(self, m, k, n):
        return self.joules * (m * k * n + m * n)

    def structured(self, counts):
        return self.joules * counts

    def stage(self, cost):
        return self.joules * cost

    def to_dict(self):
        return {"joules": self.joules}


@pytest.fixture
def added(monkeypatch):
    """The objective in a module of its name, and its name among those that are known."""
    module = types.ModuleType("chainopt.costs.energy")
    module.cost_model = lambda: Energy(3)
    module.read_cost_model = lambda data: Energy(data["joules"])
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(objectives, "OBJECTIVES", (*objectives.OBJECTIVES, "energy"))
    yield "energy"
    objectives._home.cache_clear()


def test_names_and_models_belong_together():
    assert get_args(ObjectiveName) == objectives.OBJECTIVES
    for name in objectives.OBJECTIVES:
        model = model_of(name)
        assert model.name == name
        assert read_model(written(model)) == model


def test_an_added_objective(added):
    plan = chainopt.optimal_order(SHAPES, objective=added)
    assert (plan.objective, plan.unit, plan.is_optimal, plan.method) == ("energy", "joules", True, "interval")
    assert plan.cost == chainopt.optimal_order(SHAPES, objective=lambda m, k, n: 3 * (m * k * n + m * n)).cost
    assert plan.cost == sum(operation.cost for operation in plan.operations)
    assert Plan.from_json(plan.to_json()) == plan
    assert f"{plan.cost:,} joules, optimal" in str(plan)
    assert chainopt.optimal_orders([[40, 20, 30, 10]], objective=added)[0].objective == "energy"
    assert chainopt.optimal_order(SHAPES, objective=added, workers=2).objective == "energy"


@pytest.mark.parametrize("objective", ["flops", "", 7, None, ["time"]])
def test_what_is_no_objective(objective):
    with pytest.raises(ChainError, match="give one of 'multiplications', 'time', or give a function"):
        model_of(objective)


@pytest.mark.parametrize("data", [None, 5, {}, {"name": "flops"}, {"name": ["time"]}])
def test_what_is_no_written_model(data):
    with pytest.raises(ChainError, match="is not a cost model that can be read: give one of 'multiplications', 'time'"):
        read_model(data)


def test_a_plan_says_its_objective_and_its_model_alike():
    data = chainopt.optimal_order(SHAPES, objective="time").to_dict()
    for change, message in (({"objective": "multiplications"}, 'its "model" is time'), ({"model": None}, "missing")):
        with pytest.raises(ChainError, match=message):
            Plan.from_dict(data | change)
    counted = chainopt.optimal_order(SHAPES).to_dict()
    assert "model" not in counted
    assert Plan.from_dict(counted | {"model": {"name": "multiplications"}}) == Plan.from_dict(counted)
