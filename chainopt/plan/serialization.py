"""The dict of a plan: written, read, or refused."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import BY_JVPS, BY_VJPS, GIVEN, OTHERWISE, PULLED, PUSHED
from chainopt.chain.chain import check_header
from chainopt.chain.jacobian import checked_cost
from chainopt.costs.estimated import EstimatedMultiplications
from chainopt.costs.memory import peak_memory
from chainopt.costs.multiplications import MULTIPLICATIONS, Multiplications
from chainopt.costs.operation_costs import steps_of, total
from chainopt.errors import ChainError, check_keys
from chainopt.numbers import count, counted, shown
from chainopt.plan.graph_chain import read_chain_dict
from chainopt.plan.plan_data import PlanData, known_bound, whole
from chainopt.solvers.base import Problem, Solution
from chainopt.solvers.objectives import read_model, written
from chainopt.solvers.options import checked_limit
from chainopt.solvers.pure_modes import FORWARD, REVERSE, for_sweep, mode_of
from chainopt.solvers.registry import check_answering, select

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainopt.bracketing.schedule import Schedule
    from chainopt.chain.chain import JacobianChain
    from chainopt.chain.factor_data import StageCosts
    from chainopt.costs.model import CostModel
    from chainopt.typing import Cost, PlainDict

FORMAT = "chainopt.plan"
VERSION = 1
LIMITS = ("tape_limit", "memory_limit")
SEARCHED, SECONDS = 8, 1.0  # factors, and time, for schedules and limits on memory
KEYS = (
    *(
        "format",
        "version",
        "chain",
        "objective",
        "method",
        "mode",
        "cost",
        "cost_is_exact",
        "is_rough",
        "is_optimal",
        "bracketing",
        "first",
    ),
    *("last", "kinds", "ways", "order", "model", *LIMITS, "known_bound", "schedule"),
)
CONFIRMED = 300  # factors up to which the cheapest plan is looked for again, to see whether a stored one is it


def plan_dict(plan: PlanData) -> PlainDict:
    """Return a plan as plain lists, ints and strings, with a format version."""
    association = plan.association
    kinds, ways, order = association.kinds, association.ways, association.order
    return {
        "format": FORMAT,
        "version": VERSION,
        "chain": plan.chain.to_dict(),
        "objective": plan.objective,
        "method": plan.method,
        "mode": str(plan.mode),
        "cost": plan.cost,
        "cost_is_exact": plan.cost_is_exact,
        **({"is_rough": True} if getattr(plan.model, "is_rough", False) else {}),
        "is_optimal": plan.is_optimal or "is_optimal" in plan.claims,
        "bracketing": plan.bracketing,
        "first": association.first.tolist(),
        "last": association.last.tolist(),
        **({} if kinds is None or ways is None else {"kinds": kinds.tolist(), "ways": ways.tolist()}),
        **({} if order is None else {"order": order.tolist()}),
        **({} if isinstance(plan.model, Multiplications) else {"model": written(plan.model)}),
        **{name: limit for name in LIMITS if (limit := getattr(plan.problem, name)) is not None},
        **({} if "is_optimal" in plan.claims or (bound := known_bound(plan)) is None else {"known_bound": bound}),
        **({} if plan.schedule is None else {"schedule": plan.schedule.to_dict()}),
    }


def read_plan(data: PlainDict) -> tuple[Problem, Solution]:
    """Read what a plan consists of.

    Raises
    ------
    ChainError
        If the dict is not that of a plan, is of an unknown version, or contradicts itself.
    """
    check_header(data, FORMAT, VERSION)
    check_keys(data, KEYS, f"data ({FORMAT})")
    chain = read_chain_dict(data.get("chain", {}))  # refused there if it is none
    association = read_association(data, chain)
    is_optimal, objective, method = data.get("is_optimal"), data.get("objective"), data.get("method")
    if not (isinstance(is_optimal, bool) and isinstance(objective, str) and isinstance(method, str)):
        msg = 'data must say "is_optimal" (true or false), "objective" and "method" (strings)'
        raise ChainError(msg)
    model = MULTIPLICATIONS if data.get("model") is None else read_model(data["model"])
    if model.name != objective:
        what = "missing" if data.get("model") is None else model.name
        msg = f'data is of objective {shown(objective)}, but its "model" is {what}'
        raise ChainError(msg)
    is_estimated = _is_estimated(data, chain)
    if is_estimated:  # again, in the place of what is stored
        model = EstimatedMultiplications(chain, is_rough=data.get("is_rough", False))
    if data.get("bracketing", text := whole(chain, association, model)) != text:
        msg = 'data contradicts itself: its "bracketing" is not that of "first" and "last"'
        raise ChainError(msg)
    cost = total(chain, association, model)
    schedule = read_schedule(data, chain, association, model)
    check_answering(method)
    tape, memory = (None if data.get(name) is None else checked_limit(name, data[name]) for name in LIMITS)
    problem = Problem(chain, model, tape, memory, 1 if schedule is None else schedule.workers)
    solution = Solution(association, cost, mode_of(problem, association, data.get("mode")), False, 0, method, schedule)
    if is_estimated:
        return problem, solution
    bound = _read_bound(data, solution)
    is_optimal = is_optimal and not _is_dearer_than_a_pure_mode(problem, solution)  # found again, so it is no mere claim
    if is_optimal and _is_cheapest(problem, solution):
        proved = solution._replace(lower_bound=solution.makespan, is_optimal=True)
        if PlanData(problem, proved).is_optimal:  # of a graph that is not at hand that is not known
            return problem, proved
    costs = getattr(chain, "graph_costs", None)
    has_bound = bound > 0 or (costs is not None and not costs.is_path and costs.lower_bound > 0)
    claims = [name for name, is_claimed in (("is_optimal", is_optimal), ("lower_bound", has_bound)) if is_claimed]
    return problem, solution._replace(lower_bound=bound, claims=tuple(claims))


def _is_dearer_than_a_pure_mode(problem: Problem, solution: Solution) -> bool:
    """Whether a pure mode, where no limit forbids one, refutes that a plan is optimal; floats may differ by rounding."""
    if solution.schedule is not None or problem.memory_limit is not None or problem.tape_limit is not None:
        return False
    # What is only estimated refutes nothing.
    sweeps = [mode for mode in (FORWARD, REVERSE) if for_sweep(problem, mode.name).model is problem.model]
    costs = [pure.cost for mode in sweeps if (pure := mode.candidate(problem)) is not None]
    return any(cost < solution.cost and not (isinstance(cost, float) and math.isclose(cost, solution.cost)) for cost in costs)


def _is_cheapest(problem: Problem, solution: Solution) -> bool:
    """Whether a plan that is said to be optimal is: only what can be found again in a short time is believed."""
    if solution.schedule is None and problem.memory_limit is not None:
        # What is the cheapest of all, and keeps the limit, is the cheapest within it.
        if peak_memory(problem.chain, solution.bracketing) > problem.memory_limit:
            return False
        if _is_cheapest(problem._replace(memory_limit=None), solution):
            return True
    if solution.schedule is not None or problem.memory_limit is not None:
        if len(problem.chain) > SEARCHED:
            return False
        exact = "auto" if solution.schedule is None else "exact"
        found = select(problem, exact).solve(problem._replace(time_limit=SECONDS))
        return found.is_optimal and solution.makespan == found.makespan
    is_textbook = problem.chain.stage_costs is None and problem.chain.structures is None and problem.chain.batches is None
    if len(problem.chain) > CONFIRMED and not (is_textbook and isinstance(problem.model, Multiplications)):
        return False
    least = select(problem).solve(problem).cost
    # What costs less than the cheapest does not keep the limits that are stored with it.
    return solution.cost == least if isinstance(least, int) else math.isclose(solution.cost, least)


def _is_estimated(data: PlainDict, chain: JacobianChain) -> bool:
    """Read whether the cost is an estimate; refuse that of what is always exact, or claims to be optimal nevertheless."""
    is_exact = data.get("cost_is_exact", True)
    for name, value in (("cost_is_exact", is_exact), ("is_rough", data.get("is_rough", False))):
        if not isinstance(value, bool):
            msg = f'data["{name}"] must be true or false'
            raise ChainError(msg)
    if is_exact:
        return False
    said = "is_optimal" if data.get("is_optimal") else next((key for key in ("model", "schedule") if data.get(key)), None)
    if said is not None or chain.structures is None or chain.stage_costs is not None:
        what = "it is of no chain of sparse matrices" if said is None else f'it says "{said}"'
        msg = f'data contradicts itself: its "cost_is_exact" is false, and {what}'
        raise ChainError(msg)
    return True


def _read_bound(data: PlainDict, solution: Solution) -> Cost:
    """Read the lower bound, and check what is stored against what the bracketing costs."""
    bound: Cost = 0
    if data.get("known_bound") is not None:
        bound = checked_cost(data["known_bound"], 'data["known_bound"]')
        if not 0 <= bound <= solution.makespan:
            what = f"its {'bracketing costs' if solution.schedule is None else 'makespan is'} {count(solution.makespan)}"
            msg = f"data contradicts itself: its known_bound is {bound}, and {what}"
            raise ChainError(msg)
    stored = data.get("cost"), data.get("mode")
    is_of_type = type(stored[0]) is type(solution.cost) and isinstance(stored[1], str)
    if not is_of_type or (solution.cost, str(solution.mode)) != stored:
        msg = f"data contradicts itself: its bracketing is {solution.mode} and costs {count(solution.cost)}"
        raise ChainError(msg)
    return bound


def read_association(data: PlainDict, chain: JacobianChain) -> Bracketing:
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
            msg = f'data["{key}"] must be a list with an entry for each product, {factors - 1} in all'
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


def read_schedule(data: PlainDict, chain: JacobianChain, association: Bracketing, model: CostModel) -> Schedule | None:
    """Read who does what when; None where no schedule is stored.

    Parameters
    ----------
    data : dict
        That of the plan.
    chain : JacobianChain
        What is multiplied.
    association : Bracketing
        The operations, in the order that the schedule counts them in.
    model : CostModel
        How long they take.

    Raises
    ------
    ChainError
        If workers do two things at once, or something is used before it is there.
    """
    entry = data.get("schedule")
    if entry is None:
        return None
    from chainopt.bracketing.schedule import Schedule, contradiction

    stored: PlainDict = entry if isinstance(entry, dict) else {}
    check_keys(stored, ("workers", "worker", "start", "makespan"), 'data["schedule"]')
    workers = math.inf if stored.get("workers") == "unlimited" else stored.get("workers")
    is_count = type(workers) is int and 1 < workers < 2**63
    if not is_count and workers != math.inf:
        msg = 'data["schedule"]["workers"] must be an int above 1, or "unlimited"'
        raise ChainError(msg)
    steps = steps_of(chain, association, model)
    columns = []
    for key in ("worker", "start"):
        column = stored.get(key)
        if not isinstance(column, list) or len(column) != len(steps) or association.order is None:
            msg = f'data["schedule"]["{key}"] must be a list with an entry for each step in data["order"], {len(steps)} in all'
            raise ChainError(msg)
        columns.append(tuple(checked_cost(value, f'data["schedule"]["{key}"]') for value in column))
    worker, start = columns
    makespan = checked_cost(stored.get("makespan"), 'data["schedule"]["makespan"]')
    if not all(type(number) is int for number in worker):
        msg = 'data["schedule"]["worker"] must hold ints'
        raise ChainError(msg)
    schedule = Schedule(workers, worker, start, makespan)  # type: ignore[arg-type]
    wrong = contradiction(schedule.steps(steps), schedule.workers, makespan)
    if wrong is not None:
        msg = f"data contradicts itself: {wrong}"
        raise ChainError(msg)
    return schedule


def _read_kinds(data: PlainDict, chain: JacobianChain) -> tuple[NDArray[np.int8] | None, NDArray[np.int8] | None]:
    """Read what is done with matrix-free stages, and refuse what they cannot do."""
    costs = chain.stage_costs
    if costs is None:
        said = next((key for key in ("kinds", "ways") if data.get(key) is not None), None)
        if said is not None:
            msg = f'data has "{said}", but its chain has no matrix-free stage: leave it out'
            raise ChainError(msg)
        return None, None
    read = []
    for key, length, largest in (("kinds", len(chain) - 1, PULLED), ("ways", len(chain), OTHERWISE)):
        column = data.get(key)
        if (
            not isinstance(column, list)
            or len(column) != length
            or not all(type(entry) is int and 0 <= entry <= largest for entry in column)
        ):
            wanted = counted(length, "int")
            msg = f'data["{key}"] must be a list of {wanted}, 0 to {largest}'
            raise ChainError(msg)
        read.append(np.array(column, dtype=np.int8))
    kinds, ways = read
    lacking = _lacking(kinds, ways, costs)
    if lacking is not None:
        msg = f"data plans {chain.label(lacking)} to be used in a way that the stage lacks"
        raise ChainError(msg)
    return kinds, ways


def _lacking(kinds: NDArray[np.int8], ways: NDArray[np.int8], costs: StageCosts) -> int | None:
    """Return the position of a stage that is used in an impossible way; None where there is none."""
    pushed, pulled = np.flatnonzero(kinds == PUSHED).tolist(), (np.flatnonzero(kinds == PULLED) + 1).tolist()
    for positions, column in ((pushed, costs.jvp), (pulled, costs.vjp)):
        for position in positions:
            if column[position] is None:
                return position
    never_formed = {*pushed, *pulled}
    sources = {BY_JVPS: costs.jvp, BY_VJPS: costs.vjp, OTHERWISE: costs.accumulation}
    for position, way in enumerate(ways.tolist()):
        is_at_hand = all(column[position] is None for column in costs[:3])
        if way == GIVEN:
            fits = is_at_hand or position in never_formed
        else:
            fits = sources[way][position] is not None and (not is_at_hand or position in never_formed)
        if not fits:
            return position
    return None


def to_json(data: PlainDict) -> str:
    """Write a dict as JSON; refuse numbers that are too long."""
    import json  # takes 2 ms, which few processes need

    try:
        return json.dumps(data)
    except ValueError:
        limit = sys.get_int_max_str_digits()
        msg = f"a number has more than {limit} digits: raise the limit with sys.set_int_max_str_digits to write it"
        raise ChainError(msg) from None


def from_json(text: Any) -> PlainDict:
    """Read the dict of a plan from JSON; refuse any other text."""
    from chainopt.files import read_json

    try:
        data: PlainDict = read_json(text, "text")
    except ChainError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        is_name = not isinstance(text, str | bytes | bytearray) or text[:1] not in {*"{[", *b"{["}
        remedy = ": give what to_json wrote, of a file its read_text()" if is_name else ""
        if isinstance(text, bytes | bytearray) and text[:2] in {b"\x1f\x8b", b"BZ"}:
            remedy = ": it is compressed, give what gzip.decompress or bz2.decompress makes of it"
        msg = f"text is not the JSON of a plan{remedy} ({error})"
        raise ChainError(msg) from None
    return data
