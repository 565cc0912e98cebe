"""Layers that are one operator: those that make entries comparable, and recurrent ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.torch.detection.registry import Operation, UnforeseenError, rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.sparsity.index_sets import IndexSets
    from chainopt.torch.detection.values import Value


@rule("native_layer_norm", "_fused_rms_norm")
def layer_norm(operation: Operation) -> list[Value]:
    """Join the last axes."""
    operand = operation.of("input")
    count = len(operand.shape) - len(operation.named["normalized_shape"])
    sets = operation.sets(operand).along(operand.shape, range(count, len(operand.shape)), operation.name)
    narrow = operand.shape[:count] + (1,) * (len(operand.shape) - count)
    return _scaled(operation, sets, narrow, operand.shape[count:])


@rule("native_group_norm")
def group_norm(operation: Operation) -> list[Value]:
    """Join a group of channels."""
    operand, result = operation.of("input"), operation.results[0]
    batch, groups = operand.shape[0], int(operation.named["group"])
    inner = operand.size // max(batch * groups, 1)
    joint = operation.sets(operand).along((batch, groups, inner), [2], operation.name)
    wide = operation.spread(joint, (batch, groups, 1), (batch, groups, inner))
    channels = (operand.shape[1], *(1 for _ in operand.shape[2:]))
    return [_with_parameters(operation, wide, result.shape, channels), joint, joint]


def _scaled(operation: Operation, sets: IndexSets, narrow: Sequence[int], parameters: Sequence[int]) -> list[Value]:
    first, *others = operation.results
    scaled = _with_parameters(operation, operation.spread(sets, narrow, first.shape), first.shape, parameters)
    return [scaled, *(operation.spread(sets, narrow, other.shape) for other in others)]


def _with_parameters(operation: Operation, sets: IndexSets, shape: Sequence[int], own: Sequence[int]) -> IndexSets:
    """Join what weight and bias depend on."""
    operands = [operation.named.get(name) for name in ("weight", "bias")]
    given = [operand.sets for operand in operands if operand is not None and operand.sets is not None]
    return sets.union([operation.spread(part, own, shape) for part in given])


WEIGHTS = ("weight0", "weight1", "weight2", "weight3")


@rule("mkldnn_rnn_layer")
def layer(operation: Operation) -> list[Value]:
    """Join the channels and the times so far of a sequence, of one that goes backward all of them, and its first state."""
    operand, (result, *states) = operation.of("input"), operation.results
    if any(operation.of(name).sets is not None for name in WEIGHTS) or len(operand.shape) != 3:
        raise UnforeseenError
    times, count, _ = operand.shape
    if result.shape[:2] != (times, count):
        raise UnforeseenError
    at_times = operation.sets(operand).along(operand.shape, [2], operation.name)
    rows, places = np.nonzero(np.ones((times, times)) if operation.named["reverse"] else np.tri(times))
    lines = np.arange(count)
    pairs = ((rows[:, None] * count + lines).reshape(-1), (places[:, None] * count + lines).reshape(-1))
    joint = at_times.merged(*pairs, times * count, operation.name)
    last = at_times.along((times, count), [0], operation.name)
    for name in ("hx_", "cx_"):
        state = operation.of(name)
        if state.sets is None:
            continue
        if len(state.shape) < 2 or state.shape[-2] != count or state.size != count * state.shape[-1]:
            raise UnforeseenError
        first = state.sets.along((count, state.shape[-1]), [1], operation.name)
        joint, last = joint.union([operation.spread(first, (1, count), (times, count))]), last.union([first])
    found: list[Value] = [operation.spread(joint, (times, count, 1), result.shape)]
    for one in states:
        is_state = len(one.shape) >= 2 and one.shape[-2] == count and one.size == count * one.shape[-1]
        found.append(operation.spread(last, (count, 1), one.shape) if is_state else last.everything(one.size, operation.name))
    return found
