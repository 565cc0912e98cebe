"""Which way a Jacobian goes: planned, or in one of the pure modes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chainopt.errors import InfeasibleError
from chainopt.functions.computation_graph import carrying, multiplies_matrices
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
WORK_OF_A_SUM = 96  # multiply-adds that take as long as to add a number to a sum, or to put it in its place, where that is slow
WORK_OF_A_TURN = 24  # the same of an entry of a tangent whose axes change their order,
WORK_OF_A_MOVE = 140  # and of an entry of the Jacobian at many points: forward mode moves columns behind points


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
    sums, shared = _sums(backend, program, is_batched=bool(batched)), _shared(program, batched)
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
    if points and backend.compiles_transformed:
        trace = program.trace
        given = zip((*trace.inputs, *trace.others), arrays, strict=True)
        batched = [variable for variable, array in given if backend.points_at_once([array])]
        return choice(backend, program, comparison, batched=batched, **asked)
    if not points or comparison.reverse is None:
        return mode
    own = comparison.reverse.cost
    for each, plan in {mode: plan_of(comparison, mode), "forward": comparison.forward}.items():
        if plan is not None and own >= LEAST_GAIN * plan.cost and points * (own - plan.cost) >= LEAST_WORK:
            return each
    return ""


def mode_of_fewer_sums(backend: Backend, program: Program) -> str:
    """Return the pure mode that adds up less where that is slow, of equal ones forward mode: the better one of as many passes."""
    sums = _sums(backend, program)
    return "forward" if sums["forward"] <= sums["reverse"] else "reverse"


def _shared(program: Program, batched: Sequence[int]) -> dict[str, int]:
    """Return what the pure modes' first products cost where the matrix is the same at all points."""
    moving = set(batched)
    for equation in program.trace.equations:
        if not moving.isdisjoint(equation.inputs):
            moving.update(equation.outputs)
    shared = {"forward": 0, "reverse": 0}
    first, last = program.sections[0].parts[0].known, program.sections[-1].parts[-1].known
    for mode, known, before in (("forward", first, first and first.first), ("reverse", last, last and last.last)):
        if moving and known and known.product and not before and moving.isdisjoint({*known.product.inputs} - {known.operand}):
            jvp, vjp = known.product.price
            seeds, price = (program.inputs, jvp) if mode == "forward" else (program.results, vjp)
            shared[mode] = sum(map(program.trace.size, seeds)) * (price or 0)
    return shared


def _sums(backend: Backend, program: Program, *, is_batched: bool = False) -> dict[str, int]:
    """Return what the slow sums of both modes cost, and the calls that only forward mode has to make.

    A tangent goes through a reduction as a sum, one addition after the other, and so does a cotangent through a broadcast;
    the cotangent of an entry that is taken by itself is put in its place in an array of zeros, for each such entry. A tangent
    that a matrix is multiplied by from the left comes out with its own axis behind the rows. Where matrices are multiplied that
    both depend on the inputs, those products take the time, and single entries are little beside them. Loops may keep a compiler
    from joining what a cotangent passes. At many points tangents have their own axis before the points, and behind the rows after
    such a product: then the axes are turned once, at the end.
    """
    trace, results = program.trace, program.trace.outputs
    calls = backend.overhead_of_jvps * len(trace.equations)
    has_products = multiplies_matrices(trace, backend.products)
    carried, pushed, pulled, turned, slowed = carrying(trace), 0, 0, 0, 0
    moved = WORK_OF_A_MOVE if is_batched else 0
    for equation in trace.equations:
        before = sum(trace.size(variable) for variable in equation.inputs if variable in carried)
        after = sum(map(trace.size, equation.outputs))
        if not before:
            continue
        if is_batched and equation.derivative.turned and equation.inputs[0] not in carried and equation.name in backend.products:
            moved = WORK_OF_A_MOVE // 2
        elif equation.inputs[0] not in carried:
            turned += equation.derivative.turned
        slowed += equation.derivative.slowed
        if equation.name in backend.reductions:
            pushed += before
        elif equation.name in backend.parts and after == len(equation.outputs):
            pulled += 0 if has_products else before * after  # one or several entries, each by itself
        elif equation.name in backend.broadcasts and after > before:
            pulled += after
    passes = {"forward": sum(map(trace.size, trace.inputs)), "reverse": sum(map(trace.size, results))}
    return {
        "forward": passes["forward"] * (WORK_OF_A_SUM * pushed + WORK_OF_A_TURN * turned + moved * passes["reverse"]) + calls,
        "reverse": passes["reverse"] * (WORK_OF_A_SUM * pulled + slowed),
    }


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
