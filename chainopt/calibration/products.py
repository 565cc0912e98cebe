"""Timing products of matrices of many shapes, and of sparse ones."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from operator import matmul, mul
from time import perf_counter
from typing import TYPE_CHECKING

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
SPIKE = 2  # times a product that is larger in every size: threads that wait for each other take a hundred times as long
MENDING = 3.0  # seconds after which no spike is measured again


def measure(
    sizes: Sequence[int] = SIZES,
    *,
    sweeps: int = SWEEPS,
    visit: float = VISIT,
    source: str = "measured",
    report: Callable[[float], None] | None = None,
) -> TimeModel:
    """Time products of all shapes of a grid, without keeping the times.

    Every shape is visited in several sweeps, so that a short disturbance does not spoil all measurements of a shape; the
    least time counts.

    Parameters
    ----------
    sizes : sequence of int
        The sizes of the grid, ascending: all shapes (m, k, n) of them are timed.
    sweeps : int
        How often every shape is visited, while there is time; long products are visited twice at most.
    visit : float
        The least seconds that a visit takes; one product is always timed.
    source : str
        Where the times come from, as a plan shows it.
    report : callable, optional
        Called with the share that is done, from 0 to 1.

    Examples
    --------
    >>> model = measure((1, 8, 64), sweeps=1, visit=1e-5)
    >>> len(model.seconds), model.sizes, model.source
    (27, (1, 8, 64), 'measured')
    """
    rng = np.random.default_rng(0)
    # Operands begin at places that differ, as those of any two matrices do: with the same low bits they share cache lines.
    entries = sizes[-1] ** 2
    operands = rng.random(entries), rng.random(entries + 1234)[1234:]
    best = np.full((len(sizes),) * 3, np.inf)

    def visit_again(cell: tuple[int, ...]) -> None:
        m, k, n = (sizes[index] for index in cell)
        a, b = operands[0][: m * k].reshape(m, k), operands[1][: k * n].reshape(k, n)
        best[cell] = _least_time(partial(matmul, a, b), best[cell], visit)

    begin = perf_counter()
    for sweep in range(sweeps):
        for visited, cell in enumerate(np.ndindex(best.shape)):
            if sweep > 0 and perf_counter() - begin > BUDGET:
                break
            if sweep < 2 or best[cell] < LONG:
                visit_again(cell)
            if report is not None and visited % 20 == 0:
                report((sweep + visited / best.size) / sweeps)
    end = perf_counter() + MENDING
    while (spikes := np.argwhere(best > _ceilings(best))).size and perf_counter() < end:
        for spike in spikes.tolist():
            visit_again(tuple(spike))
    if report is not None:
        report(1.0)
    return TimeModel(
        sizes=tuple(sizes),
        seconds=tuple(np.minimum(best, _ceilings(best)).ravel().tolist()),
        sparse_seconds=_sparse_seconds(sizes[-1]),
        overhead=float(best.min()),
        count_seconds=float(best[-1, -1, 0]) / entries,
        source=source,
    )


def _ceilings(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what undisturbed products take at most.

    Larger products do not take less time. But those of a column with a row, whose inner size is 1, are not work for BLAS: NumPy
    takes up to seven times as long for them as for larger matrices, so they are compared among themselves.
    """
    ceilings = SPIKE * seconds
    for part in (ceilings[:, :1], ceilings[:, 1:]):
        for axis in range(part.ndim):
            part[:] = np.flip(np.minimum.accumulate(np.flip(part, axis), axis), axis)
    return ceilings


def _least_time(call: Callable[[], object], known: float, seconds: float) -> float:
    """Return the least time of one call.

    Parameters
    ----------
    call : callable
        What is timed.
    known : float
        The least time so far; infinity before the first visit.
    seconds : float
        How long it is repeated.
    """
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
