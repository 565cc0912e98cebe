"""The type in which costs are added: int64, floats where one is a float, else Python ints; decided only here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chainopt.typing import Cost

LARGEST = 2**62


def has_floats(costs: Iterable[Any]) -> bool:
    """Whether one of several costs is a float, so that their sums are floats."""
    return any(issubclass(number, float | np.floating) for number in set(map(type, costs)))


def number_type(columns: Iterable[Any], terms: int) -> Any:
    """Return the type that holds costs, and sums of so many of them.

    Parameters
    ----------
    columns : iterable of arrays, of lists or of numbers
        The costs; those below zero stand for no cost.
    terms : int
        How many of them are added at most.

    Returns
    -------
    type
        `numpy.float64` if one of the costs is a float, however small the others are; `numpy.int64` where no sum passes its end;
        else `object`, for Python ints.
    """
    largest = 0
    for column in columns:
        costs = column if isinstance(column, np.ndarray) else np.array(column, dtype=object)
        if costs.dtype == object:
            numbers = costs.ravel().tolist()
            if has_floats(numbers):
                return np.float64
            largest = max(largest, max(numbers, default=0))
        elif costs.dtype.kind == "f":
            return np.float64
        else:
            largest = max(largest, int(costs.max(initial=0)))
    return np.int64 if largest * terms < LARGEST else object


def wider(one: Any, other: Any) -> Any:
    """Return which of two types that `number_type` chose holds the costs of both: with a float among them all are floats."""
    return max(one, other, key=(np.int64, object, np.float64).index)


def in_numbers(costs: Any, dtype: Any) -> Any:
    """Return costs as an array of a type that `number_type` chose.

    Raises
    ------
    ChainError
        If an int beside floats is larger than any float.
    """
    try:
        return np.asarray(costs, dtype=dtype)
    except OverflowError:
        raise _too_large() from None


def added(costs: Iterable[Cost], nothing: Cost) -> Any:
    """Add costs one after the other, starting from ``nothing``: exactly if all are ints, else in floats.

    Raises
    ------
    ChainError
        If the sum is larger than any float.
    """
    try:
        total = sum(costs, nothing)
    except OverflowError:
        raise _too_large() from None
    if total == math.inf:
        raise _too_large()
    return total


def _too_large() -> ChainError:
    return ChainError("costs that are floats add up to more than 1.8e308, where floats end: give ints, or a larger unit")
