"""The O(n^3) interval program, for chains whose products cost their sizes: see `chainopt.kernels.interval_dp`."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.operations import Mode
from chainopt.chain.gain_bound import least_possible
from chainopt.costs.multiplications import INT64_LIMIT, largest_stack, neighbors, stack_table
from chainopt.kernels import interval_dp, policy
from chainopt.solvers import interval_batch
from chainopt.solvers.base import Candidate, Method, needs_one_worker
from chainopt.solvers.pure_modes import FORWARD, REVERSE, preferred

if TYPE_CHECKING:
    from chainopt.solvers.base import Problem, ProblemBatch, Solution, Solutions
    from chainopt.typing import Cost, NumpyArray

SECONDS_PER_STEP = 1.5e-7  # of the kernel as it stands, uncompiled; n**3 / 6 steps
UNTILED = 600  # up to here the table stays in the cache, and one call fills it
TILE = 128


class Interval(Method):
    """See the module."""

    name = "interval"
    handles_many_chains = True

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        if problem.workers != 1 or problem.counts_sizes:
            return needs_one_worker(problem)
        return "needs dense matrices and counts their multiplications"

    def solve(self, problem: Problem) -> Solution:
        """Find the cheapest bracketing, and where stages are matrix-free what is done with each of them."""
        if not problem.choices.only_products and (pure := _nothing_to_gain(problem)) is not None:
            return self.answer(pure)
        return self.answer(preferred(problem, _cheapest(problem)))

    def solve_many(self, batch: ProblemBatch) -> Solutions:
        """Let the compiled kernel go through all chains whose costs fit, where Numba pays; solve the others one by one."""
        if not policy.compiled_pays(len(batch.chains) * batch.factors**3 / 6 * SECONDS_PER_STEP):
            return super().solve_many(batch)
        return interval_batch.solve(batch, self.solve)


METHOD = Interval()


def _cheapest(problem: Problem) -> Candidate:
    chain, choices = problem.chain, problem.choices
    factors = len(chain)
    spans: Any = np.empty((2, factors - 1), dtype=np.int32)
    kinds: Any = np.empty(factors - 1, dtype=np.int8)
    weights = None if chain.batches is None else stack_table(chain.batches)
    columns: list[Any] = [None] * 3 if choices.only_products else [choices.leaves, choices.push, choices.pull]
    most = bound(problem)
    fits = chain.largest < INT64_LIMIT > most and all(column is None or sum(column) < INT64_LIMIT for column in columns)
    if fits and policy.compiled_pays(factors**3 / 6 * SECONDS_PER_STEP):
        sizes = chain.sizes
        table = np.full((factors + 1, factors + 1), INT64_LIMIT - 1, dtype=np.int64)
        weights = None if weights is None else weights.astype(np.int64)
        columns = [None if column is None else np.array(column, dtype=np.int64) for column in columns]
        fill_by_tiles(table, sizes, weights, *columns)
        pending = np.empty(2 * factors + 2, dtype=np.int64)
        policy.compiled(interval_dp.trace)(table, sizes, weights, *columns[1:], pending, spans, kinds)
        cost: Cost = int(table[0, factors])
    else:
        exact = chain.sizes.tolist()
        rows = [[most + 1] * (factors + 1) for _ in range(factors + 1)]
        counts = None if weights is None else weights.tolist()
        width = factors + 1
        leaves, push, pull = columns
        interval_dp.fill_tile(rows, exact, counts, leaves, push, pull, [0] * width, 0, width, 0, width, width)
        interval_dp.trace(rows, exact, counts, push, pull, [0] * (2 * width), spans, kinds)
        cost = rows[0][factors]
    return Candidate(choices.bracketing(spans, kinds), cost, Mode.HYBRID)


def _nothing_to_gain(problem: Problem) -> Candidate | None:
    """Return the pure mode if nothing can cost less."""
    chain = problem.chain
    least = least_possible(chain.dims, chain.stage_costs, chain.structures)
    if least is None:
        return None
    return FORWARD.candidate(problem, least) or REVERSE.candidate(problem, least)


def fill_by_tiles(table: NumpyArray, sizes: NumpyArray, *columns: NumpyArray | None) -> None:
    """Fill the table, one diagonal of tiles after the other; the tiles of a diagonal are independent and run side by side."""
    fill_tile = policy.compiled(interval_dp.fill_tile, interval_dp.relax, interval_dp.relax_twice)
    width = len(sizes)
    if width <= UNTILED:
        fill_tile(table, sizes, *columns, np.empty_like(sizes), 0, width, 0, width, width)
        return
    begins = range(0, width, TILE)

    def fill(row: int, column: int) -> None:
        scale = np.empty_like(sizes)
        ends = min(row + TILE, width), min(column + TILE, width)
        fill_tile(table, sizes, *columns, scale, row, ends[0], column, ends[1], TILE)

    with policy.side_by_side() as for_each:
        for diagonal in range(len(begins)):
            for_each(fill, begins[: len(begins) - diagonal], begins[diagonal:])


def bound(problem: Problem) -> Any:
    """Return a bound on every value that the kernel forms, bad candidates included.

    With matrix-free stages every cell is at most the sum of all leaves and what the products of its matrices cost, and a
    candidate adds a sweep of at most the largest size through the most expensive stage.
    """
    chain, choices = problem.chain, problem.choices
    sizes: list[int] = chain.sizes.tolist()
    one, two, three = [*heapq.nlargest(3, sizes), 1][:3]
    border = neighbors(sizes) + sizes[0] * sizes[-1]
    products = one * two * max(three, 1) + two * border
    if not choices.only_products:
        return products + sum(choices.leaves) + one * max(0, *choices.push, *choices.pull)
    return products if chain.batches is None else products * largest_stack(chain.batches)
