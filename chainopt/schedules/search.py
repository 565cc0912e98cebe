"""What all methods for several workers have in common: a search with an incumbent, which a time limit or the user may end."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.costs.operation_costs import total
from chainopt.report.progress import search_progress
from chainopt.schedules.assignment import timetable
from chainopt.schedules.incumbent import Incumbent, TimeIsOverError
from chainopt.schedules.instance import instance_of
from chainopt.schedules.trees import Trees
from chainopt.solvers.base import Solution
from chainopt.solvers.pure_modes import mode_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.bracketing.schedule import Schedule
    from chainopt.schedules.instance import Instance
    from chainopt.solvers.base import Problem
    from chainopt.typing import Cost

LONGEST = 1e9  # seconds: there is no use in counting more


def solve_by(search: Callable[[Instance, Incumbent], str], problem: Problem, method: str) -> Solution:
    """Solve a problem for several workers by a search.

    An interrupt by the user ends it with the best plan so far, if there is one.

    Parameters
    ----------
    search : callable
        Offers plans and bounds to an incumbent, until it says that the time is over, and returns the name of the method that ran.
    problem : Problem
        What is planned.
    method : str
        The name of the method, where the search ends before it returns one.
    """
    until = _end(problem.time_limit)
    instance = instance_of(problem)
    with search_progress() if problem.shows_progress else nullcontext() as show:
        incumbent = _incumbent(instance, until, show)
        try:
            if instance.factors > 1:
                method = search(instance, incumbent)
            else:
                _offer_only(instance, incumbent)
        except TimeIsOverError:
            pass
        except KeyboardInterrupt:
            if incumbent.timetable is None:
                raise
    return _solution(instance, incumbent, method)


def scheduled(problem: Problem, bracketing: Bracketing) -> tuple[Bracketing, Schedule]:
    """Schedule a bracketing as it stands, by list scheduling; the order of what is returned is that of the schedule."""
    instance = instance_of(problem).beginning_as(bracketing)
    incumbent = _incumbent(instance, math.inf, None)
    if instance.factors > 1:
        Trees(instance, incumbent).schedule_bracketing(bracketing)
    else:
        _offer_only(instance, incumbent)
    assert incumbent.timetable is not None
    return incumbent.timetable.bracketing, incumbent.timetable.schedule(instance)


def _end(time_limit: float | None) -> float:
    """Return when to stop, by `time.monotonic`; an int may be larger than any float."""
    return math.inf if time_limit is None or time_limit > LONGEST else time.monotonic() + float(time_limit)


def _incumbent(instance: Instance, until: float, show: Callable[[Any, Any], None] | None) -> Incumbent:
    """Return an incumbent that shows costs, not times."""
    clock = instance.clock

    def show_costs(makespan: Cost, bound: Cost) -> None:
        if show is not None:
            show(clock.cost(makespan), clock.cost(bound))

    return Incumbent(until, instance.rounding, None if show is None else show_costs, bound=clock.zero)


def _offer_only(instance: Instance, incumbent: Incumbent) -> None:
    """Offer what there is to do with a single factor."""
    incumbent.offer(timetable(instance, np.zeros((2, 0), dtype=np.int32), np.zeros(0, dtype=np.int8), {~0: instance.clock.zero}))
    incumbent.close()


def _solution(instance: Instance, incumbent: Incumbent, method: str) -> Solution:
    """Return the best plan, as all methods do."""
    problem, best = instance.problem, incumbent.timetable
    assert best is not None
    schedule, is_optimal = best.schedule(instance), incumbent.is_proved()
    cost = total(problem.chain, best.bracketing, problem.model)
    return Solution(
        best.bracketing,
        float(cost) if isinstance(schedule.makespan, float) else cost,
        mode_of(problem, best.bracketing),
        is_optimal,
        schedule.makespan if is_optimal else instance.clock.cost(incumbent.bound),
        method,
        schedule,
    )
