"""The numbers in which the searches for schedules hold times: ints wherever that is exact, else floats."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.costs.number_type import in_numbers, number_type
from chainopt.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chainopt.typing import Cost, NumpyArray

FLOAT_BITS = 53  # of a float: sums of fewer than 2**53 ticks are exact as floats, too
INT_BITS = 62  # of what the kernels form of int64


class Clock(NamedTuple):
    """The numbers in which times are held: costs, or ticks of ``2 ** exponent`` of them.

    Parameters
    ----------
    dtype : type
        `numpy.int64`, `numpy.float64`, or `object` for Python ints.
    exponent : int, optional
        That of the tick, where costs are floats that are multiples of one power of two, and few enough of it to be counted: the
        searches are then exact, as with ints. None where times are costs.
    """

    dtype: Any
    exponent: int | None = None

    @property
    def tells_costs(self) -> bool:
        """Whether times are costs, as they are."""
        return self.exponent is None and not self.rounds

    @property
    def rounds(self) -> bool:
        """Whether sums of times may be rounded."""
        return bool(self.dtype is np.float64)

    @property
    def zero(self) -> Any:
        """The time at which everything begins."""
        return 0.0 if self.rounds else 0

    def time(self, cost: Cost) -> Any:
        """Return the time that a cost stands for."""
        if self.exponent is None:
            return float(cost) if self.rounds else cost
        return int(math.ldexp(cost, -self.exponent))

    def cost(self, time: Cost) -> Any:
        """Return the cost that a time stands for."""
        return time if self.exponent is None else math.ldexp(time, self.exponent)

    def times(self, costs: Any) -> NumpyArray:
        """Return the times that costs stand for; what is below zero, and cannot be done, is -1."""
        if self.exponent is None:
            return np.asarray(in_numbers(costs, self.dtype))
        floats = in_numbers(costs, np.float64)
        return np.where(floats < 0, -1, np.ldexp(np.maximum(floats, 0), -self.exponent)).astype(np.int64)


def clock_for(costs: Sequence[NumpyArray], terms: int, factor: int, *, are_all: bool) -> Clock:
    """Choose the numbers that hold times.

    Parameters
    ----------
    costs : sequence of arrays
        What operations cost; below zero is what cannot be done.
    terms : int
        How many of them are added at most.
    factor : int
        What the kernels multiply the sums by.
    are_all : bool
        Whether these are all costs; others may not be multiples of the same tick.

    Raises
    ------
    ChainError
        If sums of floats could be larger than any float.
    """
    dtype = number_type(costs, terms * factor)
    if dtype is not np.float64:
        return Clock(dtype)
    columns = [in_numbers(column, np.float64) for column in costs]
    largest = max(float(column.max(initial=0)) for column in columns)
    if math.isinf(largest * terms * factor):
        msg = f"costs that are floats are as large as {largest:.3g}: their sum would overflow, give ints, or a larger unit"
        raise ChainError(msg)
    bits = min(FLOAT_BITS, INT_BITS - factor.bit_length()) - terms.bit_length()
    exponent = math.frexp(largest)[1] - bits  # of the finest tick that can be counted
    ticks = [_ticks(np.maximum(column, 0), exponent) for column in columns] if are_all else [None]
    if any(column is None for column in ticks):
        return Clock(np.float64)
    used = int(np.bitwise_or.reduce([np.bitwise_or.reduce(column, axis=None) for column in ticks if column is not None]))
    return Clock(np.int64, exponent + max(0, (used & -used).bit_length() - 1))


def _ticks(costs: NDArray[np.float64], exponent: int) -> NDArray[np.int64] | None:
    """Count costs in ticks; None where one is not a multiple of a tick, or does not survive the round trip."""
    ticks = np.ldexp(costs, -exponent)
    if not (np.array_equal(ticks, np.rint(ticks)) and np.array_equal(np.ldexp(ticks, exponent), costs)):
        return None
    return ticks.astype(np.int64)
