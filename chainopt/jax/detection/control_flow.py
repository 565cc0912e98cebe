"""Branches, and loops that end by a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparsity.index_sets import IndexSets
from chainopt.jax.detection.fixed_points import closed, settled
from chainopt.jax.detection.loops import equations_in
from chainopt.jax.detection.registry import either, rule, unknown
from chainopt.jax.detection.scans import is_wide
from chainopt.jax.detection.values import constant, plain, seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.detection.registry import JaxprEqn, Walker
    from chainopt.jax.detection.values import Value


@rule("cond")
def cond(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join what the branches give; of an index that is known, that branch."""
    index, *inputs = operands
    branches = equation.params["branches"]
    if isinstance(index, np.ndarray):
        branches = [branches[int(np.clip(int(index), 0, len(branches) - 1))]]
    results = [walker.run(branch.jaxpr, [constant(value) for value in branch.consts], inputs) for branch in branches]
    joined_results = [either(values, equation, walker) for values in zip(*results, strict=True)]
    if isinstance(index, IndexSets):
        return unknown(equation, [index, *seeded(joined_results)], walker)
    return joined_results


@rule("while")
def while_loop(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Take steps as long as it is known that there is another one; after that, any number of them."""
    parameters = equation.params
    first, last = parameters["cond_nconsts"], parameters["cond_nconsts"] + parameters["body_nconsts"]
    body, condition = parameters["body_jaxpr"], parameters["cond_jaxpr"]
    operands = plain(operands)
    state = list(operands[last:])

    def step(state: Sequence[Value]) -> list[Value]:
        return plain(walker.run(body.jaxpr, [constant(value) for value in body.consts], [*operands[first:last], *state]))

    def join(values: Sequence[Value]) -> Value:
        return either(values, equation, walker)

    def elsewhere(state: Sequence[Value], columns: int) -> list[Value]:
        bare = [IndexSets(value.size, columns, ()) if isinstance(value, IndexSets) else value for value in operands[first:last]]
        return walker.elsewhere(columns).run(body.jaxpr, [constant(value) for value in body.consts], [*bare, *state])

    while True:
        (goes_on,) = walker.run(condition.jaxpr, [constant(value) for value in condition.consts], [*operands[:first], *state])
        if isinstance(goes_on, IndexSets):
            return unknown(equation, operands, walker)
        if isinstance(goes_on, np.ndarray) and not goes_on:
            return state
        if goes_on is None or is_wide(state) or not walker.affords(equations_in(body.jaxpr)):
            return settled(step, join, state) or closed(step, elsewhere, join, state)
        state = step(state)
