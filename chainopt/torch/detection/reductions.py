"""Sums and the like along axes, and what mixes the entries of lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.torch.detection.registry import Operation, UnforeseenError, rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.sparsity.index_sets import IndexSets
    from chainopt.torch.detection.values import Operand, Value
    from chainopt.typing import Array

MOST_PAIRS = 10_000_000  # of an entry of a running sum and one before it; beyond, each has all of its line


@rule("sum", "mean", "prod", "amax", "amin", "max", "min", "median", "nanmedian", "kthvalue", "mode", "logsumexp",
      "linalg_vector_norm", "norm", "var", "std", "var_mean", "std_mean", "nansum", "aminmax",
      "trace")  # fmt: skip
def reduced(operation: Operation) -> list[Value]:
    """Join along the axes that go, or along all."""
    operand = operation.of("self")
    if len(operation.operands) > 1:  # the larger one of two
        raise UnforeseenError
    axes = axes_of(operation.named.get("dim"), operand)
    sets = operation.sets(operand).along(operand.shape, axes, operation.name)
    return [sets for _ in operation.results]


@rule("_softmax", "_log_softmax", "_safe_softmax", "sort", "topk", "_fft_c2c", "_fft_r2c", "_fft_c2r")
def mixed(operation: Operation) -> list[Value]:
    """Let each entry depend on all of its lines."""
    operand = operation.of("self")
    return [*lines(operation, operand, axes_of(operation.named.get("dim", -1), operand))]


@rule("_softmax_backward_data", "_log_softmax_backward_data", "logsumexp_backward", "cumprod_backward")
def mixed_pairs(operation: Operation) -> list[Value]:
    """Let each entry depend on all of its lines in operands of the same shape."""
    axis = int(operation.named["dim"])
    (result,) = operation.results
    found: list[IndexSets] = []
    for operand in operation.operands:
        if operand.shape != result.shape:
            raise UnforeseenError
        found += lines(operation, operand, axes_of(axis, operand))
    return [operation.nothing(result).union(found)]


@rule("cumsum", "cumprod", "logcumsumexp", "cummax", "cummin")
def running(operation: Operation) -> list[Value]:
    """Join along one axis with all entries before."""
    operand = operation.of("self")
    if not operand.shape:
        return [operation.sets(operand) for _ in operation.results]
    (axis,) = axes_of(operation.named["dim"], operand)
    length = operand.shape[axis]
    if operand.size * (length + 1) // 2 > MOST_PAIRS:
        return [*lines(operation, operand, [axis])]
    rows, members = np.tril_indices(length)
    places = np.moveaxis(np.arange(operand.size).reshape(operand.shape), axis, 0).reshape(length, -1)
    sets = operation.sets(operand).merged(places[rows].reshape(-1), places[members].reshape(-1), operand.size, operation.name)
    return [sets for _ in operation.results]


@rule("linalg_inv_ex", "_linalg_solve_ex", "linalg_cholesky_ex", "_linalg_det", "_linalg_slogdet", "linalg_lu_factor_ex",
      "linalg_solve_triangular", "linalg_qr", "_linalg_eigh", "_linalg_svd", "linalg_matrix_exp", "linalg_lu",
      "linalg_eig")  # fmt: skip
def by_matrices(operation: Operation) -> list[Value]:
    """Let all entries of a matrix depend on all of it, one matrix of a stack by itself."""
    first = operation.operands[0].shape
    stack = first[:-2]
    found: list[Value] = []
    for result in operation.results:
        joint = operation.nothing(result)
        for operand in operation.operands:
            if operand.sets is None:
                continue
            is_stacked = operand.shape[: len(stack)] == stack == result.shape[: len(stack)]
            if not is_stacked or (len(operand.shape) < len(first) and operand.shape != first[:-1]):
                raise UnforeseenError
            sets = operand.sets.along(operand.shape, range(len(stack), len(operand.shape)), operation.name)
            narrow = stack + (1,) * (len(result.shape) - len(stack))
            joint = joint.union([operation.spread(sets, narrow, result.shape)])
        found.append(joint)
    return found


def lines(operation: Operation, operand: Operand, axes: Sequence[int]) -> list[IndexSets]:
    """Let each entry of the results depend on all entries of the operand in the same lines along some axes."""
    sets = operation.sets(operand).along(operand.shape, axes, operation.name)
    narrow = [1 if axis in axes else length for axis, length in enumerate(operand.shape)]
    return [operation.spread(sets, narrow, result.shape) for result in operation.results]


def axes_of(dim: Array, operand: Operand) -> list[int]:
    """Return the axes that an argument names: all where it names none."""
    count = len(operand.shape)
    if dim is None or (isinstance(dim, list | tuple) and not dim):
        return list(range(count))
    named = dim if isinstance(dim, list | tuple) else [dim]
    return sorted({int(axis) % count for axis in named}) if count else []
