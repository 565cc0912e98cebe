"""The O(n^3) interval program over all bracketings: see `chainopt.kernels.interval_dp`."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.operations import Mode
from chainopt.chain.gain_bound import least_possible
from chainopt.costs.multiplications import INT64_LIMIT, MULTIPLICATIONS, largest_stack, neighbours, stack_table
from chainopt.kernels import interval_dp
from chainopt.kernels.policy import compiled, compiled_pays, thread_pool
from chainopt.solvers.pure_modes import forward, preferred, reverse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.solvers.base import Candidate

SECONDS_PER_STEP = 1.5e-7  # of the kernel as it stands, uncompiled; n**3 / 6 steps
UNTILED = 600  # up to here the table stays in the cache, and one call fills it
TILE = 128


def solve(chain: JacobianChain, choices: StageChoices) -> Candidate:
    """Find the cheapest bracketing, and where stages are matrix-free what is done with each of them."""
    if not choices.only_products and (pure := _nothing_to_gain(chain, choices)) is not None:
        return pure
    factors = len(chain)
    spans: Any = np.empty((2, factors - 1), dtype=np.int32)
    kinds: Any = np.empty(factors - 1, dtype=np.int8)
    weights = None if chain.batches is None else stack_table(chain.batches)
    most = bound(chain, choices)
    if chain.largest < INT64_LIMIT and most < INT64_LIMIT and compiled_pays(factors**3 / 6 * SECONDS_PER_STEP):
        sizes = chain.sizes
        table = np.full((factors + 1, factors + 1), INT64_LIMIT - 1, dtype=np.int64)
        held = None if weights is None else weights.astype(np.int64)
        columns: Any = [None] * 3 if choices.only_products else [np.array(column, dtype=np.int64) for column in _columns(choices)]
        fill_by_tiles(table, sizes, held, *columns)
        pending = np.empty(2 * factors + 2, dtype=np.int64)
        compiled(interval_dp.trace)(table, sizes, held, columns[1], columns[2], pending, spans, kinds)
        cost: Any = int(table[0, factors])
    else:
        exact = chain.sizes.tolist()
        rows = [[most + 1] * (factors + 1) for _ in range(factors + 1)]
        counts = None if weights is None else weights.tolist()
        lists: Any = [None] * 3 if choices.only_products else _columns(choices)
        leaves, push, pull = lists
        interval_dp.fill_tile(
            rows, exact, counts, leaves, push, pull, [0] * (factors + 1), 0, factors + 1, 0, factors + 1, factors + 1
        )
        interval_dp.trace(rows, exact, counts, push, pull, [0] * (2 * factors + 2), spans, kinds)
        cost = rows[0][factors]
    return preferred(chain, choices, (choices.bracketing(spans, kinds), cost, Mode.HYBRID), MULTIPLICATIONS)


def _nothing_to_gain(chain: JacobianChain, choices: StageChoices) -> Candidate | None:
    """Return the pure mode that costs no more than anything can."""
    least = least_possible(chain.dims, chain.stage_costs, chain.structures)
    if least is None:
        return None
    for sweep in (forward, reverse):
        pure = sweep(chain, choices, MULTIPLICATIONS)
        if pure is not None and pure[1] <= least:
            return pure
    return None


def _columns(choices: StageChoices) -> list[Any]:
    return [choices.leaves, choices.push, choices.pull]


def fill_by_tiles(table: NDArray[Any], sizes: NDArray[Any], *columns: NDArray[Any] | None) -> None:
    """Fill the table, a diagonal of tiles after the other; the tiles of a diagonal are independent and run side by side."""
    fill_tile = compiled(interval_dp.fill_tile, interval_dp.relax, interval_dp.relax_twice)
    width = len(sizes)
    if width <= UNTILED:
        fill_tile(table, sizes, *columns, np.empty_like(sizes), 0, width, 0, width, width)
        return
    begins = range(0, width, TILE)

    def fill(row: int, column: int) -> None:
        scale = np.empty_like(sizes)
        ends = min(row + TILE, width), min(column + TILE, width)
        fill_tile(table, sizes, *columns, scale, row, ends[0], column, ends[1], TILE)

    with thread_pool() as pool:
        for diagonal in range(len(begins)):
            for _ in pool.map(fill, begins[: len(begins) - diagonal], begins[diagonal:]):
                pass


def bound(chain: JacobianChain, choices: StageChoices) -> Any:
    """Return a bound on every value that the kernel forms, bad candidates included.

    With matrix-free stages every cell is at most the sum of all leaves and what the products of its matrices cost, and a
    candidate adds a sweep of at most the largest size through the most expensive stage.
    """
    sizes: list[int] = chain.sizes.tolist()
    one, two, three = [*heapq.nlargest(3, sizes), 1][:3]
    border = neighbours(sizes) + sizes[0] * sizes[-1]
    products = one * two * max(three, 1) + two * border
    if not choices.only_products:
        return products + sum(choices.leaves) + one * max(0, *choices.push, *choices.pull)
    return products if chain.batches is None else products * largest_stack(chain.batches)
