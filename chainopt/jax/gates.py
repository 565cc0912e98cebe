"""Whether it is worth looking for sparse stages, or for few nonzeros in a Jacobian, as far as sizes and primitives tell that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax

from chainopt.functions.computation_graph import carrying
from chainopt.jax.jaxprs import inner
from chainopt.jax.rules import elementwise
from chainopt.jax.rules.registry import CALLS, PRODUCTS
from chainopt.jax.unrolling import is_short

if TYPE_CHECKING:
    from jax.extend import core

    from chainopt.functions.trace import Equation, Trace

FEWEST_OF_STAGES = 16  # inputs and results: fewer passes are not worth it
WIDER = 4  # times as wide as the narrower end is what takes most of the work,
LEAST_OF_STAGES = 10_000_000  # and so much of it in all passes

FEWEST = 256  # the same where no stages are looked for
NARROW = 16  # times as few entries as passes has what may hold together all of a wide array
MEMBERS = 32  # of a sum, or a product of matrices, that has a wide result: more make it dense
MOST_OF_IT = 0.5  # of the work, done entry by entry on wide arrays,
LEAST = 20_000_000  # and so much of it in all passes,
EACH = 32  # and for each entry of the Jacobian, that has to be written in any case
SLOW = 8  # times as long as others take functions that a compiler computes anew for each entry, and what puts arrays together

MOVE_NAMES = """
broadcast_in_dim concatenate copy custom_jvp_call dynamic_slice dynamic_update_slice expand_dims gather loop pad reshape rev
scatter scatter-add scatter_add select_n slice split squeeze stack stop_gradient transpose unstack
"""  # what was made a loop, the last step of which stands behind it
DEAR = elementwise.DEAR | {"concatenate"}
SUMS = frozenset({"conv_general_dilated", "dot_general", "reduce_max", "reduce_min", "reduce_prod", "reduce_sum"})
KNOWN = SUMS | {*MOVE_NAMES.split(), *elementwise.NAMES.split(), "add", "add_any", "convert_element_type"}


def _sizes(trace: Trace, outputs: int) -> tuple[int, int]:
    """Return how many entries the inputs have, and the results that are differentiated."""
    return sum(map(trace.size, trace.inputs)), sum(map(trace.size, trace.outputs[:outputs]))


def stages_may_pay(trace: Trace, outputs: int) -> bool:
    """Whether a function does most of its work on arrays that are much wider than its narrower end, entry by entry.

    On a GPU such work costs less than the calls of the stages: they took three times as long as forward mode on an H200.
    """
    sizes = _sizes(trace, outputs)
    passes = min(sizes)
    if passes < FEWEST_OF_STAGES or jax.default_backend() != "cpu":
        return False
    carried, wide, all_of_it = carrying(trace), 0, 0
    for equation in trace.equations:
        if carried.isdisjoint(equation.inputs):
            continue
        if equation.price.jvp is None:
            return False
        all_of_it += equation.price.jvp
        is_wide = max(map(trace.size, equation.outputs), default=0) >= WIDER * passes
        wide += equation.price.jvp if is_wide and equation.name not in PRODUCTS else 0
    return wide >= MOST_OF_IT * all_of_it and passes * wide >= LEAST_OF_STAGES


def may_be_sparse(trace: Trace, outputs: int) -> bool:
    """Whether a function of many inputs and results works entry by entry, on neighbors, or by sums of few entries or of all.

    What has another primitive than such is not looked at: to find out that a Jacobian is dense takes as long as to compile one.
    """
    sizes = _sizes(trace, outputs)
    passes = min(sizes)
    if passes < FEWEST or jax.default_backend() != "cpu":
        return False
    carried, wide, all_of_it, is_elementwise = carrying(trace), 0, 0, True
    loops_are_local = _loops_are_local(trace.source.closed.jaxpr)
    for equation in trace.equations:
        if carried.isdisjoint(equation.inputs):
            continue
        names, work = set(equation.name.split("+")), equation.price.jvp
        if work is None or not (loops_are_local if names == {"scan"} else _is_local(equation, names, trace, carried, passes)):
            return False
        is_elementwise = is_elementwise and equation.is_elementwise
        work *= SLOW if names & DEAR else 1
        all_of_it += work
        is_wide = max(map(trace.size, equation.outputs), default=0) * NARROW > passes
        wide += work if is_wide and names.isdisjoint(PRODUCTS) else 0
    if is_elementwise:  # plans know that
        return False
    return wide >= max(MOST_OF_IT * all_of_it, LEAST / passes, EACH * max(sizes))


def _loops_are_local(jaxpr: core.Jaxpr) -> bool:
    """Whether all loops are short, and make their steps of what is known."""
    return all(
        is_short(one) and all(map(_is_known, inner(one)))
        if str(one.primitive) == "scan"
        else all(map(_loops_are_local, inner(one)))
        for one in jaxpr.eqns
    )


def _is_known(jaxpr: core.Jaxpr) -> bool:
    """Whether all primitives are among those that are known; of products of matrices more would have to be."""
    return all(
        all(map(_is_known, inner(one))) if str(one.primitive) in CALLS else str(one.primitive) in KNOWN - PRODUCTS
        for one in jaxpr.eqns
    )


def _is_local(equation: Equation, names: set[str], trace: Trace, carried: set[int], passes: int) -> bool:
    """Whether each entry of a wide result depends on few entries of what an equation reads."""
    written = max(map(trace.size, equation.outputs), default=0)
    if names & SUMS and written * NARROW > passes:
        if len(names) > 1 and names & PRODUCTS:  # of a loop
            return False
        read = max(trace.size(variable) for variable in equation.inputs if variable in carried)
        members = (equation.price.jvp or 0) if names & PRODUCTS else read
        return members <= MEMBERS * written
    return equation.is_elementwise or names <= KNOWN
