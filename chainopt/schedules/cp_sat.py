"""The best plan for several workers by OR-Tools CP-SAT: one optional interval of time for each interval of the chain."""

from __future__ import annotations

import math
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.operations import PRODUCT, PULLED, PUSHED
from chainopt.costs.operation_costs import steps_of
from chainopt.errors import ChainError, raise_missing_extra
from chainopt.schedules.assignment import event_of, timetable
from chainopt.schedules.problem import MOST_TABLED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from chainopt.schedules.incumbent import Best
    from chainopt.schedules.problem import Problem

ROUNDING = 1e-3  # the solver's bound is a float
LARGEST = 2**50  # times and sums of times up to which the solver is sure of its numbers


def cp_model() -> ModuleType:
    """Import the solver.

    Raises
    ------
    ChainError
        If it is not installed.
    """
    try:
        from ortools.sat.python import cp_model
    except ModuleNotFoundError:
        raise_missing_extra('method "cp-sat"', "OR-Tools", "schedule")
    module: ModuleType = cp_model
    return module


def holds(problem: Problem) -> bool:
    """Whether the solver can hold a problem."""
    return problem.dtype is np.int64 and problem.most < LARGEST and problem.is_tabled


def is_there() -> bool:
    """Whether the solver is installed."""
    try:
        cp_model()
    except ChainError:
        return False
    return True


def check(problem: Problem) -> None:
    """Refuse what the solver cannot hold.

    Raises
    ------
    ChainError
        If it is not installed, or the times are none that it holds.
    """
    cp_model()
    if not holds(problem):
        msg = f'method "cp-sat" needs counted costs below {LARGEST} in all, and no more than {MOST_TABLED} factors: take "exact"'
        raise ChainError(msg)


def search(problem: Problem, best: Best) -> None:
    """Look for the best plan until the time is over; the best so far is where it begins."""
    cp = cp_model()
    factors, workers = problem.factors, problem.workers
    model = cp.CpModel()
    horizon = best.makespan
    makespan = model.new_int_var(best.bound, horizon, "makespan")
    ends: dict[tuple[int, int], Any] = {}
    used: dict[tuple[int, int], Any] = {}
    chosen: dict[tuple[int, int, int, int], Any] = {}
    durations, intervals = [], []
    needs: dict[tuple[int, int], list[Any]] = {}
    starts: dict[tuple[int, int], Any] = {}
    for width in range(1, factors + 1):
        for i in range(factors - width + 1):
            j = i + width
            options = _options(problem, i, j)
            is_used = model.new_bool_var(f"used {i} {j}")
            start = model.new_int_var(0, horizon, "")
            duration = model.new_int_var(0, max(cost for *_, cost in options), "")
            end = model.new_int_var(0, horizon, "")
            choices = [model.new_bool_var("") for _ in options]
            model.add_exactly_one([*choices, is_used.negated()])
            model.add(duration == sum(cost * choice for (*_, cost), choice in zip(options, choices, strict=True)))
            intervals.append(model.new_optional_interval_var(start, duration, end, is_used, ""))
            durations.append(duration)
            for (kind, split, _), choice in zip(options, choices, strict=True):
                chosen[i, j, kind, split] = choice
                sides = [(i, split)] * (kind != PUSHED) + [(split, j)] * (kind != PULLED) if width > 1 else []
                for side in sides:
                    needs.setdefault(side, []).append(choice)
                    model.add(start >= ends[side]).only_enforce_if(choice)
            starts[i, j], ends[i, j], used[i, j] = start, end, is_used
    for side, is_used in used.items():
        if side == (0, factors):
            model.add(is_used == 1)
        else:
            model.add(sum(needs.get(side, [])) == is_used)
    # Without the work bound next to nothing is proved on two workers.
    model.add_cumulative(intervals, [1] * len(intervals), workers)
    model.add(sum(durations) <= workers * makespan)
    model.add(makespan == ends[0, factors])
    _hint(model, problem, best, starts, used, chosen)
    model.minimize(makespan)
    solver = cp.CpSolver()
    solver.parameters.max_time_in_seconds = max(0.0, min(best.until - time.monotonic(), 1e9))
    watch = None
    if best.show is not None:
        watch = _watch(cp, best)
        solver.best_bound_callback = watch.on_bound
    with _own_interrupts(solver):
        status = solver.solve(model, watch)
    if status in (cp.OPTIMAL, cp.FEASIBLE):
        _offer(problem, best, solver, starts, chosen)
    if status in (cp.OPTIMAL, cp.FEASIBLE, cp.UNKNOWN):
        best.raise_bound(math.ceil(solver.best_objective_bound - ROUNDING))


@contextmanager
def _own_interrupts(solver: Any) -> Iterator[None]:
    """Let Ctrl-C end the solver with the best so far; it leaves a handler that ends the process, so the old one is put back."""
    is_main = threading.current_thread() is threading.main_thread()  # no other thread may have handlers
    solver.parameters.catch_sigint_signal = is_main
    handler = signal.getsignal(signal.SIGINT) if is_main else None
    try:
        yield
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)


def _watch(cp: ModuleType, best: Best) -> Any:
    """Show what the solver finds."""

    class Watch(cp.CpSolverSolutionCallback):  # type: ignore[name-defined,misc]
        least = best.bound
        most = best.makespan

        def on_solution_callback(self) -> None:
            self.most = min(self.most, round(self.objective_value))
            best.tell(self.most, self.least)

        def on_bound(self, bound: float) -> None:
            self.least = max(self.least, math.ceil(bound - ROUNDING))
            best.tell(self.most, self.least)

    return Watch()


def _offer(problem: Problem, best: Best, solver: Any, starts: Any, chosen: Any) -> None:
    """Offer the plan that the solver holds."""
    factors = problem.factors
    spans, kinds = np.zeros((2, factors - 1), dtype=np.int32), np.zeros(factors - 1, dtype=np.int8)
    begun = {}
    for (i, j, kind, split), choice in chosen.items():
        if solver.value(choice):
            begun[~i if j == i + 1 else split - 1] = solver.value(starts[i, j])
            if j > i + 1:
                spans[:, split - 1] = i, j - 1
                kinds[split - 1] = kind
    best.offer(timetable(problem.chain, problem.choices, problem.model, problem.workers, spans, kinds, begun))


def _options(problem: Problem, i: int, j: int) -> list[tuple[int, int, int]]:
    """List what can be done last to make the factors ``i..j-1``: the kind, where it is split, and its cost."""
    if j == i + 1:
        return [(PRODUCT, i, int(problem.leaves[i]))]
    sizes, prices = problem.sizes, problem.prices
    options = []
    for k in range(i + 1, j):
        cost = int(sizes[i]) * int(sizes[k]) * int(sizes[j]) if not len(prices) else int(prices[i][k][j])
        options.append((PRODUCT, k, cost))
    if problem.push[i] >= 0:
        options.append((PUSHED, i + 1, int(sizes[j] * problem.push[i])))
    if problem.pull[j - 1] >= 0:
        options.append((PULLED, j - 1, int(sizes[i] * problem.pull[j - 1])))
    return options


def _hint(model: Any, problem: Problem, best: Best, starts: Any, used: Any, chosen: Any) -> None:
    """Start from the best plan."""
    assert best.timetable is not None
    plan = best.timetable
    begun = dict(zip([] if plan.bracketing.order is None else plan.bracketing.order.tolist(), plan.starts, strict=True))
    made = set()
    for step in steps_of(problem.chain, plan.bracketing, problem.model):
        at = step.first, step.last + 1
        made.add(at)
        model.add_hint(starts[at], begun[event_of(step)])
        kind = PRODUCT
        split = getattr(step, "split", step.first - 1) + 1
        if plan.bracketing.kinds is not None and step.last > step.first:
            kind = int(plan.bracketing.kinds[split - 1])
        model.add_hint(chosen[*at, kind, split], 1)
    for at, is_used in used.items():
        model.add_hint(is_used, int(at in made))
