"""Which way a Jacobian goes: planned, or in one of the pure modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import InfeasibleError
from chainopt.ordering.order import compare, optimal_order
from chainopt.plan.comparison import Comparison

if TYPE_CHECKING:
    from chainopt.functions.program import Program
    from chainopt.functions.trace import Trace
    from chainopt.plan.plan import Plan

WORTH_IT = 1.5  # times that a planned Jacobian must promise to be cheaper than the better pure mode


def choice(comparison: Comparison, overhead: int) -> str:
    """Return "planned", or the pure mode that is the better one.

    Calling the equations of the function takes as long as ``overhead`` multiply-adds, whatever the sizes; VJPs call twice
    as many.
    """
    pure = {"forward": (comparison.forward, overhead), "reverse": (comparison.reverse, 2 * overhead)}
    costs = {name: plan.cost + calls for name, (plan, calls) in pure.items() if plan is not None}
    if not costs or min(costs.values()) >= WORTH_IT * (comparison.optimal.cost + 2 * overhead):
        return "planned"
    return min(costs, key=lambda name: costs[name])


def choice_by_shapes(trace: Trace, outputs: int) -> str:
    """Return the pure mode that takes fewer passes: reverse where there are fewer entries in the results than in the inputs.

    Where their dtypes differ, only reverse mode gives the blocks those that it gives.
    """
    results, inputs = trace.outputs[:outputs], trace.inputs
    has_one_dtype = len({trace.variables[variable].dtype for variable in (*results, *inputs)}) < 2
    is_narrowing = sum(map(trace.size, results)) < sum(map(trace.size, inputs))
    return "reverse" if is_narrowing or not has_one_dtype else "forward"


def compared(program: Program) -> Comparison:
    """Hold the cheapest order of a program's chain against the pure modes, as the libraries run them."""
    comparison = compare(program.traced_chain)
    if program.chain == program.traced_chain:
        return comparison
    return Comparison(comparison.forward, comparison.reverse, optimal_order(program.chain))


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
