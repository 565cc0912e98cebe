"""What primitives do to constants, in NumPy, as exactly as XLA does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import NumpyArray

Evaluation = Callable[..., Any]


def _broadcast_in_dim(
    operand: NumpyArray, *, shape: tuple[int, ...], broadcast_dimensions: Sequence[int], **_: Any
) -> NumpyArray:
    inner = [1] * len(shape)
    for axis, length in zip(broadcast_dimensions, operand.shape, strict=True):
        inner[axis] = length
    return np.broadcast_to(operand.reshape(inner), shape)


def _reshape(operand: NumpyArray, *, new_sizes: Sequence[int], dimensions: Sequence[int] | None = None, **_: Any) -> NumpyArray:
    return (operand if dimensions is None else operand.transpose(dimensions)).reshape(new_sizes)


def _slice(
    operand: NumpyArray, *, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Sequence[int] | None, **_: Any
) -> NumpyArray:
    steps = strides or (1,) * operand.ndim
    return operand[tuple(map(slice, start_indices, limit_indices, steps))]


def _select_n(which: NumpyArray, *cases: NumpyArray, **_: Any) -> NumpyArray:
    if which.ndim == 0:
        return cases[int(which)]
    if len(cases) == 2:
        return np.where(which, cases[1], cases[0])
    chosen: NumpyArray = np.take_along_axis(np.stack(cases), which[None], 0)[0]  # np.choose takes 64 cases at the most
    return chosen


def _iota(*, dtype: Any, shape: Sequence[int], dimension: int, **_: Any) -> NumpyArray:
    inner = [1] * len(shape)
    inner[dimension] = shape[dimension]
    return np.broadcast_to(np.arange(shape[dimension], dtype=dtype).reshape(inner), shape)


MOVES: dict[str, Evaluation] = {
    "broadcast_in_dim": _broadcast_in_dim,
    "reshape": _reshape,
    "slice": _slice,
    "squeeze": lambda operand, *, dimensions, **_: np.squeeze(operand, tuple(dimensions)),
    "expand_dims": lambda operand, *, dimensions, **_: np.expand_dims(operand, tuple(dimensions)),
    "transpose": lambda operand, *, permutation, **_: operand.transpose(permutation),
    "rev": lambda operand, *, dimensions, **_: np.flip(operand, tuple(dimensions)),
    "concatenate": lambda *operands, dimension, **_: np.concatenate(operands, dimension),
    "select_n": _select_n,
    "stack": lambda *operands, axis, **_: np.stack(operands, axis),
    "iota": _iota,
    "tile": lambda operand, *, reps, **_: np.tile(operand, reps),
    "copy": lambda operand, **_: operand,
    "copy_p": lambda operand, **_: operand,
    "stop_gradient": lambda operand, **_: operand,
}
EXACT: dict[str, Evaluation] = {  # of numbers of any kind
    "neg": lambda operand, **_: -operand,
    "abs": lambda operand, **_: abs(operand),
    "sign": lambda operand, **_: np.sign(operand),
    "mul": lambda one, other, **_: one * other,
    "max": lambda one, other, **_: np.maximum(one, other),
    "min": lambda one, other, **_: np.minimum(one, other),
    "eq": lambda one, other, **_: one == other,
    "ne": lambda one, other, **_: one != other,
    "lt": lambda one, other, **_: one < other,
    "le": lambda one, other, **_: one <= other,
    "gt": lambda one, other, **_: one > other,
    "ge": lambda one, other, **_: one >= other,
    "clamp": lambda low, operand, high, **_: np.minimum(np.maximum(operand, low), high),
    "convert_element_type": lambda operand, *, new_dtype, **_: operand.astype(new_dtype),
}
OF_INTEGERS: dict[str, Evaluation] = {
    "add": lambda one, other, **_: one + other,
    "sub": lambda one, other, **_: one - other,
    "and": lambda one, other, **_: one & other,
    "or": lambda one, other, **_: one | other,
    "xor": lambda one, other, **_: one ^ other,
    "not": lambda operand, **_: ~operand,
    "rem": lambda one, other, **_: np.fmod(one, other),
    "integer_pow": lambda operand, *, y, **_: operand**y,
    "reduce_sum": lambda operand, *, axes, **_: operand.sum(tuple(axes)),
    "cumsum": lambda operand, *, axis, reverse=False, **_: (
        np.flip(np.flip(operand, axis).cumsum(axis), axis) if reverse else operand.cumsum(axis)
    ),
}
