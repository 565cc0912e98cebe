"""Predicted seconds: the time of a product, interpolated between products that were measured; see `chainopt.calibration`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from chainopt.errors import ChainError, check_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainopt.typing import Cost, PlainDict

LARGEST = 1e300  # seconds, sizes and counts beyond are taken for this: sums of them stay finite

DEFAULT_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
DEFAULT_OVERHEAD = 1e-6  # seconds of a call from Python
DEFAULT_RATE = 1 / 25e9  # seconds per multiply-add of a product whose sizes are all large
DEFAULT_THIN_SIZE = 4  # a product with one size of 4 takes twice as long per multiply-add
DEFAULT_TRAFFIC = 8 / 40e9  # seconds for one number, at 40 GB/s: what is multiplied next is in a cache
DEFAULT_SPARSE_RATE = 1e-9


class _Place(NamedTuple):
    """Where sizes lie among those that were measured.

    Attributes
    ----------
    low : array of int
        The position of the measured size below.
    weight : array of float
        How far a size lies towards the next one, in logarithms.
    beyond : array of float
        The logarithm of how many times a size is the largest that was measured.
    is_empty : array of bool
        Whether a size is zero.
    """

    low: Any
    weight: Any
    beyond: Any
    is_empty: Any

    def between(self, low: Any, high: Any) -> Any:
        """Interpolate between what is known at the sizes below and above."""
        return low * (1 - self.weight) + high * self.weight


@dataclass(frozen=True, slots=True, repr=False)
class TimeModel:
    """The seconds that products take on one machine, with one BLAS and one number of threads.

    Parameters
    ----------
    sizes : tuple of int
        The sizes that were measured, from 1 up.
    seconds : tuple of float
        What a product of an m x k and a k x n matrix of float64 takes, as a caller in Python sees it, at every (m, k, n) of
        these sizes; n runs fastest, m slowest.
    sparse_seconds : float
        Seconds per multiply-add of diagonal, banded and sparse products.
    overhead : float
        Seconds of the smallest product.
    count_seconds : float
        Seconds per multiply-add of stages whose JVPs and VJPs have their costs in counts.
    source : str
        Where the times come from.

    Notes
    -----
    Between the measured sizes the logarithm of the time is interpolated linearly in the logarithms of the three sizes.
    Beyond the largest size the seconds per multiply-add stay what they are there.

    Examples
    --------
    >>> model = TimeModel((1, 10), (1e-6,) * 7 + (4e-6,), 2e-9, 1e-6, 1e-10, "an example")
    >>> model
    TimeModel(sizes=(1, 10), source='an example')
    >>> model.products(10, 10, 10), model.products(10, 10, 1000), model.products(0, 5, 5)
    (array(4.e-06), array(0.0004), array(1.e-06))
    >>> model.stage(0.25), f"{model.stage(1000):.3g}"
    (0.25, '1e-07')
    """

    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    sparse_seconds: float
    overhead: float
    count_seconds: float
    source: str

    @property
    def name(self) -> str:
        """What the objective is called in a plan."""
        return "time"

    @property
    def unit(self) -> str:
        """What it counts."""
        return "seconds"

    def __repr__(self) -> str:
        return f"TimeModel(sizes={self.sizes}, source={self.source!r})"

    def products(self, m: Any, k: Any, n: Any) -> NDArray[np.float64]:
        """Return the seconds of products of m x k and k x n matrices; sizes of any magnitude, which broadcast."""
        first, inner, last = (self._place(sizes) for sizes in (m, k, n))
        _, logs = _logarithms(self.sizes, self.seconds)
        sides = []
        for z in (last.low, last.low + 1):
            low, high = (first.between(logs[first.low, y, z], logs[first.low + 1, y, z]) for y in (inner.low, inner.low + 1))
            sides.append(inner.between(low, high) + (first.beyond + inner.beyond))
        return self._seconds(last.between(*sides) + last.beyond, first.is_empty | inner.is_empty | last.is_empty)

    def table(self, m: Any, k: Any, n: Any) -> NDArray[np.float64]:
        """Return what `products` does, to the last bit, for one m and all pairs of k and n, in less time."""
        first, inner, last = (self._place(sizes) for sizes in (m, np.reshape(k, (-1, 1)), n))
        _, logs = _logarithms(self.sizes, self.seconds)
        logs = first.between(logs[first.low], logs[first.low + 1])
        rows = inner.low[:, 0]
        logs = inner.between(logs[rows], logs[rows + 1]) + (first.beyond + inner.beyond)
        total = last.between(logs[:, last.low], logs[:, last.low + 1]) + last.beyond
        return self._seconds(total, first.is_empty | inner.is_empty | last.is_empty)

    def _place(self, given: Any) -> _Place:
        """Find sizes among those that were measured."""
        log_sizes, _ = _logarithms(self.sizes, self.seconds)
        sizes = _as_floats(given)
        logs = np.log(np.maximum(sizes, 1.0))
        inside = np.minimum(logs, log_sizes[-1])
        low = np.minimum(np.searchsorted(log_sizes, inside, side="right") - 1, len(self.sizes) - 2)
        weight = (inside - log_sizes[low]) / (log_sizes[low + 1] - log_sizes[low])
        return _Place(low, weight, logs - inside, sizes == 0)

    def _seconds(self, logs: Any, is_empty: Any) -> NDArray[np.float64]:
        seconds = np.asarray(np.exp(np.minimum(logs, math.log(LARGEST))))
        return np.where(is_empty, self.overhead, seconds) if np.any(is_empty) else seconds

    def structured(self, counts: Any) -> NDArray[np.float64]:
        """Return the seconds of products of structured matrices that need so many multiplications."""
        return np.asarray(self.overhead + _as_floats(counts) * self.sparse_seconds)

    def stage(self, cost: Cost) -> float:
        """Return the seconds of a JVP, a VJP or an accumulation: seconds as they are, counts at the calibrated rate."""
        return cost if isinstance(cost, float) else min(cost, int(LARGEST)) * self.count_seconds

    def to_dict(self) -> PlainDict:
        """Return the model as plain lists and numbers; see `from_dict`."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Make the model that `to_dict` wrote; a format, a version and a name may be given with it.

        Raises
        ------
        ChainError
            If an entry is missing or unknown, or cannot come from a measurement.
        """
        entries: PlainDict = data if isinstance(data, dict) else {}
        check_keys(entries, ("format", "version", "name", *cls.__slots__), "data of a time model")
        sizes: Any = entries.get("sizes")
        seconds: Any = entries.get("seconds")
        source: Any = entries.get("source")
        if not _is_grid(sizes):
            msg = 'data["sizes"] is not a grid: it must be a list of at least two increasing ints, the first of them 1'
            raise ChainError(msg)
        if not isinstance(seconds, list) or len(seconds) != len(sizes) ** 3 or not all(map(_is_time, seconds)):
            msg = f'data["seconds"] must be a list of {len(sizes) ** 3} positive, finite numbers, one for each triple of sizes'
            raise ChainError(msg)
        rates: list[Any] = [entries.get(key) for key in ("sparse_seconds", "overhead", "count_seconds")]
        if not all(map(_is_time, rates)):
            msg = 'data["sparse_seconds"], data["overhead"] and data["count_seconds"] must be positive, finite numbers'
            raise ChainError(msg)
        if not isinstance(source, str):
            msg = 'data["source"] must be a string that says where the times come from'
            raise ChainError(msg)
        sparse_seconds, overhead, count_seconds = map(float, rates)
        return cls(tuple(sizes), tuple(map(float, seconds)), sparse_seconds, overhead, count_seconds, source)


@lru_cache(maxsize=8)
def _logarithms(sizes: tuple[int, ...], seconds: tuple[float, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.log(sizes), np.log(seconds).reshape((len(sizes),) * 3)


def _as_floats(numbers: Any) -> NDArray[np.float64]:
    """Turn ints of any magnitude into floats, the largest of which still allow calculations."""
    sizes = np.asarray(numbers)
    if sizes.dtype == object:  # an int beyond 1e308 is no float, so it is cut before
        sizes = np.asarray(np.minimum(sizes, int(LARGEST)))
    return sizes.astype(np.float64)


def _is_grid(sizes: Any) -> bool:
    if not isinstance(sizes, list) or len(sizes) < 2 or any(type(size) is not int for size in sizes):
        return False
    return sizes[0] == 1 and sizes == sorted(set(sizes)) and sizes[-1] < 2**31


def _is_time(seconds: Any) -> bool:
    return type(seconds) in {int, float} and 0 < seconds <= LARGEST and float(seconds) > 0


def _default() -> TimeModel:
    sizes = np.array(DEFAULT_SIZES, dtype=np.float64)
    m, k, n = sizes[:, None, None], sizes[:, None], sizes
    arithmetic = m * k * n * DEFAULT_RATE * (1 + DEFAULT_THIN_SIZE * (1 / m + 1 / k + 1 / n))
    traffic = (m * k + k * n + m * n) * DEFAULT_TRAFFIC
    seconds = DEFAULT_OVERHEAD + np.maximum(arithmetic, traffic)
    return TimeModel(
        sizes=DEFAULT_SIZES,
        seconds=tuple(seconds.ravel().tolist()),
        sparse_seconds=DEFAULT_SPARSE_RATE,
        overhead=DEFAULT_OVERHEAD,
        count_seconds=(1 + DEFAULT_THIN_SIZE) * DEFAULT_RATE,
        source="default, not measured: run chainopt calibrate",
    )


DEFAULT = _default()
"""A roofline for where nothing was measured: 1 microsecond a call, then the slower of arithmetic and memory.

Arithmetic is 25e9 multiply-adds a second, divided by 1 + 4/m + 4/k + 4/n: thin products are slower, one with a vector by a
factor of 5, which is also the rate of counted stages. Memory gives 40 GB/s, each matrix once. Structured products take 1 ns a
multiply-add.
"""
