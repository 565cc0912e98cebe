"""Where a value is zero for all inputs, though the rest of it is not known: masks, diagonals, what was never set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.jax.detection.elementwise import HOMOGENEOUS
from chainopt.jax.detection.evaluations import MOVES
from chainopt.jax.detection.values import Partial, PartlyKnown
from chainopt.jax.detection.windows import Windows, columns_of
from chainopt.jax.jaxprs import dtype, shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jax.extend import core

    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import BoolArray, NumpyArray

    Masks = Sequence[BoolArray]

INEXACT = "fcV"  # the kinds of dtypes: floats, complex numbers, and those that NumPy has not
JOINING = frozenset({"add", "add_any", "sub", "max", "min"})
SUMMING = frozenset({"reduce_sum", "reduce_max", "reduce_min"})
# What these give of zeros alone is zero: by their first operand, and by any of two.
OF_ZEROS = frozenset({
    "cumsum", "fft", "reduce_window_sum", "gather", "dynamic_slice", "div", "rem", "split", "unstack", "tile",
})  # fmt: skip
SCATTERS = frozenset({"scatter", "scatter-add", "scatter_add"})
QUOTIENTS = frozenset({"div", "rem"})
PRODUCTS = frozenset({"dot_general", "conv_general_dilated", "mul"})


def mask_of(value: Value, axes: Sequence[int]) -> BoolArray:
    """Tell where a value may be other than zero, as an array of its shape."""
    if isinstance(value, Partial):
        return value.mask
    return value != 0 if isinstance(value, np.ndarray) else np.broadcast_to(np.True_, tuple(axes))


def known_zeros(equation: JaxprEqn, operands: Sequence[Value]) -> list[Value] | None:
    """Return what is known of the results, where some operands have zeros and the primitive keeps them; else None."""
    if not equation.outvars or all(operand is None for operand in operands):  # what has no results prints, or calls back
        return None
    name, result = str(equation.primitive), equation.outvars[0]
    if getattr(dtype(result), "kind", "O") not in INEXACT:
        return _partly_known(equation, operands)
    masks = [mask_of(operand, shape(atom)) for operand, atom in zip(operands, equation.invars, strict=True)]
    if name in QUOTIENTS and isinstance(operands[1], np.ndarray):  # of two zeros is no number
        masks[0] = masks[0] | (operands[1] == 0)
    if name == "gather" and operands[1] is None and _fills_with_no_number(equation):
        return None
    if name in PRODUCTS and not all(mask.any() for mask in masks):
        return [_zeros(result)]
    if name in OF_ZEROS and not masks[0].any() and not equation.params.get("fill_value"):
        return [_zeros(one) for one in equation.outvars]
    mask = _mask(name, equation, operands, masks)
    if mask is None or mask.all():
        return None
    return [Partial(np.broadcast_to(mask, shape(result)))] if mask.any() else [_zeros(result)]


def _fills_with_no_number(equation: JaxprEqn) -> bool:
    """Whether a gather gives what is no number where its indices lie outside."""
    return "FILL" in str(equation.params["mode"]).upper() and equation.params["fill_value"] is None


def _partly_known(equation: JaxprEqn, operands: Sequence[Value]) -> list[Value] | None:
    """Move integers of which some are known, as those are that name rows which are counted and columns which are not."""
    name = str(equation.primitive)
    move = np.asarray if name == "convert_element_type" else MOVES.get(name)
    if move is None or name == "select_n":
        return None
    options = {} if name == "convert_element_type" else equation.params
    values, known = [], []
    for operand, atom in zip(operands, equation.invars, strict=True):
        is_known = isinstance(operand, np.ndarray | PartlyKnown)
        default = np.broadcast_to(np.zeros((), dtype(atom)), shape(atom))
        value = operand.values if isinstance(operand, PartlyKnown) else operand
        values.append(value if isinstance(value, np.ndarray) else default)
        known.append(operand.known if isinstance(operand, PartlyKnown) else np.broadcast_to(is_known, shape(atom)))
    return [PartlyKnown(*(np.asarray(move(*arrays, **options)) for arrays in (values, known)))]


def _mask(name: str, equation: JaxprEqn, operands: Sequence[Value], masks: Masks) -> BoolArray | None:
    """Return where a result may be other than zero; None where that may be anywhere."""
    if name == "select_n":
        which = operands[0]
        cases = np.broadcast_arrays(*masks[1:])
        return np.asarray(MOVES[name](which, *cases) if isinstance(which, np.ndarray) else np.any(cases, axis=0))
    if name in MOVES:
        return np.asarray(MOVES[name](*masks, **equation.params))
    if name in JOINING:
        return masks[0] | masks[1]
    if name == "mul":
        return masks[0] & masks[1]
    if name == "div" or (name == "integer_pow" and equation.params["y"] > 0) or (name in HOMOGENEOUS and len(masks) == 1):
        return masks[0]
    if name in SUMMING:
        return np.asarray(masks[0].any(tuple(equation.params["axes"])))
    if name in SCATTERS and isinstance(operands[1], np.ndarray):
        return _scattered(equation, operands[1], masks)
    return None


def _scattered(equation: JaxprEqn, indices: NumpyArray, masks: Masks) -> BoolArray:
    """Mark what is there, and what is put to it."""
    mask = masks[0].copy().reshape(-1)
    windows = Windows.of_scatter(equation)
    clips = "CLIP" in str(equation.params["mode"]).upper()
    places = windows.places(columns_of(indices, len(windows.starts)), clips=clips).reshape(-1)
    mask[places[(places >= 0) & masks[2].reshape(-1)]] = True
    return mask.reshape(masks[0].shape)


def _zeros(atom: core.Var) -> NumpyArray:
    return np.broadcast_to(np.zeros((), dtype(atom)), shape(atom))
