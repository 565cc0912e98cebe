"""Which searches look for a plan for several workers, and in which order."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.schedule import Schedule
from chainopt.schedules import annealing, branch_and_bound, cp_sat
from chainopt.schedules.assignment import timetable
from chainopt.schedules.incumbent import Best, TimeIsOverError
from chainopt.schedules.problem import begun_as, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.schedules.assignment import Timetable
    from chainopt.schedules.problem import Problem

MOST_MODELLED = 64  # factors of a chain that OR-Tools may take over, which has a variable for each product that there could be
OWN_SECONDS = 30.0  # after which it does: before, it proves less than the own search in the same time
LONGEST = 1e9  # seconds: there is no use in counting more
QUICK_FACTORS, QUICK_STEPS = 32, 3_000_000  # up to which "auto" looks for a proof, and for how long: about a second


class Scheduled(NamedTuple):
    """What was found: a bracketing, its schedule, what none is below, whether it is the best, and which search answered."""

    bracketing: Bracketing
    schedule: Schedule
    bound: Any
    is_optimal: bool
    method: str


def solve(
    chain: JacobianChain,
    choices: StageChoices,
    model: CostModel,
    workers: float,
    method: str,
    time_limit: float | None,
    show: Callable[[Any, Any], None] | None = None,
) -> Scheduled:
    """Find a plan for several workers. An interrupt by the user ends the search with the best plan so far, if there is one."""
    best = Best(_end(time_limit), show)
    answered = method
    try:
        if len(chain) == 1:
            best.offer(_only(chain, choices, model))
            best.raise_bound(best.makespan)
        else:
            problem = problem_of(chain, choices, model, workers)
            if math.isinf(workers):
                answered = "interval"
                annealing.unlimited(problem, best)
            else:
                answered = _search(problem, method, best)
    except TimeIsOverError:
        pass
    except KeyboardInterrupt:
        if best.timetable is None:
            raise
    answer = best.timetable
    assert answer is not None
    schedule = Schedule(workers, answer.workers, answer.starts, answer.makespan)
    return Scheduled(answer.bracketing, schedule, best.bound, best.is_proved(), "heuristic" if answered == "auto" else answered)


def _end(time_limit: float | None) -> float:
    """Return when to stop, by `time.monotonic`; an int may be larger than any float."""
    return math.inf if time_limit is None or time_limit > LONGEST else time.monotonic() + float(time_limit)


def _search(problem: Problem, method: str, best: Best) -> str:
    if method == "cp-sat":
        cp_sat.check(problem)
    annealing.search(problem, best, by_moves_only=method == "cp-sat")
    if method == "heuristic" or best.is_proved() or not problem.is_tabled or not best.goes_on():
        return "heuristic" if method == "auto" else method
    if method == "exact":
        _prove(problem, best)
    elif method == "cp-sat":
        cp_sat.search(problem, best)
    elif problem.is_compiled and problem.factors <= QUICK_FACTORS:
        branch_and_bound.search(problem, best, QUICK_STEPS)
        return "exact" if best.is_proved() else "heuristic"
    else:
        return "heuristic"
    return method


def _prove(problem: Problem, best: Best) -> None:
    """Search for a proof; where the own search has found none after a while, OR-Tools, if it is installed, may."""
    until = best.until
    two_ways = problem.factors <= MOST_MODELLED and cp_sat.holds(problem) and cp_sat.is_there()
    if two_ways:
        best.until = min(time.monotonic() + OWN_SECONDS, until)
    try:
        branch_and_bound.search(problem, best)
    finally:
        best.until = until
    if two_ways and not best.is_proved() and best.goes_on():
        cp_sat.search(problem, best)


def scheduled(
    chain: JacobianChain, choices: StageChoices, model: CostModel, workers: float, bracketing: Bracketing
) -> tuple[Bracketing, Schedule]:
    """Schedule a bracketing as it stands, by list scheduling; the order of what is returned is that of the schedule."""
    choices = begun_as(bracketing, chain, choices, model)
    if len(chain) == 1:
        answer = _only(chain, choices, model)
    else:
        answer = annealing.of_bracketing(problem_of(chain, choices, model, workers), bracketing)
    return answer.bracketing, Schedule(workers, answer.workers, answer.starts, answer.makespan)


def _only(chain: JacobianChain, choices: StageChoices, model: CostModel) -> Timetable:
    none = np.zeros((2, 0), dtype=np.int32)
    return timetable(chain, choices, model, 1, none, np.zeros(0, dtype=np.int8), {~0: 0})
