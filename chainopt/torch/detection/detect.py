"""The door of the detection: a recorded function in, its pattern out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.functions.sparsity.detection import Detection
from chainopt.functions.sparsity.groups import Groups
from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.functions.sparsity.parts import Part
from chainopt.torch.detection.values import Watched, has_derivative
from chainopt.torch.detection.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.torch.detection.recording import Recording
    from chainopt.torch.detection.values import Operand, Value
    from chainopt.typing import Array


class Found(NamedTuple):
    """A pattern, and the tensors whose numbers decided on it."""

    detection: Detection
    watched: Watched


def detect(recording: Recording, inputs: Sequence[Array], others: int, outputs: int) -> Found:
    """Find the pattern of a function's Jacobian, valid for all inputs of these shapes.

    Parameters
    ----------
    recording : Recording
        Of the function, of the inputs and then of other tensors.
    inputs : sequence of tensors
        Those to differentiate by.
    others : int
        How many other tensors there are.
    outputs : int
        How many of the results are differentiated; they come first.
    """
    sizes = [math.prod(leaf.shape) for leaf in inputs]
    columns, firsts = sum(sizes), np.cumsum([0, *sizes])
    seeds: list[Value] = [
        IndexSets.seeds(size, columns, int(first)) if has_derivative(leaf.dtype) else None
        for size, first, leaf in zip(sizes, firsts, inputs, strict=False)
    ]
    watched = Watched()
    walk = Walk(columns, watched, stops=recording.stops)
    results = walk.run(recording.graph, [*seeds, *[None] * others])[:outputs]
    sets = [_sets_of(result, columns) for result in results]
    return Found(Detection(joined(sets) if sets else IndexSets(0, columns, ())), watched)


def dense(rows: int, columns: int, why: str) -> Detection:
    """Return the pattern of all places, with what made it so."""
    groups = Groups.single(np.ones(columns, dtype=bool), why)
    return Detection(IndexSets(rows, columns, (Part(np.zeros(rows, dtype=np.int32), groups),)))


def _sets_of(result: Operand | None, columns: int) -> IndexSets:
    size = 1 if result is None else result.size
    sets = None if result is None else result.sets
    return sets or IndexSets(size, columns, ())
