"""Where the windows of a gather or a scatter lie in its operand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainopt.jax.detection.values import PartlyKnown
from chainopt.jax.jaxprs import shape

if TYPE_CHECKING:
    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import IntArray, NumpyArray

Axes = tuple[int, ...]
Columns = Sequence["NumpyArray | None"]


def columns_of(indices: Value, count: int) -> list[NumpyArray | None]:
    """Return the columns of indices, the last axis; None in the place of those that are not known."""
    if isinstance(indices, np.ndarray):
        return [indices[..., column] for column in range(count)]
    if isinstance(indices, PartlyKnown):
        known = [bool(indices.known[..., column].all()) for column in range(count)]
        return [indices.values[..., column] if is_known else None for column, is_known in enumerate(known)]
    return [None] * count


@dataclass(frozen=True)
class Windows:
    """What the dimension numbers of a gather or a scatter say, in the same words for both.

    Parameters
    ----------
    operand : tuple of int
        The shape of the operand, in which windows lie.
    windowed : tuple of int
        The shape of what has all windows: the result of a gather, the updates of a scatter.
    within : tuple of int
        The axes of ``windowed`` that run within a window; the others run over the windows.
    dropped : tuple of int
        The axes of the operand in which windows have the length one and no axis of their own.
    starts : tuple of int
        The axis of the operand in which each column of the indices counts.
    batching, index_batching : tuple of int
        The axes of the operand, and those of the indices, that run together.
    """

    operand: Axes
    windowed: Axes
    within: Axes
    dropped: Axes
    starts: Axes
    batching: Axes
    index_batching: Axes

    @classmethod
    def of_gather(cls, equation: JaxprEqn) -> Windows:
        """Read those of a gather."""
        numbers = equation.params["dimension_numbers"]
        return cls(
            shape(equation.invars[0]),
            shape(equation.outvars[0]),
            _ints(numbers.offset_dims),
            _ints(numbers.collapsed_slice_dims),
            _ints(numbers.start_index_map),
            _ints(getattr(numbers, "operand_batching_dims", ())),
            _ints(getattr(numbers, "start_indices_batching_dims", ())),
        )

    @classmethod
    def of_scatter(cls, equation: JaxprEqn) -> Windows:
        """Read those of a scatter."""
        numbers = equation.params["dimension_numbers"]
        return cls(
            shape(equation.invars[0]),
            shape(equation.invars[2]),
            _ints(numbers.update_window_dims),
            _ints(numbers.inserted_window_dims),
            _ints(numbers.scatter_dims_to_operand_dims),
            _ints(getattr(numbers, "operand_batching_dims", ())),
            _ints(getattr(numbers, "scatter_indices_batching_dims", ())),
        )

    @property
    def over(self) -> Axes:
        """The axes of ``windowed`` that run over the windows, as those of the indices do."""
        return tuple(axis for axis in range(len(self.windowed)) if axis not in self.within)

    @property
    def axis_within(self) -> dict[int, int]:
        """For each axis of the operand in which windows extend, that of ``windowed``."""
        kept = [axis for axis in range(len(self.operand)) if axis not in (*self.dropped, *self.batching)]
        return dict(zip(kept, self.within, strict=True))

    @property
    def axis_batching(self) -> dict[int, int]:
        """For each axis of the operand that runs together with one of the indices, that of ``windowed``."""
        return {axis: self.over[other] for axis, other in zip(self.batching, self.index_batching, strict=True)}

    def length(self, axis: int) -> int:
        """Return how long windows are in an axis of the operand."""
        inner = self.axis_within.get(axis)
        return 1 if inner is None else self.windowed[inner]

    def free(self, columns: Columns) -> Axes:
        """Return the axes of the operand in which windows may lie anywhere."""
        named = zip(self.starts, columns, strict=True)
        return tuple(axis for axis, column in named if column is None and self.length(axis) < self.operand[axis])

    def lengths(self, columns: Columns) -> Axes:
        """Return the shape of the operand, with the length one where windows may lie anywhere."""
        free = self.free(columns)
        return tuple(1 if axis in free else length for axis, length in enumerate(self.operand))

    def places(self, columns: Columns, *, clips: bool) -> IntArray:
        """Return, for each entry of ``windowed``, the flat place in an operand of `lengths`; -1 where a window lies outside.

        Parameters
        ----------
        columns : list of numpy.ndarray or None
            Where the windows begin, in each axis of ``starts``, if that is known.
        clips : bool
            Whether windows outside are moved inside.
        """
        lengths = self.lengths(columns)
        strides = [math.prod(lengths[axis + 1 :]) for axis in range(len(lengths))]
        places = np.zeros(self.windowed, dtype=np.int64)
        inside = np.ones(self.windowed, dtype=bool)
        for axis, own in (self.axis_within | self.axis_batching).items():
            if lengths[axis] > 1:
                places += strides[axis] * self._along(np.arange(self.windowed[own]), [own])
        for axis, column in zip(self.starts, columns, strict=True):
            if column is None:
                continue
            begin = self._along(column.astype(np.int64), self.over)
            last = self.operand[axis] - self.length(axis)
            if not clips:
                inside &= (begin >= 0) & (begin <= last)
            places += strides[axis] * np.clip(begin, 0, last)
        return np.where(inside, places, -1)

    def _along(self, values: NumpyArray, axes: Axes | list[int]) -> NumpyArray:
        """Broadcast values that run along some axes of ``windowed``."""
        lengths = [self.windowed[axis] if axis in axes else 1 for axis in range(len(self.windowed))]
        return values.reshape(lengths)


def _ints(axes: object) -> Axes:
    return tuple(map(int, axes))  # type: ignore[call-overload]
