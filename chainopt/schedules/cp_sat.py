"""The method "cp-sat": the best plan for several workers, by Google's OR-Tools."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.errors import ChainError, raise_missing_extra
from chainopt.kernels.interrupts import interrupts_delivered, interrupts_held
from chainopt.schedules.cp_sat_model import Model
from chainopt.schedules.heuristic import search_well
from chainopt.schedules.instance import MOST_TABLED
from chainopt.schedules.search import solve_by
from chainopt.solvers.base import Method, needs_several_workers

if TYPE_CHECKING:
    from types import ModuleType

    from chainopt.schedules.incumbent import Incumbent
    from chainopt.schedules.instance import Instance
    from chainopt.solvers.base import Problem, Solution

ROUNDING = 1e-3  # the solver's bound is a float
SECONDS_BETWEEN_LOOKS = 0.1  # whether the user wants an end
LARGEST = 2**50  # times and sums of times up to which the solver is sure of its numbers


class CpSat(Method):
    """A good plan without proofs by chainopt's own search, which OR-Tools then improves until it has one."""

    name = "cp-sat"
    is_exact = True

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        return needs_several_workers(problem)

    def solve(self, problem: Problem) -> Solution:
        """Find the best plan, or, within a time limit, a good one.

        Raises
        ------
        ChainError
            If OR-Tools is not installed, or cannot hold the times.
        """
        cp_model()

        def search_by_both(instance: Instance, incumbent: Incumbent) -> str:
            if not can_hold(instance):
                msg = (
                    f'method "cp-sat" needs counted costs, or floats that are multiples of one power of two, below {LARGEST} '
                    f'of it in all, and no more than {MOST_TABLED} factors: take "exact"'
                )
                raise ChainError(msg)
            search_well(instance, incumbent, by_moves_only=True)
            if not incumbent.is_proved() and incumbent.goes_on():
                search(instance, incumbent)
            return self.name

        return solve_by(search_by_both, problem, self.name)


METHOD = CpSat()


def cp_model() -> ModuleType:
    """Import the solver.

    Raises
    ------
    ChainError
        If it is not installed.
    """
    try:
        with interrupts_held():
            from ortools.sat.python import cp_model
    except ModuleNotFoundError:
        raise_missing_extra('method "cp-sat"', "OR-Tools", "schedule")
    module: ModuleType = cp_model
    return module


def is_installed() -> bool:
    """Whether the solver is installed."""
    try:
        cp_model()
    except ChainError:
        return False
    return True


def can_hold(instance: Instance) -> bool:
    """Whether the solver can hold an instance."""
    total = instance.largest * 2 * instance.factors
    return instance.clock.dtype is np.int64 and total < LARGEST and instance.is_tabled


def search(instance: Instance, incumbent: Incumbent) -> None:
    """Look for better plans than the incumbent's, from which the solver starts, until there is none or the time is over."""
    cp = cp_model()
    model = Model(cp, instance, incumbent)
    solver = cp.CpSolver()
    solver.parameters.max_time_in_seconds = max(0.0, min(incumbent.until - time.monotonic(), 1e9))
    watch = None
    if incumbent.show is not None:
        watch = _watch(cp, incumbent)
        solver.best_bound_callback = watch.on_bound
    status = _solved(solver, model.model, watch)
    if status in (cp.OPTIMAL, cp.FEASIBLE):
        incumbent.offer(model.timetable(solver))
    if status in (cp.OPTIMAL, cp.FEASIBLE, cp.UNKNOWN):
        incumbent.raise_bound(math.ceil(solver.best_objective_bound - ROUNDING))


def _solved(solver: Any, model: Any, watch: Any) -> Any:
    """Run the solver; Ctrl-C ends it with the best so far.

    Its own handler of interrupts takes locks that the interrupted thread may hold, and then waits forever: so it works in
    another thread, and this one waits for it, or for the user.
    """
    solver.parameters.catch_sigint_signal = False
    if threading.current_thread() is not threading.main_thread():
        return solver.solve(model, watch)
    interrupts: list[BaseException] = []
    with ThreadPoolExecutor(1) as executor, interrupts_delivered(interrupts.append):
        solving = executor.submit(solver.solve, model, watch)
        while not wait([solving], SECONDS_BETWEEN_LOOKS).done:
            if interrupts:
                solver.stop_search()
    return solving.result()


def _watch(cp: ModuleType, incumbent: Incumbent) -> Any:
    """Show the progress of the solver."""

    class Watch(cp.CpSolverSolutionCallback):  # type: ignore[name-defined,misc]
        least = incumbent.bound
        most = incumbent.makespan

        def on_solution_callback(self) -> None:
            self.most = min(self.most, round(self.objective_value))
            incumbent.tell(self.most, self.least)

        def on_bound(self, bound: float) -> None:
            self.least = max(self.least, math.ceil(bound - ROUNDING))
            incumbent.tell(self.most, self.least)

    return Watch()
