"""What a plan says of itself when it is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainopt.costs.stage_choices import stage_choices
from chainopt.numbers import count, ratio, times
from chainopt.report.one_line import chain_line
from chainopt.report.tables import schedule_facts
from chainopt.solvers.pure_modes import forward, reverse

if TYPE_CHECKING:
    from chainopt.plan.plan import Plan
    from chainopt.solvers.base import Candidate


def facts(plan: Plan) -> list[tuple[str, str]]:
    """Return the lines: a name and a text."""
    chain, model = plan.chain, plan.model
    choices = stage_choices(chain, None, model)
    sweeps = {"forward": forward(chain, choices, model), "reverse": reverse(chain, choices, model)}
    pure = {name: _time_of(plan, sweep) for name, sweep in sweeps.items() if sweep is not None}
    gains = ((name, time, ratio(time, plan.makespan)) for name, time in pure.items())
    bound = chain.gain_bound
    if bound is None or plan.schedule is not None:  # the bound is one on costs
        most = []
    else:
        most = [("gain bound", f"at most {times(bound)} times cheaper than the better of the two")]
    tape = [] if choices.only_products else [("tape", f"{count(plan.tape)} at the most")]
    return [
        ("chain", chain_line(chain)),
        ("bracketing", f"{plan.bracketing_line}, {plan.mode} mode"),
        *_costs(plan),
        *((name, f"{count(cost)}, {'the same' if gain == 1 else f'{times(gain)} times as much'}") for name, cost, gain in gains),
        *most,
        ("peak memory", f"{count(plan.peak_memory)} matrix entries"),
        *tape,
        *([("rates", source)] if (source := getattr(model, "source", None)) else []),
        *(("note", note) for note in chain.remarks),
    ]


def _time_of(plan: Plan, sweep: Candidate) -> Any:
    """Return what a sweep takes with as many workers as the plan has."""
    if plan.schedule is None:
        return sweep[1]
    from chainopt.schedules.search import scheduled  # with numbers of workers of their own few plans are asked for

    choices = stage_choices(plan.chain, None, plan.model)
    return scheduled(plan.chain, choices, plan.model, plan.workers, sweep[0])[1].makespan


def _costs(plan: Plan) -> list[tuple[str, str]]:
    if plan.schedule is None:
        bound = [] if plan.known_bound is None else [("lower bound", count(plan.known_bound))]
        return [("cost", f"{count(plan.cost)} {plan.unit}{', optimal' if plan.is_optimal else ''}"), *bound]
    used = len({*plan.schedule.worker})
    known = None if plan.is_optimal else plan.known_bound
    return schedule_facts(plan.makespan, plan.unit, plan.cost, plan.workers, used, known)
