"""Recurrent layers that are one operator: each sequence by itself, and each time by those before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.torch.detection.registry import Operation, UnforeseenError, rule

if TYPE_CHECKING:
    from chainopt.torch.detection.values import Value

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
