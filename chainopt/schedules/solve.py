"""Which searches look for a plan for several workers, and in which order."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.schedules import cp_sat, heuristic, proof
from chainopt.schedules.best import Best
from chainopt.schedules.problem import problem_of
from chainopt.schedules.schedule import Schedule
from chainopt.schedules.timetable import timetable

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.bracketing import Bracketing
    from chainopt.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.costs.stages import StageChoices
    from chainopt.schedules.problem import Problem
    from chainopt.schedules.timetable import Timetable

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
    choices: StageChoices | None,
    model: CostModel | None,
    workers: float,
    method: str,
    time_limit: float | None,
    show: Callable[[Any, Any], None] | None = None,
) -> Scheduled:
    """Find a plan for several workers. An interrupt by the user ends the search with the best plan so far, if there is one."""
    best = Best(time.monotonic() + (math.inf if time_limit is None else float(time_limit)), show)
    answered = method
    try:
        if len(chain) == 1:
            best.offer(_only(chain, choices, model))
            best.raise_bound(best.makespan)
        else:
            problem = problem_of(chain, choices, model, workers)
            if math.isinf(workers):
                answered = "interval"
                heuristic.unlimited(problem, best)
            else:
                answered = _search(problem, method, best)
    except KeyboardInterrupt:
        if best.timetable is None:
            raise
    answer = best.timetable
    assert answer is not None
    schedule = Schedule(workers, answer.workers, answer.starts, answer.makespan)
    return Scheduled(answer.bracketing, schedule, best.bound, best.is_proved(), "heuristic" if answered == "auto" else answered)


def _search(problem: Problem, method: str, best: Best) -> str:
    if method == "cp-sat":
        cp_sat.check(problem)
    heuristic.search(problem, best, by_moves_only=method == "cp-sat")
    if method == "heuristic" or best.is_proved() or not problem.is_tabled or not best.goes_on():
        return "heuristic" if method == "auto" else method
    if method == "exact":
        proof.search(problem, best)
    elif method == "cp-sat":
        cp_sat.search(problem, best)
    elif problem.is_compiled and problem.factors <= QUICK_FACTORS:
        proof.search(problem, best, QUICK_STEPS)
        return "exact" if best.is_proved() else "heuristic"
    else:
        return "heuristic"
    return method


def scheduled(
    chain: JacobianChain, choices: StageChoices | None, model: CostModel | None, workers: float, bracketing: Bracketing
) -> tuple[Bracketing, Schedule]:
    """Schedule a bracketing as it stands, by list scheduling; the order of what is returned is that of the schedule."""
    if len(chain) == 1:
        answer = _only(chain, choices, model)
    else:
        answer = heuristic.of_bracketing(problem_of(chain, choices, model, workers), bracketing)
    return answer.bracketing, Schedule(workers, answer.workers, answer.starts, answer.makespan)


def _only(chain: JacobianChain, choices: StageChoices | None, model: CostModel | None) -> Timetable:
    none = np.zeros((2, 0), dtype=np.int32)
    return timetable(chain, choices, model, 1, none, np.zeros(0, dtype=np.int8), {~0: 0})
