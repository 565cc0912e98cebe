"""Pooling: windows along the last axes."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from chainopt.torch.detection.registry import Operation, Result, rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.torch.detection.values import Operand, Value
    from chainopt.typing import IntArray


@rule("avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices", "max_pool1d", "max_pool2d")
def pooled(operation: Operation) -> list[Value]:
    """Join the entries of each window."""
    operand, result = operation.of("self"), operation.results[0]
    count = int(operation.name.split("pool")[1][0])
    sizes = _each(operation.named["kernel_size"], count)
    strides = _each(operation.named["stride"] or sizes, count)
    paddings, dilations = _each(operation.named["padding"], count), _each(operation.named.get("dilation", 1), count)
    taps = []
    for axis in range(count):
        begins = np.arange(result.shape[axis - count]) * strides[axis] - paddings[axis]
        taps.append(_inside(begins[:, None] + np.arange(sizes[axis]) * dilations[axis], operand.shape[axis - count]))
    return _joined(operation, operand, result, taps)


@rule("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_max_pool3d", "adaptive_avg_pool1d")
def adaptive(operation: Operation) -> list[Value]:
    """Join the entries of windows that are as even as they can be."""
    operand, result = operation.of("self"), operation.results[0]
    count = int(operation.name.split("pool")[1][0])
    taps = []
    for axis in range(-count, 0):
        length, many = operand.shape[axis], result.shape[axis]
        begins = np.arange(many) * length // many
        ends = -((-(np.arange(many) + 1) * length) // many)
        each = begins[:, None] + np.arange(int((ends - begins).max(initial=0)))
        taps.append(np.where(each < ends[:, None], each, -1))
    return _joined(operation, operand, result, taps)


def _joined(operation: Operation, operand: Operand, result: Result, taps: Sequence[IntArray]) -> list[Value]:
    """Join what windows see; along each axis they are given by the entries that each sees, -1 for none."""
    count = len(taps)
    space = operand.shape[-count:]
    lines = np.arange(math.prod(operand.shape[:-count]))[:, None] * math.prod(space)
    found = []
    for chosen in product(*(range(tap.shape[1]) for tap in taps)):
        places = np.zeros((1,) * count, dtype=np.int64)
        is_inside = np.ones((1,) * count, dtype=bool)
        for axis, (tap, entry) in enumerate(zip(taps, chosen, strict=True)):
            along = tap[:, entry].reshape([-1 if one == axis else 1 for one in range(count)])
            places, is_inside = places * space[axis] + along, is_inside & (along >= 0)
        found.append(operation.sets(operand).taken(np.where(is_inside.reshape(1, -1), places.reshape(1, -1) + lines, -1)))
    joint = operation.nothing(result).union(found)
    return [joint for _ in operation.results]


def _each(value: int | Sequence[int], count: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * count if len(values) == 1 else values


def _inside(places: IntArray, length: int) -> IntArray:
    return np.where((places >= 0) & (places < length), places, -1)
