"""What is minimized: the name of an objective, a cost model or a function in; a cost model out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias, cast, get_args

from chainopt.costs.model import CostModel
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.errors import ChainError
from chainopt.numbers import shown
from chainopt.typing import Cost, ObjectiveName, PlainDict

Objective: TypeAlias = ObjectiveName | CostModel | Callable[[int, int, int], Cost]
USUAL: ObjectiveName = "multiplications"
OBJECTIVES: tuple[ObjectiveName, ...] = get_args(ObjectiveName)

# The model of a name is what `cost_model()` gives in the module of that name in costs/, which makes it again from its dict by
# `read_cost_model`; so a new objective is a new file, and its name in `chainopt.typing.ObjectiveName`. One is measured above:
HOMES = {"time": "chainopt.calibration"}


def model_of(objective: Objective) -> CostModel:
    """Return the cost model of an objective.

    Raises
    ------
    ChainError
        If it is not an objective.
    """
    if objective is USUAL:  # short chains are ordered in microseconds
        return MULTIPLICATIONS
    if isinstance(objective, str):
        if objective in OBJECTIVES:
            model: CostModel = _home(objective).cost_model()
            return model
    elif all(hasattr(objective, method) for method in ("products", "structured", "stage")):
        return cast("CostModel", objective)
    elif callable(objective):
        from chainopt.costs.custom import CustomModel

        return CustomModel(objective)
    msg = f"objective is {shown(objective)}: give one of {', '.join(map(repr, OBJECTIVES))}, or give a function cost(m, k, n)"
    raise ChainError(msg)


def written(model: CostModel) -> PlainDict:
    """Return a cost model as strings and numbers.

    Raises
    ------
    ChainError
        If it is a function.
    """
    if not hasattr(model, "to_dict"):
        msg = f"objective {model.name} has no to_dict, so that it cannot be written"
        raise ChainError(msg)
    return {"name": model.name, **model.to_dict()}


def read_model(data: object) -> CostModel:
    """Read the cost model that `written` wrote.

    Raises
    ------
    ChainError
        If it is not such a model.
    """
    name = data.get("name") if isinstance(data, dict) else None
    if not isinstance(name, str) or name not in OBJECTIVES:
        msg = f'data["model"] is not a cost model that can be read: give one of {", ".join(map(repr, OBJECTIVES))}'
        raise ChainError(msg)
    model: CostModel = _home(name).read_cost_model(data)
    return model


@cache
def _home(name: str) -> Any:
    return import_module(HOMES.get(name, f"chainopt.costs.{name}"))
