"""Convolutions: windows of the left operand, or whole kernels."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparsity.index_sets import IndexSets
from chainopt.jax.detection.registry import rule, unknown
from chainopt.jax.detection.reshaping import padded
from chainopt.jax.detection.values import nonzero
from chainopt.jax.jaxprs import shape, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chainopt.jax.detection.registry import Walker
    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import IntArray


@rule("conv_general_dilated")
def conv_general_dilated(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join what each window covers, but for what a known kernel multiplies by zero."""
    if equation.params["batch_group_count"] != 1:
        return unknown(equation, operands, walker)
    results = []
    for position, operand in enumerate(operands):
        if isinstance(operand, IndexSets):
            mask = nonzero(operands[1 - position], shape(equation.invars[1 - position]))
            flat = None if mask is None else mask.reshape(-1)
            rows, places = [], []
            for result, left, kernel in _terms(equation):
                mine, others = (left, kernel) if position == 0 else (kernel, left)
                there = left >= 0
                if flat is not None:
                    there &= flat[others]
                rows.append(result[there])
                places.append(mine[there])
            merged = operand.merged(
                np.concatenate(rows), np.concatenate(places), size(equation.outvars[0]), walker.cause(equation)
            )
            results.append(merged)
    return [results[0].union(results[1:])]


def _terms(equation: JaxprEqn) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """List, for each place in the window, the flat places in the result, the left operand (-1 outside) and the kernel."""
    parameters = equation.params
    numbers, groups = parameters["dimension_numbers"], parameters["feature_group_count"]
    axes, kernel_axes, result_axes = (shape(atom) for atom in (*equation.invars, *equation.outvars))
    left = np.arange(size(equation.invars[0])).reshape(axes).transpose(numbers.lhs_spec)
    kernel = np.arange(size(equation.invars[1])).reshape(kernel_axes).transpose(numbers.rhs_spec)
    result = np.arange(size(equation.outvars[0])).reshape(result_axes).transpose(numbers.out_spec)
    dilations = parameters["lhs_dilation"]
    around = [(low, high, inner - 1) for (low, high), inner in zip(parameters["padding"], dilations, strict=True)]
    left = padded(left, [(0, 0, 0), (0, 0, 0), *around])
    batch, spatial = left.shape[0], result.shape[2:]
    everything = slice(None), slice(None)
    inputs, outputs = kernel.shape[1], kernel.shape[0] // groups
    for number, offset in enumerate(product(*map(range, kernel.shape[2:]))):
        cut = (
            *everything,
            *(
                slice(at * inner, at * inner + (count - 1) * stride + 1, stride) if count else slice(0)
                for at, inner, count, stride in zip(
                    offset, parameters["rhs_dilation"], spatial, parameters["window_strides"], strict=True
                )
            ),
        )
        window = left[cut].reshape(batch, groups, 1, inputs, -1)
        weights = kernel.reshape(*kernel.shape[:2], -1)[:, :, number].reshape(1, groups, outputs, inputs, 1)
        rows = result.reshape(batch, groups, outputs, 1, -1)
        there = np.broadcast_arrays(rows, window, weights)
        yield there[0].reshape(-1), there[1].reshape(-1), there[2].reshape(-1)
