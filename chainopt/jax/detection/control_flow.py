"""Branches, loops that end by a condition, and functions whose pullback somebody wrote: its pattern, transposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.jax.detection.fixed_points import closed, settled
from chainopt.jax.detection.loops import equations_in
from chainopt.jax.detection.registry import either, lifted, rule, unknown
from chainopt.jax.detection.scans import is_wide
from chainopt.jax.detection.values import constant, plain, seeded
from chainopt.jax.jaxprs import dtype, shape, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jax.extend import core

    from chainopt.jax.detection.registry import Walker
    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import Array


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


@rule("custom_lin")
def custom_lin(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Walk through the pullback with a column for each cotangent, and turn what is found round."""
    count = equation.params["num_res"]
    residuals, tangents, atoms = operands[:count], operands[count:], equation.invars[count:]
    pullback = _pullback(equation)
    if pullback is None or len(pullback.jaxpr.outvars) != len(tangents) or seeded(residuals):
        return unknown(equation, operands, walker)
    sizes = [size(atom) for atom in equation.outvars]
    columns, firsts = sum(sizes), np.cumsum([0, *sizes])
    seeds = [IndexSets.seeds(size, columns, int(first)) for size, first in zip(sizes, firsts, strict=False)]
    inner = walker.elsewhere(columns)
    constants = [constant(value) for value in pullback.consts]
    pulled = inner.run(pullback.jaxpr, constants, [*residuals, *seeds])
    rows = joined([lifted(value, size(atom), equation, inner) for value, atom in zip(pulled, atoms, strict=True)])
    given = joined([lifted(value, size(atom), equation, walker) for value, atom in zip(tangents, atoms, strict=True)])
    indptr, indices = rows.listed()
    places = np.repeat(np.arange(rows.size), np.diff(indptr))
    result = given.merged(indices.astype(np.int64), places, columns, walker.cause(equation))
    return [result.taken(np.arange(first, first + size)) for size, first in zip(sizes, firsts, strict=False)]


def _pullback(equation: JaxprEqn) -> core.ClosedJaxpr | None:
    """Return the pullback to the inputs that have a tangent; None where it cannot be had."""
    residuals = equation.invars[: equation.params["num_res"]]
    shapes = [jax.ShapeDtypeStruct(shape(atom), dtype(atom)) for atom in (*residuals, *equation.outvars)]
    backward = equation.params["bwd"]

    def pulled(*arrays: Array) -> list[Array]:
        returned = getattr(backward, "call_wrapped", backward)(*arrays)
        cotangents = list(returned[0] if isinstance(returned[0], list) else returned)  # with a log beside them from JAX 0.12 on
        has_none = equation.params.get("in_zeros", [False] * len(cotangents))
        return [
            jnp.zeros(cotangent.aval.shape, cotangent.aval.dtype) if type(cotangent).__name__ == "Zero" else cotangent
            for cotangent, is_zero in zip(cotangents, has_none, strict=True)
            if not is_zero
        ]

    try:
        return jax.make_jaxpr(pulled)(*shapes)
    except Exception:  # noqa: BLE001 -- whatever the rule that somebody wrote raises, where it is called otherwise than JAX does
        return None
