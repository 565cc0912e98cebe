"""Where the windows of a gather or a scatter lie in its operand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainopt.jax.detection.registry import shape

if TYPE_CHECKING:
    from chainopt.jax.detection.registry import JaxprEqn
    from chainopt.typing import IntArray, NumpyArray

Axes = tuple[int, ...]


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

    @property
    def mixed(self) -> Axes:
        """The axes of the operand in which windows may lie at several places."""
        return tuple(axis for axis in self.starts if self.length(axis) < self.operand[axis])

    def places(self, indices: NumpyArray | None, *, clips: bool = True) -> IntArray:
        """Return, for each entry of ``windowed``, the flat place in the operand; -1 where a window lies outside.

        Parameters
        ----------
        indices : numpy.ndarray, optional
            Where the windows begin. Without them, the axes in which they may lie anywhere have the length one.
        clips : bool
            Whether windows outside are moved inside.
        """
        lengths = [1 if indices is None and axis in self.mixed else length for axis, length in enumerate(self.operand)]
        strides = [math.prod(lengths[axis + 1 :]) for axis in range(len(lengths))]
        places = np.zeros(self.windowed, dtype=np.int64)
        inside = np.ones(self.windowed, dtype=bool)
        for axis, own in (self.axis_within | self.axis_batching).items():
            if lengths[axis] > 1:
                places += strides[axis] * self._along(np.arange(self.windowed[own]), [own])
        for column, axis in enumerate(self.starts):
            if indices is None or axis not in self.mixed:
                continue
            begin = indices[..., column].astype(np.int64)
            last = self.operand[axis] - self.length(axis)
            if not clips:
                inside &= self._along((begin >= 0) & (begin <= last), self.over)
            places += strides[axis] * self._along(np.clip(begin, 0, last), self.over)
        return np.where(inside, places, -1)

    def _along(self, values: NumpyArray, axes: Axes | list[int]) -> NumpyArray:
        """Broadcast values that run along some axes of ``windowed``."""
        lengths = [self.windowed[axis] if axis in axes else 1 for axis in range(len(self.windowed))]
        return values.reshape(lengths)


def _ints(axes: object) -> Axes:
    return tuple(map(int, axes))  # type: ignore[call-overload]
