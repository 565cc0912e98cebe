"""Hu and Shing's O(n log n) method for dense chains: see `chainopt.kernels.polygon`."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import Mode
from chainopt.costs.multiplications import INT64_LIMIT, MULTIPLICATIONS, is_small, neighbors
from chainopt.kernels import policy, polygon
from chainopt.solvers.base import Candidate, Method, Solution, Solutions, gathered, needs_dense_products
from chainopt.solvers.pure_modes import preferred

if TYPE_CHECKING:
    from chainopt.chain.chain import JacobianChain
    from chainopt.solvers.base import Problem, ProblemBatch
    from chainopt.typing import SizeArray

MODES = (Mode.FORWARD, Mode.REVERSE, Mode.HYBRID)  # as the kernel numbers them
_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)  # made once: with a type, each small array takes twice as long
SECONDS_PER_FACTOR = 2.5e-6  # of the kernel as it stands, uncompiled
CHAINS_PER_BLOCK = 4_096


class Polygon(Method):
    """See the module."""

    name = "polygon"

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        chain = problem.chain
        is_plain = chain.details is None and problem.model is MULTIPLICATIONS and problem.workers == 1
        refusal = None if is_plain else needs_dense_products(problem)
        if refusal is not None:
            return refusal
        if chain.sizes.size < 4:
            return "needs three factors"
        if chain.details is not None and chain.batches is not None and len({*chain.batches}) > 1:
            return "needs stacks of equal shape"
        return None

    def solve(self, problem: Problem) -> Solution:
        """Find the cheapest triangulation of the polygon whose corners are the sizes."""
        chain = problem.chain
        factors = chain.sizes.size - 1
        spans: Any = np.empty((2, factors - 1), _INT32)
        if (is_small(chain) or fits_int64(chain)) and policy.compiled_pays(factors * SECONDS_PER_FACTOR):
            scratch = np.empty((polygon.SCRATCH_ROWS, factors + 2), _INT64)
            cost, mode = policy.compiled(polygon.bracket, polygon.meld)(chain.sizes, scratch, spans)
        else:
            lists = [[0] * (factors + 2) for _ in range(polygon.SCRATCH_ROWS)]
            cost, mode = polygon.bracket(chain.sizes.tolist(), lists, spans)
        if chain.details is None or chain.batches is None:
            answer = Bracketing(spans), cost, MODES[mode], True, cost, "polygon", None, ()
            return tuple.__new__(Solution, answer)  # in half the time
        cost *= math.prod(chain.batches[0])
        return self.answer(preferred(problem, Candidate(Bracketing(spans), cost, MODES[mode])))

    def solve_many(self, batch: ProblemBatch) -> Solutions:
        """Let the compiled kernel go through all rows whose costs fit, where Numba pays; solve the others one by one."""
        if not batch.holds_sizes:
            return super().solve_many(batch)
        sizes, factors = np.asarray(batch.chains), batch.factors
        chains = len(sizes)
        spans = np.empty((chains, 2, factors - 1), dtype=np.int32)
        costs, modes = np.zeros(chains, dtype=object), np.empty(chains, dtype=object)
        fits = np.zeros(chains, dtype=bool)
        if chains and policy.compiled_pays(chains * factors * SECONDS_PER_FACTOR):
            # In float64, whose error is far below the factor of two that is left.
            fits = sizes.max(axis=1).astype(np.float64) ** 3 * (factors + 2) < INT64_LIMIT / 2
            rows = np.flatnonzero(fits)
            spans[rows], costs[rows], modes[rows] = _by_kernel(sizes if rows.size == chains else sizes[rows])
        if not fits.all():
            rest = gathered([self.solve(batch.problem(row)) for row in np.flatnonzero(~fits).tolist()], factors)
            spans[~fits], costs[~fits], modes[~fits] = rest.spans, rest.costs, rest.modes
        return Solutions.optimal(spans, costs, modes)


METHOD = Polygon()


def fits_int64(chain: JacobianChain) -> bool:
    """Whether no value that the kernel forms passes 2**63; the bound is derived in its docstring."""
    return chain.largest < INT64_LIMIT and bound(chain.sizes.tolist()) < INT64_LIMIT


def bound(sizes: list[int]) -> int:
    """Return a bound on every value that the kernel forms."""
    second = heapq.nlargest(2, sizes)[1]
    return second * (neighbors(sizes) + sizes[0] * sizes[-1])


def _by_kernel(rows: SizeArray) -> tuple[Any, Any, Any]:
    """Return the spans, costs and modes of chains, a row of sizes each, in blocks side by side."""
    sizes = np.ascontiguousarray(rows, dtype=np.int64)
    chains, corners = sizes.shape
    spans = np.empty((chains, 2, corners - 2), dtype=np.int32)
    costs = np.empty(chains, dtype=np.int64)
    codes = np.empty(chains, dtype=np.int8)
    bracket_many = policy.compiled(polygon.bracket_many, polygon.bracket, polygon.meld)

    def fill(begin: int) -> None:
        block = slice(begin, begin + CHAINS_PER_BLOCK)
        scratch = np.empty((polygon.SCRATCH_ROWS, corners + 1), dtype=np.int64)
        bracket_many(sizes[block], scratch, spans[block], costs[block], codes[block])

    with policy.side_by_side() as for_each:
        for_each(fill, range(0, chains, CHAINS_PER_BLOCK))
    return spans, costs, np.array(MODES, dtype=object)[codes]
