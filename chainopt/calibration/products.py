"""Timing products of matrices of many shapes, and of sparse ones."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from itertools import product
from operator import matmul, mul
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.costs.time import TimeModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

# Vectors are a case of their own in NumPy, thin matrices in BLAS; few large sizes are powers of two, which caches dislike.
SIZES = (1, 2, 3, 4, 6, 12, 25, 50, 100, 200, 400, 700, 1000)
SWEEPS = 6
VISIT = 5e-4  # seconds that a short product is repeated for, in each sweep
GROUP = 5e-5  # seconds between two looks at the clock
LONG = 1e-2  # what takes longer than that is measured in two sweeps only
BUDGET = 15.0  # seconds after which nothing is measured a second time
SPIKE = 8  # a vector can take four times as long as a thin matrix, a disturbance a thousand times


def measure(
    sizes: Sequence[int] = SIZES,
    *,
    sweeps: int = SWEEPS,
    visit: float = VISIT,
    source: str = "measured",
    report: Callable[[float], None] | None = None,
) -> TimeModel:
    """Time products of all shapes of a grid, without keeping the times.

    Every shape is visited in several sweeps for at least ``visit`` seconds and one product, so that what disturbs the machine
    for a while does not disturb all measurements of a shape; the least time counts. ``report`` is told the share done.

    Examples
    --------
    >>> model = measure((1, 8, 64), sweeps=1, visit=1e-5)
    >>> len(model.seconds), model.sizes, model.source
    (27, (1, 8, 64), 'measured')
    """
    rng = np.random.default_rng(0)
    # Operands begin at places that differ, as those of any two matrices do: with the same low bits they share cache lines.
    entries = sizes[-1] ** 2
    left, right = rng.random(entries), rng.random(entries + 1234)[1234:]
    shapes = list(product(sizes, repeat=3))
    best = dict.fromkeys(shapes, np.inf)
    begin = perf_counter()
    for sweep in range(sweeps):
        for at, shape in enumerate(shapes):
            if sweep > 0 and perf_counter() - begin > BUDGET:
                break
            m, k, n = shape
            if sweep < 2 or best[shape] < LONG:
                a, b = left[: m * k].reshape(m, k), right[: k * n].reshape(k, n)
                best[shape] = _least_time(partial(matmul, a, b), best[shape], visit)
            if report is not None and at % 20 == 0:
                report((sweep + at / len(shapes)) / sweeps)
    if report is not None:
        report(1.0)
    size = sizes[-1]
    return TimeModel(
        sizes=tuple(sizes),
        seconds=tuple(_without_spikes(np.reshape(list(best.values()), (len(sizes),) * 3)).ravel().tolist()),
        sparse_seconds=_sparse_seconds(size),
        overhead=min(best.values()),
        count_seconds=best[size, size, 1] / size**2,
        source=source,
    )


def _without_spikes(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take what takes much longer than a product that is larger in every size for a disturbance of the machine."""
    least = seconds
    for axis in range(seconds.ndim):
        least = np.flip(np.minimum.accumulate(np.flip(least, axis), axis), axis)
    return np.minimum(seconds, SPIKE * least)


def _least_time(call: Callable[[], Any], known: float, seconds: float) -> float:
    """Return the least time of one call, as far as it is known or found within some seconds."""
    end = perf_counter() + seconds
    now = 0.0
    loops = 1 if known == np.inf else max(1, int(GROUP / known))
    while now < end:
        begin = perf_counter()
        for _ in range(loops):
            call()
        now = perf_counter()
        if (now - begin) / loops < known:
            known = (now - begin) / loops
            loops = max(1, int(GROUP / max(known, 1e-9)))
    return max(known, 1e-9)


def _sparse_seconds(size: int) -> float:
    """Time a band times a dense matrix in SciPy's sparse form; without SciPy, a diagonal times it."""
    dense = np.random.default_rng(0).random((size, min(size, 50)))
    if find_spec("scipy") is None:
        diagonal = np.linspace(1, 2, size)[:, None]
        return _least_time(partial(mul, diagonal, dense), np.inf, 20 * VISIT) / dense.size
    from scipy import sparse

    band = sparse.csr_array(np.tri(size, k=4) - np.tri(size, k=-5))
    return _least_time(partial(matmul, band, dense), np.inf, 20 * VISIT) / int(band.nnz * dense.shape[1])
