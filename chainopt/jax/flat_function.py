"""The traced function again, as a function of flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax

from chainopt.functions.trace import OTHER
from chainopt.jax.linear_program import LinearProgram
from chainopt.jax.trace import kind_of

if TYPE_CHECKING:
    from chainopt.functions.trace import Trace
    from chainopt.typing import Array, Function


def flat_function(trace: Trace, outputs: int, *, knows_integers: bool = False) -> tuple[Function, list[Array], list[Array]]:
    """Return the first results of a traced function as a function of its inputs, and then all others that it reads.

    Parameters
    ----------
    trace : Trace
        From JAX.
    outputs : int
        How many results.
    knows_integers : bool
        Whether arrays of integers that it closes over are constants of the function, as far as they are known: the program holds
        for these arrays only, and where indices lead decides on a pattern.

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

    def is_given(value: Array) -> bool:
        is_known = knows_integers and kind_of(value.dtype) == OTHER and not isinstance(value, jax.core.Tracer)
        return id(value) in places and not is_known

    def function(*arrays: Array) -> list[Array]:
        besides = arrays[len(jaxpr.invars) :]
        consts = [besides[places[id(value)]] if is_given(value) else value for value in closed.consts]
        return list(jax.core.eval_jaxpr(jaxpr, consts, *arrays[: len(jaxpr.invars)])[:outputs])

    return function, inputs, others


def derivative_program(trace: Trace, outputs: int) -> LinearProgram:
    """Return the JVP of the first results of a traced function, short loops step by step."""
    function, inputs, others = flat_function(trace, outputs, knows_integers=True)
    with jax.numpy_dtype_promotion("standard"):
        return LinearProgram(function, inputs, others, unrolls=True)
