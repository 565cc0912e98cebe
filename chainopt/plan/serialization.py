"""The dict of a plan: written, read, and refused where it is none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import BY_JVPS, BY_VJPS, GIVEN, OTHERWISE, PRODUCT, PULLED, PUSHED
from chainopt.chain.jacobian import checked_cost
from chainopt.costs.multiplications import MULTIPLICATIONS, Multiplications
from chainopt.costs.operation_costs import steps_of, total
from chainopt.costs.stage_choices import stage_choices
from chainopt.errors import ChainError
from chainopt.numbers import count
from chainopt.plan.graph_chain import read_chain_dict
from chainopt.solvers.objectives import read_model, written
from chainopt.solvers.pure_modes import mode_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainopt.bracketing.schedule import Schedule
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.plan.plan import Plan


def plan_dict(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain lists, ints and texts."""
    association = plan.association
    kinds, ways, order = association.kinds, association.ways, association.order
    return {
        "chain": plan.chain.to_dict(),
        "objective": plan.objective,
        "method": plan.method,
        "mode": str(plan.mode),
        "cost": plan.cost,
        "is_optimal": plan.is_optimal,
        "first": association.first.tolist(),
        "last": association.last.tolist(),
        **({} if kinds is None or ways is None else {"kinds": kinds.tolist(), "ways": ways.tolist()}),
        **({} if order is None else {"order": order.tolist()}),
        **({} if isinstance(plan.model, Multiplications) else {"model": written(plan.model)}),
        **({} if plan.known_bound is None else {"known_bound": plan.known_bound}),
        **({} if plan.schedule is None else {"schedule": plan.schedule.to_dict()}),
    }


def read_plan(data: dict[str, Any]) -> tuple[Any, ...]:
    """Read what a plan is made of, in the order in which it takes it.

    Raises
    ------
    ChainError
        If the dict is none of a plan, or contradicts itself.
    """
    chain = read_chain_dict(data.get("chain", {}))  # refused there if it is none
    association = read_association(data, chain)
    is_optimal, objective, method = data.get("is_optimal"), data.get("objective"), data.get("method")
    if not (isinstance(is_optimal, bool) and isinstance(objective, str) and isinstance(method, str)):
        msg = 'data must say "is_optimal" (true or false), "objective" and "method" (texts)'
        raise ChainError(msg)
    model = read_model(data.get("model"))
    if isinstance(model, Multiplications) != (objective == MULTIPLICATIONS.name):
        what = "missing" if data.get("model") is None else model.name
        msg = f'data is of objective {objective!r}, but its "model" is {what}'
        raise ChainError(msg)
    cost = total(chain, association, model)
    mode = mode_of(chain, stage_choices(chain, None, model), association, model)
    known_bound = data.get("known_bound")
    schedule = read_schedule(data, chain, association, model)
    makespan = cost if schedule is None else schedule.makespan
    if known_bound is not None and not 0 <= checked_cost(known_bound, 'data["known_bound"]') <= makespan:
        what = f"its bracketing costs {count(cost)}" if schedule is None else f"its makespan is {count(makespan)}"
        msg = f"data contradicts itself: its known_bound is {known_bound}, and {what}"
        raise ChainError(msg)
    said = data.get("cost"), data.get("mode")
    if not all(isinstance(entry, int | float | str) for entry in said) or (cost, str(mode)) != said:
        msg = f"data contradicts itself: its bracketing is {mode} and costs {count(cost)}"
        raise ChainError(msg)
    return chain, association, cost, mode, objective, method, is_optimal, model, known_bound, schedule


def read_association(data: dict[str, Any], chain: JacobianChain) -> Bracketing:
    """Read what is done, and in which order.

    Raises
    ------
    ChainError
        If it cannot be done with the chain.
    """
    factors = len(chain)
    columns = []
    for key in ("first", "last"):
        column = data.get(key)
        if not isinstance(column, list) or len(column) != factors - 1:
            msg = f'data["{key}"] must be a list with an entry for each of the {factors - 1} products'
            raise ChainError(msg)
        if not all(type(entry) is int and 0 <= entry < factors for entry in column):
            msg = f'data["{key}"] must hold positions of factors, 0 to {factors - 1}'
            raise ChainError(msg)
        columns.append(column)
    kinds, ways = _read_kinds(data, chain)
    association = Bracketing(np.array(columns, dtype=np.int32), kinds, ways)
    association.check()
    if data.get("order") is None:
        return association
    events = data["order"]
    if not (isinstance(events, list) and all(type(event) is int and -factors <= event < factors for event in events)):
        msg = f'data["order"] must be a list of ints, {-factors} to {factors - 1}'
        raise ChainError(msg)
    association = Bracketing(association.spans, association.kinds, association.ways, np.array(events, dtype=np.int32))
    association.check_order()
    return association


def read_schedule(data: dict[str, Any], chain: JacobianChain, association: Bracketing, model: CostModel) -> Schedule | None:
    """Read who does what when.

    Raises
    ------
    ChainError
        If workers do two things at once, or something is used before it is there.
    """
    entry = data.get("schedule")
    if entry is None:
        return None
    from chainopt.bracketing.schedule import Schedule, contradiction

    held: dict[str, Any] = entry if isinstance(entry, dict) else {}
    workers = math.inf if held.get("workers") == "unlimited" else held.get("workers")
    is_count = type(workers) is int and 1 < workers < 2**63
    if not is_count and workers != math.inf:
        msg = 'data["schedule"]["workers"] must be an int above 1, or "unlimited"'
        raise ChainError(msg)
    steps = steps_of(chain, association, model)
    columns = []
    for key in ("worker", "start"):
        column = held.get(key)
        if not isinstance(column, list) or len(column) != len(steps) or association.order is None:
            msg = f'data["schedule"]["{key}"] must be a list with an entry for each of the {len(steps)} steps in data["order"]'
            raise ChainError(msg)
        columns.append(tuple(checked_cost(value, f'data["schedule"]["{key}"]') for value in column))
    worker, start = columns
    makespan = checked_cost(held.get("makespan"), 'data["schedule"]["makespan"]')
    if not all(type(number) is int for number in worker):
        msg = 'data["schedule"]["worker"] must hold ints'
        raise ChainError(msg)
    schedule = Schedule(workers, worker, start, makespan)  # type: ignore[arg-type]
    wrong = contradiction(schedule.steps(steps), schedule.workers, makespan)
    if wrong is not None:
        msg = f"data contradicts itself: {wrong}"
        raise ChainError(msg)
    return schedule


def _read_kinds(data: dict[str, Any], chain: JacobianChain) -> tuple[NDArray[np.int8] | None, NDArray[np.int8] | None]:
    """Read what is done with matrix-free stages, and refuse what they cannot do."""
    costs = chain.stage_costs
    if costs is None:
        return None, None
    read = []
    for key, length, largest in (("kinds", len(chain) - 1, PULLED), ("ways", len(chain), OTHERWISE)):
        column = data.get(key)
        if (
            not isinstance(column, list)
            or len(column) != length
            or not all(type(entry) is int and 0 <= entry <= largest for entry in column)
        ):
            msg = f'data["{key}"] must be a list of {length} ints, 0 to {largest}'
            raise ChainError(msg)
        read.append(np.array(column, dtype=np.int8))
    kinds, ways = read
    unmade = [at for at, kind in enumerate(kinds) if kind == PUSHED] + [at + 1 for at, kind in enumerate(kinds) if kind == PULLED]
    able = {PUSHED: costs.jvp, PULLED: costs.vjp}
    lacking = [at for at, kind in enumerate(kinds) if kind != PRODUCT and able[kind][at + (kind == PULLED)] is None]
    means = {BY_JVPS: costs.jvp, BY_VJPS: costs.vjp, OTHERWISE: costs.accumulation}
    for at, way in enumerate(ways):
        is_given = all(column[at] is None for column in costs[:3])
        if (at not in unmade and (way == GIVEN) != is_given) or (way != GIVEN and means[way][at] is None):
            lacking.append(at)
    if lacking:
        msg = f"data plans {chain.label(lacking[0])} to be used in a way that the stage lacks"
        raise ChainError(msg)
    return kinds, ways
