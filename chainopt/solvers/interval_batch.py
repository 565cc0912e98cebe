"""The interval program for many chains of the same length at once: compiled, chain after chain, in blocks side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.operations import GIVEN, PULLED, PUSHED, Mode
from chainopt.chain.factor_data import StageCosts
from chainopt.costs.multiplications import INT64_LIMIT
from chainopt.costs.stage_choices import NEVER, priced, stage_choices
from chainopt.kernels import interval_dp, policy, stages
from chainopt.solvers.base import Solutions, gathered
from chainopt.solvers.pure_modes import FORWARD, REVERSE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from chainopt.chain.chain import JacobianChain
    from chainopt.solvers.base import Problem, ProblemBatch, Solution
    from chainopt.typing import BoolArray, IntArray

CHAINS_PER_BLOCK = 4_096
LARGEST_LIMIT = 2**62


class Columns(NamedTuple):
    """What is known of the stages of N chains of n, each an (N, n) array, as `StageChoices` holds it for one chain."""

    leaves: IntArray
    ways: NDArray[np.int8]
    push: IntArray
    pull: IntArray
    matrix_free: BoolArray


def solve(batch: ProblemBatch, solve_one: Callable[[Problem], Solution]) -> Solutions:
    """Solve all chains; those whose costs may pass 2**63 one by one.

    Parameters
    ----------
    batch : ProblemBatch
        Chains whose products cost their sizes.
    solve_one : callable
        What solves one problem.
    """
    factors, count = batch.factors, len(batch.chains)
    spans = np.empty((count, 2, factors - 1), dtype=np.int32)
    costs, modes = np.zeros(count, dtype=object), np.empty(count, dtype=object)
    kinds, ways = np.zeros((count, factors - 1), dtype=np.int8), np.zeros((count, factors), dtype=np.int8)
    chains = [problem.chain for problem in batch.problems()] if batch.holds_sizes else batch.chains
    fits = np.array([_fits(chain) for chain in chains], dtype=bool)
    rows = np.flatnonzero(fits)
    if rows.size:
        by_kernel = _by_kernel([chains[row] for row in rows.tolist()], batch)
        spans[rows], costs[rows], modes[rows], kinds[rows], ways[rows] = by_kernel
    if not fits.all():
        rest = gathered([solve_one(batch.problem(row)) for row in np.flatnonzero(~fits).tolist()], factors)
        spans[~fits], costs[~fits], modes[~fits] = rest.spans, rest.costs, rest.modes
        kinds[~fits], ways[~fits] = rest.kinds, rest.ways
    return Solutions.optimal(spans, costs, modes, (kinds, ways))


def _fits(chain: JacobianChain) -> bool:
    """Whether all costs, those of the homogeneous sweeps too, are plainly below 2**63, and so are the tapes."""
    largest, factors = chain.largest, chain.sizes.size
    costs = chain.stage_costs
    dearest = 0 if costs is None else max([cost for column in costs for cost in column if cost is not None], default=0)
    return chain.batches is None and (factors + 2) * (largest**3 + (largest + 1) * dearest) < INT64_LIMIT


def _by_kernel(chains: Sequence[JacobianChain], batch: ProblemBatch) -> tuple[Any, ...]:
    """Return the spans, costs, modes, kinds and ways of chains whose costs fit."""
    sizes = np.array([chain.sizes for chain in chains], dtype=np.int64).reshape(len(chains), -1)
    columns = _columns(chains, sizes, batch)
    count, corners = sizes.shape
    spans = np.empty((count, 2, corners - 2), dtype=np.int32)
    kinds = np.empty((count, corners - 2), dtype=np.int8)
    costs = np.empty(count, dtype=np.int64)
    helpers = (interval_dp.fill_tile, interval_dp.trace, interval_dp.relax, interval_dp.relax_twice)
    solve_many = policy.compiled(interval_dp.solve_many, *helpers)

    def fill(begin: int) -> None:
        block = slice(begin, begin + CHAINS_PER_BLOCK)
        table = np.full((corners, corners), INT64_LIMIT - 1, dtype=np.int64)
        scratch = np.empty((2, 2 * corners), dtype=np.int64)
        choices = columns.leaves[block], columns.push[block], columns.pull[block]
        solve_many(sizes[block], *choices, table, scratch, spans[block], kinds[block], costs[block])

    with policy.side_by_side() as for_each:
        for_each(fill, range(0, count, CHAINS_PER_BLOCK))
    ways = columns.ways.copy()
    ways[:, :-1][kinds == PUSHED] = GIVEN
    ways[:, 1:][kinds == PULLED] = GIVEN
    modes = np.full(count, Mode.HYBRID, dtype=object)
    sweep_many = policy.compiled(stages.sweep_many, stages.sweep, stages.sweep_operations)
    for sweep in (REVERSE, FORWARD):  # forward goes first, so it is put last
        through = columns.push if sweep.mode is Mode.FORWARD else columns.pull
        stage = columns.matrix_free, through, columns.leaves, columns.ways
        ends = sweep.start(corners - 1), sweep.end(corners - 1)
        taken = np.empty(count, dtype=bool)
        sweep_many(sizes, *stage, *ends, sweep.through_kind, sweep.start_way, costs, kinds, ways, taken)
        spans[taken] = sweep.order(corners - 1).spans
        is_any = (corners < 4) & (columns.ways == GIVEN).all(axis=1)
        modes[taken] = np.where(is_any[taken], Mode.ANY, sweep.mode)
    return spans, costs, modes, kinds, ways


def _column(stage_costs: Sequence[StageCosts], column: int, factors: int) -> IntArray:
    costs = np.array([entry[column] for entry in stage_costs], dtype=object).reshape(-1, factors)
    costs[costs == None] = NEVER  # noqa: E711 -- element by element
    return costs.astype(np.int64)


def _columns(chains: Sequence[JacobianChain], sizes: IntArray, batch: ProblemBatch) -> Columns:
    factors = sizes.shape[1] - 1
    nothing = StageCosts((None,) * factors, (None,) * factors, (None,) * factors, (0,) * factors)
    stage_costs = [nothing if chain.stage_costs is None else priced(chain.stage_costs, batch.model) for chain in chains]
    jvp, vjp, accumulation, tape = (_column(stage_costs, column, factors) for column in range(len(nothing)))
    limit = NEVER if batch.tape_limit is None else int(min(batch.tape_limit, LARGEST_LIMIT))
    leaves, pull, ways = np.empty_like(jvp), np.empty_like(jvp), np.empty(jvp.shape, dtype=np.int8)
    choose_many = policy.compiled(stages.choose_many, stages.choose)
    choose_many(sizes, jvp, vjp, accumulation, tape, limit, leaves, ways, pull)
    stuck = np.flatnonzero((leaves < 0).any(axis=1))
    if stuck.size:
        stage_choices(chains[stuck[0]], batch.tape_limit, batch.model)  # which raises, and says why
    return Columns(leaves, ways, jvp, pull, (jvp >= 0) | (vjp >= 0))
