"""Many chains of matrix-free stages at once: the compiled interval program, chain after chain, in blocks side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import BY_JVPS, BY_VJPS, GIVEN, OTHERWISE, PULLED, PUSHED, Mode
from chainopt.chain.factor_data import StageCosts
from chainopt.costs.multiplications import INT64_LIMIT
from chainopt.costs.stage_choices import NEVER, stage_choices
from chainopt.kernels import interval_dp
from chainopt.kernels.policy import compiled, compiled_pays, thread_pool
from chainopt.solvers import interval
from chainopt.solvers.batch import CHAINS_PER_BLOCK, Solutions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chainopt.chain.chain import JacobianChain

    Ints = NDArray[np.int64]


class Columns(NamedTuple):
    """The choices of N chains of n stages, each an (N, n) array, as `StageChoices` holds those of one chain."""

    leaves: Ints
    ways: NDArray[np.int8]
    push: Ints
    pull: Ints
    is_matrix_free: NDArray[np.bool_]


class Found(NamedTuple):
    """What the kernel found, in arrays that are written to once more: `Solutions` with all its columns."""

    spans: NDArray[np.int32]
    costs: Ints
    modes: NDArray[np.object_]
    kinds: NDArray[np.int8]
    ways: NDArray[np.int8]


def solve(chains: Sequence[JacobianChain], tape_limit: float | None) -> Solutions:
    """Solve all chains; those whose costs may pass 2**63, or all where Numba would not pay, one by one."""
    factors = len(chains[0])
    quick = np.zeros(len(chains), dtype=bool)
    spans = np.empty((len(chains), 2, factors - 1), dtype=np.int32)
    costs, modes = np.zeros(len(chains), dtype=object), np.empty(len(chains), dtype=object)
    kinds, ways = np.zeros((len(chains), factors - 1), dtype=np.int8), np.zeros((len(chains), factors), dtype=np.int8)
    if compiled_pays(len(chains) * factors**3 / 6 * interval.SECONDS_PER_STEP):
        quick = np.array([_fits(chain) for chain in chains])
        rows = np.flatnonzero(quick)
        if rows.size:
            found = _by_kernel([chains[row] for row in rows.tolist()], tape_limit)
            spans[rows], costs[rows], modes[rows], kinds[rows], ways[rows] = found
    for row in np.flatnonzero(~quick).tolist():
        chain = chains[row]
        bracketing, costs[row], modes[row] = interval.solve(chain, stage_choices(chain, tape_limit))
        spans[row] = bracketing.spans
        if bracketing.kinds is not None and bracketing.ways is not None:
            kinds[row], ways[row] = bracketing.kinds, bracketing.ways
    return Solutions(spans, costs.astype(np.int64) if costs.max() < INT64_LIMIT else costs, modes, kinds, ways)


def _fits(chain: JacobianChain) -> bool:
    """Whether all costs, those of the homogeneous sweeps too, are plainly below 2**63."""
    largest, factors = chain.largest, chain.sizes.size
    costs = chain.stage_costs
    dearest = 0 if costs is None else max([cost for column in costs[:3] for cost in column if cost is not None], default=0)
    return (factors + 2) * (largest**3 + (largest + 1) * dearest) < INT64_LIMIT


def _by_kernel(chains: Sequence[JacobianChain], tape_limit: float | None) -> Found:
    sizes = np.array([chain.sizes for chain in chains], dtype=np.int64).reshape(len(chains), -1)
    columns = _columns(chains, sizes, tape_limit)
    count, corners = sizes.shape
    spans = np.empty((count, 2, corners - 2), dtype=np.int32)
    kinds = np.empty((count, corners - 2), dtype=np.int8)
    costs = np.empty(count, dtype=np.int64)
    solve_many = compiled(
        interval_dp.solve_many, interval_dp.fill_tile, interval_dp.trace, interval_dp.relax, interval_dp.relax_twice
    )

    def fill(begin: int) -> None:
        block = slice(begin, begin + CHAINS_PER_BLOCK)
        table = np.full((corners, corners), INT64_LIMIT - 1, dtype=np.int64)
        scratch = np.empty((2, 2 * corners), dtype=np.int64)
        choices = columns.leaves[block], columns.push[block], columns.pull[block]
        solve_many(sizes[block], *choices, table, scratch, spans[block], kinds[block], costs[block])

    with thread_pool() as pool:
        for _ in pool.map(fill, range(0, count, CHAINS_PER_BLOCK)):
            pass
    ways = columns.ways.copy()
    ways[:, :-1][kinds == PUSHED] = GIVEN
    ways[:, 1:][kinds == PULLED] = GIVEN
    found = Found(spans, costs, np.full(count, Mode.HYBRID, dtype=object), kinds, ways)
    for mode in (Mode.REVERSE, Mode.FORWARD):  # forward goes first, so it is put last
        _prefer(mode, found, sizes, columns)
    return found


def _columns(chains: Sequence[JacobianChain], sizes: Ints, tape_limit: float | None) -> Columns:
    factors = sizes.shape[1] - 1
    nothing = StageCosts((None,) * factors, (None,) * factors, (None,) * factors, (0,) * factors)
    stage_costs = [chain.stage_costs or nothing for chain in chains]

    def column(name: str) -> Ints:
        values = np.array([getattr(costs, name) for costs in stage_costs], dtype=object).reshape(-1, factors)
        values[values == None] = NEVER  # noqa: E711 -- element by element
        return values.astype(np.int64)

    jvp, vjp, accumulation, tape = map(column, StageCosts._fields)
    pull = vjp if tape_limit is None else np.where(tape <= tape_limit, vjp, NEVER)
    by_jvps, by_vjps = jvp * sizes[:, 1:], pull * sizes[:, :-1]
    backwards = (pull >= 0) & ((jvp < 0) | (by_vjps < by_jvps))
    is_matrix_free = (jvp >= 0) | (vjp >= 0)
    known = accumulation >= 0
    ways = np.select([known, ~is_matrix_free, backwards], [OTHERWISE, GIVEN, BY_VJPS], BY_JVPS)
    leaves = np.select([known, ~is_matrix_free, backwards], [accumulation, 0, by_vjps], by_jvps)
    stuck = np.flatnonzero((is_matrix_free & ~known & (jvp < 0) & (pull < 0)).any(axis=1))
    if stuck.size:
        stage_choices(chains[stuck[0]], tape_limit)  # which raises, and says why
    return Columns(leaves, ways.astype(np.int8), jvp, pull, is_matrix_free)


def _prefer(mode: Mode, found: Found, sizes: Ints, columns: Columns) -> None:
    """Put a homogeneous sweep in the place of what costs the same."""
    is_forward = mode is Mode.FORWARD
    factors = sizes.shape[1] - 1
    start = factors - 1 if is_forward else 0
    vectors = sizes[:, -1:] if is_forward else sizes[:, :1]
    through = columns.push if is_forward else columns.pull
    free = columns.is_matrix_free
    products = vectors * sizes[:, :-1] * sizes[:, 1:]
    products[:, start] = 0
    swept = np.where(free, vectors * through, columns.leaves + products)
    known = free[:, start] & (columns.ways[:, start] == OTHERWISE)
    swept[known, start] = columns.leaves[known, start]
    same = (~(free & (through < 0)).any(axis=1)) & (swept.sum(axis=1) <= found.costs)
    order = Bracketing.right_to_left(factors) if is_forward else Bracketing.left_to_right(factors)
    found.modes[same] = Mode.ANY if factors < 3 else mode
    found.modes[same & free.any(axis=1) | same & (columns.ways == OTHERWISE).any(axis=1)] = mode
    found.spans[same] = order.spans
    rest = np.delete(np.arange(factors), start)
    found.kinds[same] = np.where(free[same][:, rest], PUSHED if is_forward else PULLED, 0)
    ways = np.where(free, GIVEN, columns.ways)
    ways[:, start] = np.where(free[:, start] & ~known, BY_JVPS if is_forward else BY_VJPS, columns.ways[:, start])
    found.ways[same] = ways[same]
