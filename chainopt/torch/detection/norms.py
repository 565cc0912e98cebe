"""Layers that make entries comparable: by the mean and the variance of some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.torch.detection.registry import Operation, rule

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
