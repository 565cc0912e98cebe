"""What the libraries' pure modes take besides what they multiply, and what they multiply only once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.functions.computation_graph import carrying, multiplies_matrices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chainopt.functions.backend import Backend
    from chainopt.functions.program import Program

WORK_OF_A_SUM = 96  # multiply-adds that take as long as to add a number to a sum, or to put it in its place, where that is slow
WORK_OF_A_TURN = 24  # the same of an entry of a tangent whose axes change their order,
WORK_OF_A_CALL = 750  # the same of one operation of a loop, however small, through which a cotangent goes,
WORK_OF_A_MOVE = 140  # and of an entry of the Jacobian at many points: forward mode moves columns behind points


def shared_products(program: Program, batched: Sequence[int]) -> dict[str, int]:
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


def sums_and_moves(backend: Backend, program: Program, shared: Mapping[str, int] | None = None) -> dict[str, int]:
    """Return what the slow sums of both modes cost, and the calls that only forward mode has to make.

    A tangent goes through a reduction as a sum, one addition after the other, and so does a cotangent through a broadcast;
    the cotangent of an entry that is taken by itself is put in its place in an array of zeros, for each such entry. A tangent
    that a matrix is multiplied by from the left comes out with its own axis behind the rows. Where matrices are multiplied that
    both depend on the inputs, those products take the time, and single entries are little beside them. Loops may keep a compiler
    from joining what a cotangent passes, whose operations are called one after the other then, once for all points. At many
    points tangents have their own axis before the points, and behind the rows after such a product: then the axes are turned
    once, at the end.

    Parameters
    ----------
    backend, program
        As of `choice`.
    shared : mapping, optional
        What `shared_products` returns of many points; one point without it.
    """
    trace, results = program.trace, program.trace.outputs
    calls = backend.overhead_of_jvps * len(trace.equations)
    has_products = multiplies_matrices(trace, backend.products)
    carried, pushed, pulled, turned, slowed = carrying(trace), 0, 0, 0, 0
    products = sum(each.name in backend.products and not carried.isdisjoint(each.inputs) for each in trace.equations)
    is_moved = shared is not None and products > (shared["forward"] > 0)  # there are more of them than the first one
    moved = WORK_OF_A_MOVE if is_moved else 0
    for equation in trace.equations:
        before = sum(trace.size(variable) for variable in equation.inputs if variable in carried)
        after = sum(map(trace.size, equation.outputs))
        if not before:
            continue
        if equation.inputs[0] not in carried and equation.derivative.turned:
            if shared is None or equation.name not in backend.products:
                turned += equation.derivative.turned
            else:
                moved = min(moved, WORK_OF_A_MOVE // 2)
        slowed += equation.derivative.slowed
        if equation.name in backend.reductions:
            pushed += before
        elif equation.name in backend.parts and after == len(equation.outputs):
            pulled += 0 if has_products else before * after  # one or several entries, each by itself
        elif equation.name in backend.broadcasts and after > before:
            pulled += after
    passes = {"forward": sum(map(trace.size, trace.inputs)), "reverse": sum(map(trace.size, results))}
    pulls = sum(equation.derivative.called for equation in trace.equations) if shared is None else 0
    return {
        "forward": passes["forward"] * (WORK_OF_A_SUM * pushed + WORK_OF_A_TURN * turned + moved * passes["reverse"]) + calls,
        "reverse": passes["reverse"] * (WORK_OF_A_SUM * pulled + slowed) + WORK_OF_A_CALL * pulls,
    }
