"""What one JVP and one VJP of an equation costs, counted in multiply-adds of a matrix product."""

from __future__ import annotations

import math
from typing import Any

from jax.extend import core

from chainopt.functions.trace import Price

# All weights are how long an entry takes, in multiply-adds of a large product, of 64 columns or rows at once, in float32 on two
# cores; `benchmarks/test_weights.py` measures them anew. What touches every entry waits for memory.
ENTRY = 8
MOVES = {"broadcast_in_dim", "reshape", "squeeze", "expand_dims", "copy", "convert_element_type", "rev"}
MOVE = 2
SLICES = {"slice", "dynamic_slice", "dynamic_update_slice", "concatenate", "pad"}
BACKWARDS = 3  # times as dear is a VJP of those: it adds into a larger array
LOOKED_UP, ADDED = 20, 200  # what a gather reads, and what its VJP, a scatter, adds up one by one
SCATTERS = {"scatter", "scatter-add", "scatter_add", "scatter-mul", "scatter_mul"}
# From the name to the weights of an entry in a JVP and in a VJP.
DEAR = {
    "sort": (80, 340),
    "transpose": (40, 40),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp", "reduce_window", "reduce_window_sum"), (200, 150)),
}
TRIPS = 10  # of a loop that does not say how often it runs


def price(equation: Any) -> Price:
    """Estimate the cost of one JVP and one VJP from the shapes."""
    name, params = str(equation.primitive), equation.params
    written = sum(_size(variable.aval) for variable in equation.outvars)
    read = sum(_size(atom.aval) for atom in equation.invars if not isinstance(atom, core.Literal))
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        inner = math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
        return Price(written * inner + written, written * inner + read)
    if name == "conv_general_dilated":
        kernel = equation.invars[1].aval
        inner = _size(kernel) // max(kernel.shape[params["dimension_numbers"].rhs_spec[0]], 1)
        return Price(written * inner, written * inner)
    if name in {"custom_vjp_call", "custom_vjp_call_jaxpr"}:
        return Price(None, _sum_of_parts(params, written).vjp)
    if name == "while":
        return Price(_times(_sum_of_parts(params, written), TRIPS).jvp, None)
    if name == "scan":
        return _times(_sum_of_parts(params, written), params["length"])
    inner_parts = _parts(params)
    if inner_parts:
        return _sum_of_parts(params, written)
    entries = max(written, read)
    if name in SLICES:
        return Price(MOVE * written, BACKWARDS * MOVE * entries)
    if name == "gather":
        return Price(LOOKED_UP * written, ADDED * written + MOVE * read)
    if name in SCATTERS:
        updates = _size(equation.invars[-1].aval)
        return Price(ADDED * updates + MOVE * written, LOOKED_UP * updates + MOVE * written)
    if name in DEAR:
        jvp, vjp = DEAR[name]
        return Price(jvp * entries, vjp * entries)
    return Price(MOVE * written, MOVE * entries) if name in MOVES else Price(ENTRY * entries, ENTRY * entries)


def _parts(params: dict[str, Any]) -> list[Any]:
    """List the jaxprs that an equation runs."""
    found = []
    for value in params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, core.ClosedJaxpr):
                found.append(part.jaxpr)
            elif isinstance(part, core.Jaxpr):
                found.append(part)
    return found


def _sum_of_parts(params: dict[str, Any], at_least: int) -> Price:
    jvp: int | None = at_least
    vjp: int | None = at_least
    for part in _parts(params):
        for equation in part.eqns:
            one = price(equation)
            jvp = None if jvp is None or one.jvp is None else jvp + one.jvp
            vjp = None if vjp is None or one.vjp is None else vjp + one.vjp
    return Price(jvp, vjp)


def _times(one: Price, count: int) -> Price:
    return Price(None if one.jvp is None else one.jvp * count, None if one.vjp is None else one.vjp * count)


def _size(aval: Any) -> int:
    return math.prod(getattr(aval, "shape", ()))
