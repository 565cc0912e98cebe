"""Entries at places that indices name: known ones, or any."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparsity.index_sets import IndexSets
from chainopt.jax.detection.registry import lifted, rule, unknown
from chainopt.jax.detection.values import full, seeded
from chainopt.jax.detection.windows import Windows, columns_of
from chainopt.jax.jaxprs import shape, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.detection.registry import Walker
    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import IntArray


@rule("gather")
def gather(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Take entries; by unknown indices any of those that they may name."""
    operand, indices = operands
    if not isinstance(operand, IndexSets) or isinstance(indices, IndexSets):
        return unknown(equation, operands, walker)
    windows = Windows.of_gather(equation)
    columns = columns_of(indices, len(windows.starts))
    free = windows.free(columns)
    if free:
        operand = operand.along(windows.operand, free, walker.cause(equation))
    drops = "FILL" in str(equation.params["mode"]).upper()
    places = windows.places(columns, clips=not drops)
    result = operand.taken(places)
    if drops and equation.params["fill_value"]:  # none, or zero, in a derivative that is linear
        result = result.union([full(places.size, walker.columns, walker.cause(equation)).where(places < 0)])
    return [result]


@rule("scatter", "scatter-add", "scatter_add", "scatter-sub", "scatter_sub")
def scatter(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Put entries to others, or in their place."""
    if isinstance(operands[1], IndexSets):
        return unknown(equation, operands, walker)
    windows = Windows.of_scatter(equation)
    columns = columns_of(operands[1], len(windows.starts))
    operand = lifted(operands[0], size(equation.invars[0]), equation, walker)
    updates = lifted(operands[2], size(equation.invars[2]), equation, walker)
    clips = "CLIP" in str(equation.params["mode"]).upper()
    places = windows.places(columns, clips=clips).reshape(-1)
    there = np.flatnonzero(places >= 0)
    lengths = windows.lengths(columns)
    result = landed(updates, places[there], there, math.prod(lengths), walker.cause(equation))
    if windows.free(columns):  # what may land at several places lands at all of them
        result = result.moved(lambda ids: np.broadcast_to(ids, windows.operand), lengths)
    elif str(equation.primitive) == "scatter":
        kept = np.ones(operand.size, dtype=bool)
        kept[places[there]] = False
        operand = operand.where(kept)
    return [operand.union([result])]


@rule("scatter-mul", "scatter_mul")
def scatter_mul(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Keep what depends on the seeds where it is, if it is not among the factors."""
    if len(seeded(operands)) == 1 and isinstance(operands[0], IndexSets):
        return [operands[0]]
    return unknown(equation, operands, walker)


def landed(updates: IndexSets, places: IntArray, entries: IntArray, count: int, origin: str) -> IndexSets:
    """Put entries to their places in an array of so many; those at the same place are joined.

    Parameters
    ----------
    updates : IndexSets
    places, entries : numpy.ndarray of int64
        The place of each of these entries.
    count : int
    origin : str
        The name of what does this.
    """
    source = np.full(count, -1, dtype=np.int64)
    source[places] = entries
    if np.array_equal(source[places], entries):  # no two at one place
        return updates.taken(source)
    return updates.merged(places, entries, count, origin)


@rule("dynamic_slice")
def dynamic_slice(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Cut; along axes where the beginning is not known, any entry may be meant."""
    operand, *starts = operands[: 1 + len(shape(equation.invars[0]))]
    if not isinstance(operand, IndexSets) or len(seeded(starts)):
        return unknown(equation, operands, walker)
    axes, lengths = shape(equation.invars[0]), equation.params["slice_sizes"]
    mixed = [
        axis
        for axis, (start, length) in enumerate(zip(starts, lengths, strict=True))
        if not isinstance(start, np.ndarray) and length < axes[axis]
    ]
    sums = operand.along(axes, mixed, walker.cause(equation)) if mixed else operand
    kept = [1 if axis in mixed else length for axis, length in enumerate(axes)]
    begins = [_begin(start, length, whole) for start, length, whole in zip(starts, lengths, kept, strict=True)]
    cut = tuple(slice(begin, begin + length) for begin, length in zip(begins, lengths, strict=True))
    return [sums.moved(lambda ids: np.broadcast_to(ids[cut], tuple(lengths)), kept)]


@rule("dynamic_update_slice")
def dynamic_update_slice(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Put a block in the place of another."""
    starts = operands[2:]
    if seeded(starts):
        return unknown(equation, operands, walker)
    axes, lengths = shape(equation.invars[0]), shape(equation.invars[1])
    operand = lifted(operands[0], size(equation.invars[0]), equation, walker)
    update = lifted(operands[1], size(equation.invars[1]), equation, walker)
    mixed = [axis for axis, start in enumerate(starts) if not isinstance(start, np.ndarray) and lengths[axis] < axes[axis]]
    sums = update.along(lengths, mixed, walker.cause(equation)) if mixed else update
    kept = [1 if axis in mixed else length for axis, length in enumerate(lengths)]
    begins = [_begin(start, length, whole) for start, length, whole in zip(starts, lengths, axes, strict=True)]
    cut = tuple(slice(None) if axis in mixed else slice(begin, begin + lengths[axis]) for axis, begin in enumerate(begins))
    places = np.full(axes, -1, dtype=np.int64)
    places[cut] = np.arange(sums.size).reshape(kept)
    kept_operand = operand if mixed else operand.where(places < 0)
    return [kept_operand.union([sums.taken(places)])]


def _begin(start: Value, length: int, whole: int) -> int:
    """Return where a block begins, moved inside as XLA does; 0 where that is not known."""
    return int(np.clip(int(start), 0, max(whole - length, 0))) if isinstance(start, np.ndarray) else 0
