"""Operators of which an entry of the result depends on the same entry of the operands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from chainopt.torch.detection.registry import Operation, UnforeseenError, rule
from chainopt.torch.detection.values import MOST_ENTRIES, Known, Operand

if TYPE_CHECKING:
    from chainopt.functions.sparsity.index_sets import IndexSets
    from chainopt.torch.detection.values import Value


ACTIVATIONS = ("softplus", "elu", "leaky_relu", "hardtanh", "hardswish", "hardsigmoid", "softshrink", "hardshrink", "mish")


@rule(*(f"{name}_backward" for name in (*ACTIVATIONS, "log_sigmoid", "binary_cross_entropy", "soft_margin_loss")))
@rule("log_sigmoid_forward", "_to_copy", "nan_to_num", "polar", "complex", "_prelu_kernel", "addcmul", "addcdiv")
def pointwise(operation: Operation) -> list[Value]:
    """Join what the operands depend on."""
    results: list[Value] = []
    for result in operation.results:
        sets = [
            operation.spread(operand.sets, operand.shape, result.shape)
            for operand in operation.operands
            if operand.sets is not None and result.size  # a second one is empty on GPUs
        ]
        results.append(operation.nothing(result).union(sets))
    return results


@rule("round", "floor", "ceil", "trunc", "sign", "empty_like", "new_empty", "new_empty_strided")
def constant(operation: Operation) -> list[Value]:
    """Let nothing through: the derivative is zero."""
    return [operation.nothing(result) for result in operation.results]


@rule("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")
def shaped(operation: Operation) -> list[Value]:
    """Return numbers that are the same for all inputs."""
    (result,) = operation.results
    operand = operation.operands[0]
    like = torch.zeros((), dtype=operand.dtype).expand(operand.shape)
    others = operation.args[1:]
    if any(isinstance(leaf, Operand) for leaf in others):
        return [None]
    kwargs = {name: given for name, given in operation.kwargs.items() if name not in {"device", "memory_format"}}
    return [Known(operation.target(like, *others, **kwargs))] if result.size <= MOST_ENTRIES else [None]


@rule("mul")
def mul(operation: Operation) -> list[Value]:
    """Join two factors, but where the other one is zero."""
    (result,) = operation.results
    given = operation.operands
    found: list[IndexSets] = []
    for place, operand in enumerate(given):
        if operand.sets is None:
            continue
        sets = operation.spread(operand.sets, operand.shape, result.shape)
        mask = operation.mask(given[1 - place]) if len(given) == 2 else None
        found.append(sets if mask is None else sets.where(np.broadcast_to(mask, result.shape)))
    return [operation.nothing(result).union(found)]


@rule("where")
def where(operation: Operation) -> list[Value]:
    """Choose: by a condition that is the same for all inputs, or else either."""
    (result,) = operation.results
    if not {"self", "other"} <= operation.named.keys():
        raise UnforeseenError
    condition = operation.of("condition")
    chosen = operation.numbers(condition) if isinstance(condition.value, Known) else None
    found = []
    for name, is_other in (("self", False), ("other", True)):
        operand = operation.named[name]
        sets = getattr(operand, "sets", None)
        if sets is None:
            continue
        sets = operation.spread(sets, operand.shape, result.shape)
        if chosen is not None:
            sets = sets.where(np.broadcast_to(chosen.numpy() != is_other, result.shape))
        found.append(sets)
    return [operation.nothing(result).union(found)]


@rule("copy", "fill")
def overwritten(operation: Operation) -> list[Value]:
    """Return what stands in a tensor after others' numbers were written to it."""
    (result,) = operation.results
    written = operation.named["src" if operation.name == "copy" else "value"]
    sets = getattr(written, "sets", None)
    return [operation.nothing(result) if sets is None else operation.spread(sets, written.shape, result.shape)]


@rule("view_as_real")
def view_as_real(operation: Operation) -> list[Value]:
    """Put real and imaginary parts along an axis of their own."""
    operand, (result,) = operation.of("self"), operation.results
    return [operation.spread(operation.sets(operand), (*operand.shape, 1), result.shape)]


@rule("view_as_complex")
def view_as_complex(operation: Operation) -> list[Value]:
    """Join real and imaginary parts."""
    operand = operation.of("self")
    return [operation.sets(operand).along(operand.shape, [len(operand.shape) - 1], operation.name)]


@rule("masked_fill")
def masked_fill(operation: Operation) -> list[Value]:
    """Keep what is not replaced."""
    (result,) = operation.results
    mask = operation.numbers(operation.of("mask"))
    operand = operation.of("self")
    sets = operation.spread(operation.sets(operand), operand.shape, result.shape)
    filled = getattr(operation.named["value"], "sets", None)
    if mask is not None:
        sets = sets.where(~np.broadcast_to(mask.numpy(), result.shape))
    return [sets if filled is None else sets.union([operation.spread(filled, (), result.shape)])]


@rule("glu")
def glu(operation: Operation) -> list[Value]:
    """Join the two halves."""
    operand, axis = operation.of("self"), int(operation.named["dim"])
    places = np.arange(operand.size).reshape(operand.shape)
    first, second = (operation.sets(operand).taken(half) for half in np.split(places, 2, axis))
    return [first.union([second])]
