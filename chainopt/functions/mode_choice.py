"""Which way a Jacobian goes: planned, or in one of the pure modes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chainopt.errors import InfeasibleError
from chainopt.functions.pure_costs import shared_products, sums_and_moves
from chainopt.ordering.order import compare, step_order
from chainopt.plan.comparison import Comparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.backend import Backend
    from chainopt.functions.program import Program
    from chainopt.functions.trace import Trace
    from chainopt.plan.plan import Plan
    from chainopt.typing import Array

WORTH_IT = 1.5  # times that a planned Jacobian must promise to be cheaper than the better pure mode
LEAST_GAIN, LEAST_WORK = 3, 40_000_000  # the same, and multiply-adds saved, of one whose operators are called from Python


def choice(
    backend: Backend,
    program: Program,
    comparison: Comparison,
    *,
    has_one_dtype: bool,
    is_hessian: bool = False,
    batched: Sequence[int] = (),
) -> str:
    """Return "planned", or the pure mode that is the better one; of Hessians the libraries have forward mode alone.

    A plan has to be worth it beside calling the equations of the function, which takes as long as so many multiply-adds, whatever
    the sizes; VJPs call twice as many. The pure modes are compared by what they multiply, and what they add up where that is
    slow: of equal ones reverse mode is taken, in which what comes first does not depend on the point yet. Where the dtypes of
    inputs and results differ, only reverse mode gives the blocks those that it gives. At many points, whose arrays stand for the
    variables ``batched``, the pure modes multiply their seeds by a matrix that is the same at all of them once.
    """
    overhead = backend.overhead * len(program.trace.equations)
    names = {name for equation in program.trace.equations for name in equation.name.split("+")}  # of what was put together, too
    shared = shared_products(program, batched)
    sums = sums_and_moves(backend, program, shared if batched else None)
    plans = {"reverse": (comparison.reverse, 2 * overhead), "forward": (comparison.forward, overhead)}
    if is_hessian and comparison.forward is not None:
        del plans["reverse"]
    passes = {mode: plan.cost - shared[mode] for mode, (plan, _) in plans.items() if plan is not None}
    costs = {mode: (cost + plans[mode][1], cost + sums[mode]) for mode, cost in passes.items()}
    least = min((called for called, _ in costs.values()), default=math.inf)
    is_worth_it = least >= WORTH_IT * (comparison.optimal.cost + 2 * overhead) and backend.fragile.isdisjoint(names)
    if not costs or is_worth_it:
        return "planned"
    return "reverse" if "reverse" in costs and not has_one_dtype else min(costs, key=lambda mode: costs[mode][1])


def mode_of_calls(backend: Backend, program: Program, comparison: Comparison, mode: str, *, has_one_dtype: bool) -> str:
    """Return the mode in which the library's own function is called where nothing is compiled.

    Each equation is a call of its own then, VJPs twice as many: forward mode is the quicker one for all but much work.
    """
    is_open = mode == "reverse" and has_one_dtype and backend.overhead_of_calls > 0
    if not is_open or comparison.forward is None or comparison.reverse is None:
        return mode
    calls = backend.overhead_of_calls * len(program.trace.equations)
    return "forward" if comparison.forward.cost < comparison.reverse.cost + calls else mode


def mode_at_points(
    backend: Backend, program: Program, comparison: Comparison, mode: str, arrays: Sequence[Array], **asked: bool
) -> str:
    """Return the mode at as many points at once as the arrays stand for; "" where nothing compiles it, and reverse mode is it.

    The library's seeds are the same at all points: its first products are made once. A program whose operators are called from
    Python has to gain more.
    """
    points = backend.points_at_once(arrays)
    if backend.compiles_transformed:
        trace = program.trace
        given = zip((*trace.inputs, *trace.others), arrays, strict=True)
        batched = [variable for variable, array in given if backend.points_at_once([array])]
        return choice(backend, program, comparison, batched=batched, **asked)
    if comparison.reverse is None:
        return mode
    own = comparison.reverse.cost
    for each, plan in {mode: plan_of(comparison, mode), "forward": comparison.forward}.items():
        if plan is not None and own >= LEAST_GAIN * plan.cost and points * (own - plan.cost) >= LEAST_WORK:
            return each
    return ""


def mode_of_fewer_sums(backend: Backend, program: Program) -> str:
    """Return the pure mode that adds up less where that is slow, of equal ones forward mode: the better one of as many passes."""
    sums = sums_and_moves(backend, program)
    return "forward" if sums["forward"] <= sums["reverse"] else "reverse"


def is_of_one_dtype(trace: Trace, outputs: int) -> bool:
    """Whether all inputs and differentiated results have the same dtype."""
    return len({trace.variables[variable].dtype for variable in (*trace.outputs[:outputs], *trace.inputs)}) < 2


def choice_by_shapes(trace: Trace, outputs: int) -> str:
    """Return the pure mode that takes fewer passes: reverse where there are fewer entries in the results than in the inputs.

    Where their dtypes differ, only reverse mode gives the blocks those that it gives.
    """
    is_narrowing = sum(map(trace.size, trace.outputs[:outputs])) < sum(map(trace.size, trace.inputs))
    return "reverse" if is_narrowing or not is_of_one_dtype(trace, outputs) else "forward"


def compared(program: Program) -> Comparison:
    """Hold the cheapest order of a program's chain against the pure modes, as the libraries run them."""
    comparison = compare(program.traced_chain, patterns="exact")
    if program.chain == program.traced_chain:
        return comparison
    return Comparison(comparison.forward, comparison.reverse, step_order(program.chain))


def plan_of(comparison: Comparison, mode: str) -> Plan:
    """Return the plan that runs in a mode that was chosen.

    Raises
    ------
    InfeasibleError
        If the function lacks the mode.
    """
    plan = {"forward": comparison.forward, "reverse": comparison.reverse, "planned": comparison.optimal}[mode]
    if plan is None:
        other = "reverse" if mode == "forward" else "forward"
        msg = f'the function has no {mode} mode: take mode "{other}", "planned" or "auto"'
        raise InfeasibleError(msg)
    return plan
