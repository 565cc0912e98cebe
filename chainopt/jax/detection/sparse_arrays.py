"""Primitives of `jax.experimental.sparse`, taken for what they do to the dense arrays that hold data and indices."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import jax

from chainopt.jax.detection.registry import dtype, shape

if TYPE_CHECKING:
    from jax.extend import core

    from chainopt.jax.detection.registry import JaxprEqn

FORMATS = ("bcoo", "bcsr", "coo", "csr")  # with which their names begin


def opened(equation: JaxprEqn) -> core.ClosedJaxpr | None:
    """Return what an equation does, in primitives of dense arrays; None for one that is none of these."""
    name = str(equation.primitive)
    form = name.partition("_")[0]
    if form not in FORMATS:
        return None
    module = sys.modules.get(f"jax.experimental.sparse.{form}")
    inside = getattr(module, f"_{name}_impl", None)  # which JAX lowers the primitive to, where there is no library for it
    shapes = [jax.ShapeDtypeStruct(shape(atom), dtype(atom)) for atom in equation.invars]
    try:
        return None if inside is None else jax.make_jaxpr(partial(inside, **equation.params))(*shapes)
    except Exception:  # noqa: BLE001 -- one that is written otherwise in another version of JAX
        return None
