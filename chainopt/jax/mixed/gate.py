"""Whether it is worth looking for sparse stages in a function, as far as sizes and costs tell that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax

from chainopt.functions.computation_graph import carrying
from chainopt.jax.rules.registry import PRODUCTS

if TYPE_CHECKING:
    from chainopt.functions.trace import Trace

FEWEST = 16  # inputs and results: fewer passes are not worth it
WIDER = 4  # times as wide as the narrower end is what takes most of the work
MOST_OF_IT = 0.5  # of the work, done there entry by entry,
LEAST = 10_000_000  # and multiply-adds, for all passes


def may_pay(trace: Trace, outputs: int) -> bool:
    """Whether a function does most of its work on arrays that are much wider than its narrower end, entry by entry.

    On a GPU such work costs less than the calls of the stages: they took three times as long as forward mode on an H200.
    """
    if jax.default_backend() != "cpu":
        return False
    inputs = sum(map(trace.size, trace.inputs))
    results = sum(map(trace.size, trace.outputs[:outputs]))
    passes = min(inputs, results)
    if passes < FEWEST:
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
    return wide >= MOST_OF_IT * all_of_it and passes * wide >= LEAST
