"""Matrix products: the entries of a row and of a column, where their partners are not zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.torch.detection.registry import Operation, rule

if TYPE_CHECKING:
    from chainopt.functions.sparsity.index_sets import IndexSets
    from chainopt.torch.detection.values import Operand, Value
    from chainopt.typing import NumpyArray

MOST_PAIRS = 30_000_000  # of an entry of the product and one of a factor; beyond, zeros of the other factor do not count


@rule("mm", "bmm", "mv", "dot", "vdot", "matmul")
def product(operation: Operation) -> list[Value]:
    """Multiply two factors."""
    left, right = operation.operands
    return [multiplied(operation, left, right)]


@rule("addmm", "addmv", "baddbmm", "addbmm", "addr")
def sum_and_product(operation: Operation) -> list[Value]:
    """Multiply two factors, and add."""
    (result,) = operation.results
    added, left, right = operation.operands
    if operation.name == "addr":
        left, right = left._replace(shape=(*left.shape, 1)), right._replace(shape=(1, *right.shape))
    sets = multiplied(operation, left, right)
    if operation.name == "addbmm":
        sets = sets.along((left.shape[0], *result.shape), [0], operation.name)
    return [sets.union([operation.spread(operation.sets(added), added.shape, result.shape)])]


def multiplied(operation: Operation, left: Operand, right: Operand) -> IndexSets:
    """Return what the entries of a product of two factors depend on: of vectors, matrices, or stacks of as many matrices."""
    rows, inner = _matrix(left.shape if len(left.shape) > 1 else (1, *left.shape))
    columns = _matrix(right.shape if len(right.shape) > 1 else (*right.shape, 1))[1]
    stack = left.size // max(rows * inner, 1)
    onto = (stack, rows, inner, columns)
    found = [
        _factor(operation, left, _mask(operation, right, (stack, 1, inner, columns)), onto, is_left=True),
        _factor(operation, right, _mask(operation, left, (stack, rows, inner, 1)), onto, is_left=False),
    ]
    first, second = found
    return first.union([second])


def _factor(
    operation: Operation, operand: Operand, mask: NumpyArray | None, onto: tuple[int, ...], *, is_left: bool
) -> IndexSets:
    """Return what the entries of a product have of one factor, with a mask of where the other one is not zero."""
    stack, rows, inner, columns = onto
    axes = (stack, rows, inner, 1) if is_left else (stack, 1, inner, columns)
    sets = operation.sets(operand)
    count = stack * rows * columns
    if not sets.parts:
        return sets.taken(np.full(count, -1))
    if mask is not None and count * inner <= MOST_PAIRS:
        there = np.broadcast_to(mask, onto)
        places = np.broadcast_to(np.arange(sets.size).reshape(axes), onto)[there]
        targets = np.broadcast_to(np.arange(count).reshape(stack, rows, 1, columns), onto)[there]
        return sets.merged(targets, places, count, operation.name)
    joint = sets.along(axes, [2], operation.name)
    return operation.spread(joint, (stack, rows, 1) if is_left else (stack, 1, columns), (stack, rows, columns))


def _mask(operation: Operation, operand: Operand, axes: tuple[int, ...]) -> NumpyArray | None:
    mask = operation.mask(operand)
    return None if mask is None else mask.reshape(axes)


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[-2], shape[-1]
