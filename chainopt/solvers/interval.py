"""The O(n^3) interval program over all bracketings: see `chainopt.kernels.interval_dp`."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing import Bracketing
from chainopt.costs.multiplications import INT64_LIMIT, is_small, largest_stack, neighbours
from chainopt.kernels import interval_dp
from chainopt.kernels.compiling import compiled
from chainopt.kernels.threads import thread_pool
from chainopt.solvers.homogeneous import preferred
from chainopt.solvers.warmth import compiled_pays

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainopt.chain import JacobianChain
    from chainopt.solvers.solution import Solution

SECONDS_PER_STEP = 1.5e-7  # of the kernel as it stands, uncompiled; n**3 / 6 steps
UNTILED = 600  # up to here the table stays in the cache, and one call fills it
TILE = 128


def solve(chain: JacobianChain) -> Solution:
    """Find the cheapest bracketing of a chain of at least three factors."""
    factors = len(chain)
    spans: Any = np.empty((2, factors - 1), dtype=np.int32)
    weights = None if chain.batches is None else stack_table(chain.batches)
    if fits_int64(chain) and compiled_pays(factors**3 / 6 * SECONDS_PER_STEP):
        sizes = chain.sizes
        table = np.full((factors + 1, factors + 1), INT64_LIMIT - 1, dtype=np.int64)
        held = None if weights is None else weights.astype(np.int64)
        fill_by_tiles(table, sizes, held)
        pending = np.empty(2 * factors + 2, dtype=np.int64)
        compiled(interval_dp.trace)(table, sizes, held, pending, spans)
        cost = int(table[0, factors])
    else:
        exact = chain.sizes.tolist()
        rows = [[bound(chain) + 1] * (factors + 1) for _ in range(factors + 1)]
        counts = None if weights is None else weights.tolist()
        scale = [0] * (factors + 1)
        interval_dp.fill_tile(rows, exact, counts, scale, 0, factors + 1, 0, factors + 1, factors + 1)
        interval_dp.trace(rows, exact, counts, [0] * (2 * factors + 2), spans)
        cost = rows[0][factors]
    return preferred(chain, Bracketing(spans), cost)


def fill_by_tiles(table: NDArray[Any], sizes: NDArray[Any], weights: NDArray[Any] | None) -> None:
    """Fill the table, a diagonal of tiles after the other; the tiles of a diagonal are independent and run side by side."""
    fill_tile = compiled(interval_dp.fill_tile, interval_dp.relax, interval_dp.relax_twice)
    width = len(sizes)
    if width <= UNTILED:
        fill_tile(table, sizes, weights, np.empty_like(sizes), 0, width, 0, width, width)
        return
    begins = range(0, width, TILE)

    def fill(row: int, column: int) -> None:
        scale = np.empty_like(sizes)
        fill_tile(table, sizes, weights, scale, row, min(row + TILE, width), column, min(column + TILE, width), TILE)

    with thread_pool() as pool:
        for diagonal in range(len(begins)):
            for _ in pool.map(fill, begins[: len(begins) - diagonal], begins[diagonal:]):
                pass


def stack_table(batches: tuple[tuple[int, ...], ...]) -> NDArray[Any]:
    """Return how many matrices the stack of a product of the factors ``i..j-1`` holds, as Python ints at ``[i, j]``."""
    count = len(batches)
    depth = max(map(len, batches))
    table = np.ones((count + 1, count + 1), dtype=object)
    axes = np.array([(1,) * (depth - len(batch)) + batch for batch in batches], dtype=object).reshape(count, depth)
    for i in range(count):
        widest = np.maximum.accumulate(axes[i:], axis=0)
        empty = np.logical_or.accumulate(axes[i:] == 0, axis=0)
        table[i, i + 1 :] = np.where(empty, 0, widest).prod(axis=1)
    return table


def fits_int64(chain: JacobianChain) -> bool:
    """Whether no value that the kernel forms passes 2**63; the bound is derived in its docstring."""
    return is_small(chain) or (chain.largest < INT64_LIMIT and bound(chain) < INT64_LIMIT)


def bound(chain: JacobianChain) -> int:
    """Return a bound on every value that the kernel forms, bad candidates included."""
    sizes: list[int] = chain.sizes.tolist()
    one, two, three = [*heapq.nlargest(3, sizes), 1][:3]
    border = neighbours(sizes) + sizes[0] * sizes[-1]
    return (one * two * max(three, 1) + two * border) * (1 if chain.batches is None else largest_stack(chain.batches))
