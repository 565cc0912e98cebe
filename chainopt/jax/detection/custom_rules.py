"""Functions whose pullback somebody wrote: its pattern, transposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.jax.detection.registry import dtype, lifted, rule, shape, size, unknown
from chainopt.jax.detection.values import constant, seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jax.extend import core

    from chainopt.jax.detection.registry import JaxprEqn, Walker
    from chainopt.jax.detection.values import Value
    from chainopt.typing import Array


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
