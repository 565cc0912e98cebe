"""What is minimized: the name of an objective, a cost model or a function in; a cost model out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.errors import ChainError
from chainopt.numbers import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.costs.model import CostModel
    from chainopt.typing import Cost

    Objective: TypeAlias = str | CostModel | Callable[[int, int, int], Cost]

OBJECTIVES = (MULTIPLICATIONS.name, "time")


def model_of(objective: Objective) -> CostModel:
    """Return the cost model of an objective.

    Raises
    ------
    ChainError
        If it is no objective.
    """
    if isinstance(objective, str) and objective in OBJECTIVES:
        if objective == MULTIPLICATIONS.name:
            return MULTIPLICATIONS
        from chainopt.calibration import saved_model

        return saved_model()
    if not isinstance(objective, str):
        if all(hasattr(objective, method) for method in ("products", "structured", "stage")):
            return cast("CostModel", objective)
        if callable(objective):
            from chainopt.costs.custom import CustomModel

            return CustomModel(objective)
    msg = f"objective is {shown(objective)}: known are {', '.join(map(repr, OBJECTIVES))}, or give a function cost(m, k, n)"
    raise ChainError(msg)


def written(model: CostModel) -> dict[str, Any]:
    """Return a cost model as texts and numbers.

    Raises
    ------
    ChainError
        If it is a function.
    """
    if not hasattr(model, "to_dict"):
        msg = f"objective {model.name} has no to_dict, by which it could be written"
        raise ChainError(msg)
    return {"name": model.name, **model.to_dict()}


def read_model(data: Any) -> CostModel:
    """Make the cost model that `written` wrote.

    Raises
    ------
    ChainError
        If it is none.
    """
    if data is None:
        return MULTIPLICATIONS
    if not isinstance(data, dict) or data.get("name") != "time":
        msg = 'data["model"] is no cost model that can be read: known is "time"'
        raise ChainError(msg)
    from chainopt.costs.time import TimeModel

    return TimeModel.from_dict(data)
