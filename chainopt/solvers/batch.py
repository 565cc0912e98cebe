"""Many dense chains of the same length at once: the compiled polygon kernel over blocks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.chain.chain import JacobianChain
from chainopt.costs.multiplications import INT64_LIMIT
from chainopt.kernels import polygon
from chainopt.kernels.policy import compiled, compiled_pays, thread_pool
from chainopt.solvers.polygon import MODES, SECONDS_PER_FACTOR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from chainopt.solvers.base import Candidate

CHAINS_PER_BLOCK = 4_096


class Solutions(NamedTuple):
    """What `Candidate` is for one chain, for N chains of n factors."""

    spans: NDArray[np.int32]  # (N, 2, n - 1)
    costs: NDArray[Any]  # (N,), int64, or Python ints where one is larger
    modes: NDArray[np.object_]  # (N,), of Mode
    kinds: NDArray[np.int8] | None = None  # (N, n - 1); None where all are products
    ways: NDArray[np.int8] | None = None  # (N, n)


def solve(dims: NDArray[Any], solver: Callable[[JacobianChain], Candidate], *, by_kernel: bool) -> Solutions:
    """Solve every row of an (N, n + 1) array; ``by_kernel`` where the polygon kernel may answer in place of the solver."""
    chains, factors = dims.shape[0], dims.shape[1] - 1
    spans = np.empty((chains, 2, factors - 1), dtype=np.int32)
    costs = np.zeros(chains, dtype=object)
    modes = np.empty(chains, dtype=object)
    quick = np.zeros(chains, dtype=bool)
    if by_kernel and chains and compiled_pays(chains * factors * SECONDS_PER_FACTOR):
        # In float64, whose error is far below the factor of two that is left.
        quick = dims.max(axis=1).astype(np.float64) ** 3 * (factors + 2) < INT64_LIMIT / 2
        rows = np.flatnonzero(quick)
        spans[rows], costs[rows], modes[rows] = _by_kernel(dims if rows.size == chains else dims[rows])[:3]
    for row in np.flatnonzero(~quick).tolist():
        bracketing, costs[row], modes[row] = solver(JacobianChain.from_dims(dims[row]))
        spans[row] = bracketing.spans
    if not chains or costs.max() < INT64_LIMIT:
        costs = costs.astype(np.int64)
    return Solutions(spans, costs, modes)


def gathered(solved: Sequence[Candidate], factors: int) -> Solutions:
    """Put solutions that were found one by one into arrays."""
    spans = np.zeros((len(solved), 2, factors - 1), dtype=np.int32)
    kinds, ways = np.zeros((len(solved), factors - 1), dtype=np.int8), np.zeros((len(solved), factors), dtype=np.int8)
    costs, modes = np.zeros(len(solved), dtype=object), np.empty(len(solved), dtype=object)
    for at, (bracketing, cost, mode) in enumerate(solved):
        spans[at], costs[at], modes[at] = bracketing.spans, cost, mode
        if bracketing.kinds is not None and bracketing.ways is not None:
            kinds[at], ways[at] = bracketing.kinds, bracketing.ways
    if any(isinstance(cost, float) for cost in costs):
        costs = costs.astype(np.float64)
    elif not len(solved) or costs.max() < INT64_LIMIT:
        costs = costs.astype(np.int64)
    return Solutions(spans, costs, modes, kinds, ways)


def _by_kernel(dims: NDArray[Any]) -> Solutions:
    sizes = np.ascontiguousarray(dims, dtype=np.int64)
    chains, corners = sizes.shape
    spans = np.empty((chains, 2, corners - 2), dtype=np.int32)
    costs = np.empty(chains, dtype=np.int64)
    codes = np.empty(chains, dtype=np.int8)
    bracket_many = compiled(polygon.bracket_many, polygon.bracket, polygon.meld)

    def fill(begin: int) -> None:
        block = slice(begin, begin + CHAINS_PER_BLOCK)
        scratch = np.empty((polygon.SCRATCH_ROWS, corners + 1), dtype=np.int64)
        bracket_many(sizes[block], scratch, spans[block], costs[block], codes[block])

    with thread_pool() as pool:
        for _ in pool.map(fill, range(0, chains, CHAINS_PER_BLOCK)):
            pass
    return Solutions(spans, costs, np.array(MODES, dtype=object)[codes])
