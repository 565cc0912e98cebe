"""What a plan says of itself when it is printed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

from chainopt.errors import InfeasibleError
from chainopt.numbers import count, ratio, times
from chainopt.report.bracketing_text import chain_line
from chainopt.solvers.base import Problem
from chainopt.solvers.registry import select

if TYPE_CHECKING:
    from chainopt.bracketing.schedule import Schedule
    from chainopt.plan.plan_data import PlanData

Facts: TypeAlias = list[tuple[str, str]]
"""Lines, each a name and a text."""


def facts(plan: PlanData) -> Facts:
    """Return all that is printed."""
    chain, model, about = plan.chain, plan.model, plan.about
    lines = [("chain", chain_line(chain)), ("bracketing", f"{plan.bracketing_line}, {plan.mode} mode")]
    lines += _cost_facts(plan) if plan.schedule is None else _schedule_facts(plan, plan.schedule)
    problem = Problem(chain, model, workers=plan.workers)
    for mode in ("forward", "reverse"):
        try:
            makespan = select(problem, mode).solve(problem).makespan
        except InfeasibleError:
            continue
        gain = ratio(makespan, plan.makespan)
        lines.append((mode, f"{about}{count(makespan)}, {'the same' if gain == 1 else f'{times(gain)} times as much'}"))
    gain_bound = chain.gain_bound
    if gain_bound is not None and plan.schedule is None:  # it is a bound on costs
        lines.append(("gain bound", f"at most {times(gain_bound)} times cheaper than the better of the two"))
    lines.append(("peak memory", f"{about}{count(plan.peak_memory)} matrix entries"))
    if chain.stage_costs is not None:
        lines.append(("tape", f"{count(plan.tape)} at the most"))
    source = getattr(model, "source", None)
    if source:
        lines.append(("rates", source))
    return [*lines, *(("note", remark) for remark in chain.remarks)]


def _cost_facts(plan: PlanData) -> Facts:
    bound = [] if plan.known_bound is None else [("lower bound", count(plan.known_bound))]
    return [("cost", f"{plan.about}{count(plan.cost)} {plan.unit}{', optimal' if plan.is_optimal else ''}"), *bound]


def _schedule_facts(plan: PlanData, schedule: Schedule) -> Facts:
    if math.isinf(plan.workers):
        workers = f"as many as one likes, of which {len({*schedule.worker})} are used"
    else:
        time = int(plan.workers) * plan.makespan
        idle = max(time - plan.cost, 0 * time)  # sums of floats may differ in their last digits
        share = 100 * ratio(idle, time) if idle else 0.0
        workers = f"{plan.workers}, idle for {count(idle)}, {times(share)} % of their time"
    lines = [("workers", workers), ("makespan", f"{count(plan.makespan)} {plan.unit}{', optimal' if plan.is_optimal else ''}")]
    if not plan.is_optimal and plan.known_bound is not None:
        gap = f", {times(100 * (ratio(plan.makespan, plan.known_bound) - 1))} % below" if plan.known_bound else ""
        lines.append(("lower bound", f"{count(plan.known_bound)}{gap}"))
    return [*lines, ("work", f"{count(plan.cost)} in all")]
