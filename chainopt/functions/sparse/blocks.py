"""The nonzeros of a whole Jacobian, cut into blocks: one for each array of the result and each of the input."""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.structure.compression import Sources
    from chainopt.structure.patterns import Entries
    from chainopt.typing import BoolArray, IntArray, NumpyArray

Shape = tuple[int, ...]


class Block(NamedTuple):
    """The nonzeros of one block, row by row."""

    output: int
    input: int
    shape: Shape  # of the array of the result, then of that of the input
    places: slice | IntArray  # which of all nonzeros they are
    indices: NumpyArray  # a row for each, int32 of as many columns as the shape is long
    from_vjps: BoolArray | None  # for each whether a VJP holds it; None where none does
    at: NumpyArray  # where in the flattened JVPs of the output, a color after the other, or in the VJPs of the input


def cut(
    entries: Entries, found: Sources, outputs: Sequence[Shape], inputs: Sequence[Shape], *, is_symmetric: bool
) -> list[Block]:
    """Cut a pattern into blocks, those of one output after the other.

    Parameters
    ----------
    entries : scipy.sparse.csr_array of bool
        The pattern: flattened results by flattened inputs.
    found : Sources
        Where each nonzero is.
    outputs, inputs : sequence of tuple of int
        The shapes of the arrays.
    is_symmetric : bool
        Whether a nonzero may be read off in the rows of another array: then ``at`` counts in the products as a whole.
    """
    rows_end = [0, *accumulate(map(prod, outputs))]
    columns_end = [0, *accumulate(map(prod, inputs))]
    rows = np.repeat(np.arange(entries.shape[0], dtype=np.int64), np.diff(entries.indptr))
    columns = entries.indices.astype(np.int64)
    position = found.position if is_symmetric else _local_positions(found, rows_end, columns_end)
    blocks = []
    for output, (first_row, end_row) in enumerate(pairwise(rows_end)):
        begin, end = int(entries.indptr[first_row]), int(entries.indptr[end_row])
        for number, (first, last) in enumerate(pairwise(columns_end)):
            places: slice | IntArray = slice(begin, end)
            if len(inputs) > 1:
                places = begin + np.flatnonzero((columns[begin:end] >= first) & (columns[begin:end] < last))
            shape = (*outputs[output], *inputs[number])
            by_row = found.by_row[places]
            size = rows_end[-1] if is_symmetric else np.where(by_row, last - first, end_row - first_row)
            indices = [
                *_unraveled(rows[places] - first_row, outputs[output]),
                *_unraveled(columns[places] - first, inputs[number]),
            ]
            count = rows[places].size
            stacked = np.stack(indices, axis=1).astype(np.int32) if indices else np.zeros((count, 0), dtype=np.int32)
            at = found.color[places] * size + position[places]
            blocks.append(Block(output, number, shape, places, stacked, by_row if by_row.any() else None, _small(at)))
    return blocks


def _local_positions(found: Sources, rows_end: Sequence[int], columns_end: Sequence[int]) -> IntArray:
    """Return where in its own array each nonzero is read off."""
    position = found.position.copy()
    for by_row, ends in ((found.by_row, columns_end), (~found.by_row, rows_end)):
        bounds = np.asarray(ends, dtype=np.int64)
        position[by_row] -= bounds[np.searchsorted(bounds, position[by_row], side="right") - 1]
    return position


def _unraveled(flat: IntArray, shape: Shape) -> tuple[IntArray, ...]:
    return np.unravel_index(flat, shape) if shape and flat.size else tuple(flat for _ in shape)


def _small(array: IntArray) -> NumpyArray:
    """Return an array of indices in 32 bits, if they fit."""
    return array.astype(np.int32) if array.max(initial=0) < 2**31 else array
