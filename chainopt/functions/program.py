"""A traced function cut into stages at the narrowest places of what is alive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise, starmap
from typing import TYPE_CHECKING

from chainopt.functions.cut_search import Line
from chainopt.functions.thrifty_order import last_uses, narrow_order
from chainopt.functions.trace import COMPLEX
from chainopt.ordering.order import optimal_order

if TYPE_CHECKING:
    from chainopt.chain.chain import JacobianChain
    from chainopt.functions.cut_search import Section
    from chainopt.functions.trace import Equation, Trace

LONGEST_REORDERED = 1_500  # equations, up to which another order than the program's is looked for


@dataclass(frozen=True)
class Program:
    """A function whose derivative is a chain of sections.

    ``fixed`` are the equations that do not depend on the input, ``sections`` all others in evaluation order. ``skip`` is the
    equation that adds the input to what the sections compute, if there is one: then the identity is added to their
    Jacobian, and the input is not alive all the way. ``traced_chain`` is the chain as the libraries' own modes see it, which
    push identities through matrices.
    """

    trace: Trace
    fixed: tuple[Equation, ...]
    sections: tuple[Section, ...]
    chain: JacobianChain
    traced_chain: JacobianChain
    skip: Equation | None = None


def cut(trace: Trace, outputs: int, *, low_rank: bool = False) -> Program | None:
    """Cut a function where that makes the cheapest chain: in the order of the program, or another that keeps less alive.

    Only the first ``outputs`` results are differentiated. With ``low_rank`` one of the cuts is where least is alive.
    None where nothing is left to cut, a cut is empty, or a complex number is alive.
    """
    varying = varying_of(trace)
    fixed = tuple(equation for equation in trace.equations if not varying & set(equation.outputs))
    moving = [equation for equation in trace.equations if varying & set(equation.outputs)]
    if not moving or any(trace.variables[variable].kind == COMPLEX for variable in varying):
        return None
    if not low_rank and outputs == len(trace.outputs) == len(trace.inputs) == 1 and (skip := _skip(trace, moving)) is not None:
        rest = [equation for equation in trace.equations if equation is not skip]
        peeled = replace(trace, equations=rest, outputs=tuple(at for at in skip.inputs if at != trace.inputs[0]))
        program = cut(peeled, 1)
        return None if program is None else replace(program, trace=trace, skip=skip)
    stages = [equation.stage for equation in moving]
    if stages[-1] > 0:
        named = [at for at in range(1, len(moving)) if stages[at] != stages[at - 1]]
        best = _cut_in_order(trace, fixed, moving, varying, outputs, given=[0, *named, len(moving)])
    else:
        orders = [moving]
        if len(moving) <= LONGEST_REORDERED:
            orders.append(narrow_order(trace, moving, varying))
        programs = [_cut_in_order(trace, fixed, order, varying, outputs, low_rank=low_rank) for order in orders]
        best = min(programs, key=_narrowest if low_rank else _cost)
    return None if 0 in best.chain.dims else best


def _narrowest(program: Program) -> int:
    return min(program.chain.dims)


def _cost(program: Program) -> int:
    return int(optimal_order(program.chain).cost)


def _skip(trace: Trace, equations: list[Equation]) -> Equation | None:
    """Return the equation that adds the input itself to all the rest, if the function ends with one."""
    last = equations[-1]
    (given,), (result,) = trace.inputs, trace.outputs
    is_sum = last.is_sum and last.outputs == (result,) and len(last.inputs) == 2 and given in last.inputs
    shapes = {trace.variables[variable].shape for variable in (*last.inputs, result)}
    dtypes = {trace.variables[variable].dtype for variable in (*last.inputs, result)}
    return last if is_sum and len(shapes) == len(dtypes) == 1 and len(equations) > 1 else None


def varying_of(trace: Trace) -> set[int]:
    """Return the differentiable variables that depend on the input, and what is computed from them."""
    found = set(trace.inputs)
    for equation in trace.equations:
        if found & set(equation.inputs):
            found |= set(equation.outputs)
    return found


def _cut_in_order(
    trace: Trace,
    fixed: tuple[Equation, ...],
    equations: list[Equation],
    varying: set[int],
    outputs: int,
    *,
    given: list[int] | None = None,
    low_rank: bool = False,
) -> Program:
    """Cut where it is said, or where it is worth it."""
    results = tuple(variable for variable in dict.fromkeys(trace.outputs[:outputs]) if variable in varying)
    last = last_uses(equations, results)
    states = [tuple(dict.fromkeys(trace.inputs))]
    alive = [variable for variable in states[0] if last.get(variable, -1) >= 0]
    for at, equation in enumerate(equations):
        alive += [variable for variable in equation.outputs if trace.is_differentiable(variable)]
        alive = [variable for variable in dict.fromkeys(alive) if last.get(variable, -1) > at]
        states.append(tuple(alive))
    states[-1] = results
    line = Line(trace, equations, varying, states)
    cuts = given or line.cuts(at_narrowest=low_rank)
    return Program(trace, fixed, tuple(starmap(line.parted, pairwise(cuts))), line.chain(cuts), line.chain(cuts, known=False))
