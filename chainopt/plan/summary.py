"""What a plan says of itself when it is printed."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from chainopt.errors import InfeasibleError
from chainopt.numbers import amount, as_much, count, counted, ratio, times
from chainopt.plan.line import bracketing_line, is_elided
from chainopt.plan.plan_data import PlanData, known_bound
from chainopt.report.bracketing_text import chain_line
from chainopt.solvers.base import Problem
from chainopt.solvers.pure_modes import for_sweep
from chainopt.solvers.registry import select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainopt.bracketing.schedule import Schedule
    from chainopt.typing import Cost

WHOLE = "whole: plan.bracketing"
Facts: TypeAlias = list[tuple[str, str]]
"""Lines, each a name and a text."""


def facts(plan: PlanData) -> Facts:
    """Return all that is printed."""
    chain, model = plan.chain, plan.model
    whole = f"; {WHOLE}" if is_elided(plan) else ""
    lines = [("chain", chain_line(chain)), ("bracketing", f"{bracketing_line(plan)}, {plan.mode} mode{whole}")]
    lines += _cost_facts(plan) if plan.schedule is None else _schedule_facts(plan, plan.schedule)
    lines += [(mode, f"{about}{count(cost)}, {as_much(ratio(cost, plan.makespan))}") for mode, cost, about in _pure_costs(plan)]
    if plan.schedule is None:  # it is a bound on costs
        lines += _gain_facts(plan)
    lines.append(("peak memory", f"{plan.about}{counted(plan.peak_memory, 'matrix entry', 'matrix entries')}"))
    if chain.stage_costs is not None:
        lines.append(("tape", f"{count(plan.tape)} at the most"))
    source = getattr(model, "source", None)
    if source:
        lines.append(("rates", source))
    return [*lines, *(("note", remark) for remark in chain.remarks)]


def _pure_costs(plan: PlanData) -> Iterator[tuple[str, Cost, str]]:
    """Yield what the pure modes take, and whether that is "about": those of the graph, where the chain was cut from one."""
    costs = getattr(plan.chain, "graph_costs", None)
    if costs is not None and costs.pure is not None and costs.objective == plan.objective and plan.schedule is None:
        yield from zip(("forward", "reverse"), costs.pure, (plan.about, plan.about), strict=True)
        return
    problem = Problem(plan.chain, plan.model, workers=plan.workers)
    for mode in ("forward", "reverse"):
        with suppress(InfeasibleError):
            beside = PlanData(swept := for_sweep(problem, mode), select(swept, mode).solve(swept))
            yield mode, beside.makespan, beside.about


def _gain_facts(plan: PlanData) -> Facts:
    """Say what any order gains at most over the better pure mode, as far as it is known."""
    costs, bound = getattr(plan.chain, "graph_costs", None), plan.chain.gain_bound
    if costs is not None:  # the chain's is no bound for the graph
        bound = costs.gain_bound if costs.objective == plan.objective else None
    if bound is None:
        return []
    is_one = times(bound) == "1"
    most = "no order is cheaper" if bound == 1 else "hardly cheaper" if is_one else f"at most {times(bound)} times cheaper"
    return [("gain bound", f"{most} than the better of the two")]


def _cost_facts(plan: PlanData) -> Facts:
    known = known_bound(plan)
    bound = [] if known is None else [("lower bound", f"{count(known)}{_claimed(plan)}")]
    return [("cost", f"{plan.about}{amount(plan.cost, plan.unit)}{_proof(plan)}"), *bound]


def _proof(plan: PlanData) -> str:
    """Say that a plan is optimal, or that it was read, and said to be."""
    return ", optimal" if plan.is_optimal else ", claimed to be optimal" if "is_optimal" in plan.claims else ""


def _claimed(plan: PlanData) -> str:
    return ", claimed" if "lower_bound" in plan.claims else ""


def _schedule_facts(plan: PlanData, schedule: Schedule) -> Facts:
    if math.isinf(plan.workers):
        used = len({*schedule.worker})
        workers = f"unlimited, of which {used} {'is' if used == 1 else 'are'} used"
    else:
        time = int(plan.workers) * plan.makespan
        idle = max(time - plan.cost, 0 * time)  # sums of floats may differ in their last digits
        share = 100 * ratio(idle, time) if idle else 0.0
        workers = f"{plan.workers}, idle for {count(idle)}, {times(share)} % of their time"
    lines = [("workers", workers), ("makespan", f"{amount(plan.makespan, plan.unit)}{_proof(plan)}")]
    known = known_bound(plan)
    if known is not None:
        gap = f", {times(100 * (1 - ratio(known, plan.makespan)))} % below" if known else ""
        lines.append(("lower bound", f"{count(known)}{gap}{_claimed(plan)}"))
    return [*lines, ("work", f"{count(plan.cost)} in all")]
