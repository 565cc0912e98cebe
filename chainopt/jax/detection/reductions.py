"""Sums, products and extremes along axes, running ones, and those of windows; what depends on whole lines."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparsity.index_sets import MOST_NONZEROS, IndexSets
from chainopt.jax.detection.registry import rule, unknown
from chainopt.jax.detection.reshaping import padded
from chainopt.jax.detection.values import seeded
from chainopt.jax.jaxprs import shape, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.detection.registry import Walker
    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import NumpyArray


@rule("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or", "reduce_xor", "argmax", "argmin")
def reduction(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join along the axes that go."""
    (operand,) = seeded(operands)
    return [operand.along(shape(equation.invars[0]), equation.params["axes"], walker.cause(equation))]


@rule("cumsum", "cumprod", "cummax", "cummin")
def running(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join what comes before, or after."""
    (operand,) = seeded(operands)
    axes, axis, reverse = shape(equation.invars[0]), equation.params["axis"], bool(equation.params.get("reverse"))
    return [accumulated(operand, axes, axis, walker.cause(equation), reverse=reverse)]


def accumulated(operand: IndexSets, axes: Sequence[int], axis: int, origin: str, *, reverse: bool) -> IndexSets:
    """Let each entry depend on all before it along an axis, or on all behind it.

    Parameters
    ----------
    operand : IndexSets
        Of an array of the shape ``axes``.
    axes : sequence of int
    axis : int
        Along which of them entries depend on each other.
    origin : str
        The name of what does this.
    reverse : bool
        Whether on those behind.
    """
    length = axes[axis]
    if operand.size * length > 2 * MOST_NONZEROS:
        return lines(operand, axes, [axis], axes, origin)
    entry, member = np.tril_indices(length)
    if reverse:
        entry, member = member, entry
    places = np.moveaxis(np.arange(operand.size).reshape(tuple(axes)), axis, -1).reshape(-1, length)
    return operand.merged(places[:, entry].reshape(-1), places[:, member].reshape(-1), operand.size, origin)


def lines(operand: IndexSets, axes: Sequence[int], mixed: Sequence[int], result: Sequence[int], origin: str) -> IndexSets:
    """Let each entry depend on all of its line along some axes; their lengths may be others in the result.

    Parameters
    ----------
    operand : IndexSets
        Of an array of the shape ``axes``.
    axes : sequence of int
    mixed : sequence of int
        Along which of them entries depend on each other.
    result : sequence of int
        The shape of the result, of as many axes.
    origin : str
        The name of what does this.
    """
    sums = operand.along(axes, mixed, origin)
    kept = [1 if axis in mixed else length for axis, length in enumerate(axes)]
    return sums.moved(lambda ids: np.broadcast_to(ids, tuple(result)), kept)


@rule("fft")
def fft(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join along the axes that are transformed."""
    (operand,) = seeded(operands)
    axes = shape(equation.invars[0])
    mixed = range(len(axes) - len(equation.params["fft_lengths"]), len(axes))
    return [lines(operand, axes, mixed, shape(equation.outvars[0]), walker.cause(equation))]


@rule("sort")
def sort(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join along the axis that is sorted."""
    first, *others = seeded(operands)
    axes = shape(equation.outvars[0])
    every = lines(first.union(others), axes, [equation.params["dimension"]], axes, walker.cause(equation))
    return [every for _ in equation.outvars]


@rule("reduce_window_sum", "reduce_window_max", "reduce_window_min", "select_and_gather_add")
def window(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join the entries of each window."""
    first, *others = seeded(operands)
    rows, places = _windows(equation, shape(equation.invars[0]))
    return [first.union(others).merged(rows, places, size(equation.outvars[0]), walker.cause(equation))]


@rule("select_and_scatter_add")
def scattered_window(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join the windows that an entry is in."""
    source, operand = operands
    if not isinstance(source, IndexSets) or isinstance(operand, IndexSets):
        return unknown(equation, operands, walker)
    rows, places = _windows(equation, shape(equation.invars[1]))
    return [source.merged(places, rows, size(equation.outvars[0]), walker.cause(equation))]


def _windows(equation: JaxprEqn, axes: Sequence[int]) -> tuple[NumpyArray, NumpyArray]:
    """List the pairs of a window, by its number, and an entry in it."""
    parameters = equation.params
    ones = (1,) * len(axes)
    dimensions, strides = parameters["window_dimensions"], parameters["window_strides"]
    base, inner = parameters.get("base_dilation") or ones, parameters.get("window_dilation") or ones
    configuration = [(low, high, dilation - 1) for (low, high), dilation in zip(parameters["padding"], base, strict=True)]
    around = padded(np.arange(np.prod(axes, dtype=np.int64)).reshape(axes), configuration)
    counts = [
        max((length - (width - 1) * dilation - 1) // stride + 1, 0)
        for length, width, dilation, stride in zip(around.shape, dimensions, inner, strides, strict=True)
    ]
    rows, places = [], []
    for offset in product(*map(range, dimensions)):
        cut = tuple(
            slice(at * dilation, at * dilation + (count - 1) * stride + 1, stride) if count else slice(0)
            for at, dilation, count, stride in zip(offset, inner, counts, strides, strict=True)
        )
        taken = around[cut].reshape(-1)
        there = np.flatnonzero(taken >= 0)
        rows.append(there)
        places.append(taken[there])
    return np.concatenate(rows), np.concatenate(places)
