"""Convolutions: the windows that the entries of the result see, of any stride, dilation, padding and grouping."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from chainopt.torch.detection.registry import Operation, UnforeseenError, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainopt.functions.sparsity.index_sets import IndexSets
    from chainopt.torch.detection.values import Operand, Value
    from chainopt.typing import BoolArray, IntArray

AXES = ("stride", "padding", "dilation", "transposed", "output_padding")


@rule("convolution", "_convolution")
def convolution(operation: Operation) -> list[Value]:
    """Join windows of the input, a group of channels at once, and the kernel of each channel."""
    (result,) = operation.results
    given, weight, bias = operation.of("input"), operation.of("weight"), operation.named["bias"]
    found: list[IndexSets] = []
    if given.sets is not None:
        found.append(_windows(operation, given, weight))
    channels = (result.shape[1], *(1 for _ in result.shape[2:]))
    if weight.sets is not None:
        found.append(operation.spread(_kernels(operation, weight), channels, result.shape))
    if getattr(bias, "sets", None) is not None:
        found.append(operation.spread(bias.sets, channels, result.shape))
    return [operation.nothing(result).union(found)]


@rule("convolution_backward")
def backward(operation: Operation) -> list[Value]:
    """Join what the entries of the input are seen by; kernels and offsets see all of their channels."""
    incoming, given, weight = (operation.of(name) for name in ("grad_output", "input", "weight"))
    groups, batch = int(operation.named["groups"]), given.shape[0]
    space, onto = math.prod(given.shape[2:]), math.prod(incoming.shape[2:])
    if len(operation.results) != 1 or not operation.named["output_mask"][0]:  # by kernels, too
        raise UnforeseenError
    joint = operation.sets(incoming).along((batch, groups, incoming.shape[1] // groups, onto), [2], operation.name)
    lines = np.arange(batch * groups)[:, None]
    rows, places = [], []
    for seen in _seen(operation, given, weight, incoming.shape[2:]):
        there = np.flatnonzero(seen >= 0)
        rows.append((lines * space + seen[there]).reshape(-1))
        places.append((lines * onto + there).reshape(-1))
    sets = joint.merged(np.concatenate(rows), np.concatenate(places), batch * groups * space, operation.name)
    channels = given.shape[1] // groups
    sets = operation.spread(sets, (batch, groups, 1, space), (batch, groups, channels, space))
    if weight.sets is not None:
        sets = sets.union([weight.sets.everything(sets.size, operation.name)])
    return [sets]


def _kernels(operation: Operation, weight: Operand) -> IndexSets:
    """Join the kernel of each channel of the result."""
    sets, groups = operation.sets(weight), int(operation.named["groups"])
    count = len(weight.shape)
    if not operation.named["transposed"]:
        return sets.along(weight.shape, range(1, count), operation.name)
    split = (groups, weight.shape[0] // groups, *weight.shape[1:])  # of a transposed one the channels of the input come first
    return sets.along(split, [1, *range(3, count + 1)], operation.name)


def _windows(operation: Operation, given: Operand, weight: Operand) -> IndexSets:
    """Join what the entries of the result see of the input: a convolution of numbers, once for each entry of the kernel."""
    (result,) = operation.results
    groups, batch = int(operation.named["groups"]), given.shape[0]
    space, onto = math.prod(given.shape[2:]), math.prod(result.shape[2:])
    joint = operation.sets(given).along((batch, groups, given.shape[1] // groups, space), [2], operation.name)
    lines = np.arange(batch * groups)[:, None] * space
    found = [
        joint.taken(np.where(places < 0, -1, places + lines)) for places in _seen(operation, given, weight, result.shape[2:])
    ]
    narrow, wide = (batch, groups, 1, onto), (batch, groups, result.shape[1] // groups, onto)
    first = joint.taken(np.full(math.prod(narrow), -1)).union(found)
    return operation.spread(first, narrow, wide)


def _seen(operation: Operation, given: Operand, weight: Operand, onto: tuple[int, ...]) -> Iterator[IntArray]:
    """Tell, for each entry of the kernel that is not zero, which one of the input each of the result sees by it; -1 for none."""
    space, kernel = given.shape[2:], weight.shape[2:]
    numbers = torch.arange(1, math.prod(space) + 1, dtype=torch.float64).reshape(1, 1, *space)
    mask = operation.mask(weight)
    used: BoolArray | None = None if mask is None else np.any(mask.reshape(*weight.shape[:2], -1), axis=(0, 1), keepdims=False)
    options = [operation.named[name] for name in AXES]
    for place in range(math.prod(kernel)):
        if used is None or used[place]:
            single = torch.zeros(math.prod(kernel), dtype=torch.float64)
            single[place] = 1
            places = torch.ops.aten.convolution(numbers, single.reshape(1, 1, *kernel), None, *options, 1)
            if tuple(places.shape[2:]) != tuple(onto):
                raise UnforeseenError
            yield places.round().to(torch.int64).reshape(-1).numpy() - 1
