"""The traced function again, as a function of flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax

if TYPE_CHECKING:
    from chainopt.functions.trace import Trace
    from chainopt.typing import Array, Function


def flat_function(trace: Trace, outputs: int) -> tuple[Function, list[Array], list[Array]]:
    """Return the first results of a traced function as a function of its inputs, and then all others that it reads.

    Parameters
    ----------
    trace : Trace
        From JAX.
    outputs : int
        How many results.

    Returns
    -------
    function : callable
    inputs, others : list of jax.ShapeDtypeStruct
        What it takes.
    """
    closed, places = trace.source
    jaxpr = closed.jaxpr
    inputs, others = (
        [jax.ShapeDtypeStruct(trace.variables[each].shape, trace.variables[each].dtype) for each in some]
        for some in (trace.inputs, trace.others)
    )

    def function(*arrays: Array) -> list[Array]:
        besides = arrays[len(jaxpr.invars) :]
        consts = [besides[places[id(value)]] if id(value) in places else value for value in closed.consts]
        return list(jax.core.eval_jaxpr(jaxpr, consts, *arrays[: len(jaxpr.invars)])[:outputs])

    return function, inputs, others
