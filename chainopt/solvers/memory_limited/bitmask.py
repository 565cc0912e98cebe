"""A search of all states of a short chain, each the set of matrices alive: see `chainopt.kernels.memory_bitmask_dp`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.operations import ACCUMULATED, GIVEN, PULLED, PUSHED
from chainopt.costs.number_type import LARGEST
from chainopt.costs.stage_choices import NEVER
from chainopt.kernels import memory_bitmask_dp, policy
from chainopt.solvers.base import Method, needs_one_worker
from chainopt.solvers.memory_limited.memory_problem import in_order, infeasible, memory_problem, named, number_types

if TYPE_CHECKING:
    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.solvers.base import Problem, Solution
    from chainopt.solvers.memory_limited.memory_problem import MemoryProblem

MOST_BITS = 20  # gaps and matrix-free stages together, up to which all states are searched
SECONDS_PER_STEP = 2e-6  # of the search as it stands, uncompiled; states times factors


class Bitmask(Method):
    """See the module."""

    name = "states"
    keeps_memory_limit = True

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        if bits_of(problem) > MOST_BITS:
            return f"needs a chain of at most {MOST_BITS} gaps and matrix-free stages together"
        return needs_one_worker(problem)

    def solve(self, problem: Problem) -> Solution:
        """Find the cheapest order that keeps the limit."""
        limited = memory_problem(problem)
        move = _moves(limited, limited.limit)
        if isinstance(move, int):
            raise infeasible(problem, f"order of the operations stays within it: the least limit is {_moves(limited, None)}")
        return self.answer(named(problem, _replayed(limited, move)))


METHOD = Bitmask()


def bits_of(problem: Problem) -> int:
    """Return how many bits a state has: one for each gap, and one for each matrix that has to be made."""
    return len(problem.chain) - 1 + sum(way != GIVEN for way in problem.choices.ways)


def _stage_bits(limited: MemoryProblem) -> list[int]:
    """Return the bit of each matrix that has to be made; those of the gaps come first."""
    stage_bits, taken = [], limited.factors - 1
    for ways in limited.leaves:
        stage_bits.append(taken if ways else NEVER)
        taken += bool(ways)
    return stage_bits


def _moves(limited: MemoryProblem, limit: int | None) -> Any:
    """Search all states for the cheapest order under a limit, or without one for the least peak.

    Returns
    -------
    sequence of int, or int
        The last move to each state. NEVER where no order keeps the limit; without a limit the least peak.
    """
    factors, bits = limited.factors, bits_of(limited.problem)
    rows = [limited.operations.row(i) for i in range(factors)]
    leaves = np.full((factors, memory_bitmask_dp.WAYS), NEVER, dtype=object)
    seeds = np.zeros((factors, memory_bitmask_dp.WAYS), dtype=object)
    for position, ways in enumerate(limited.leaves):
        for way, leaf in enumerate(ways):
            leaves[position, way], seeds[position, way] = leaf.cost, leaf.seed
    tables: list[Any] = [
        np.stack([row.products.astype(object) for row in rows]),
        np.array(limited.entries, dtype=object),
        leaves,
        seeds,
        np.array(_stage_bits(limited), dtype=object),
        np.stack([row.pushes.astype(object) for row in rows]),
        np.stack([row.pulls.astype(object) for row in rows]),
    ]
    types = number_types([tables[0], leaves, tables[5], tables[6]], [tables[1], seeds], factors)
    search: Any = memory_bitmask_dp.search
    if types is not None and policy.compiled_pays(2**bits * factors * SECONDS_PER_STEP):
        costs, sizes = types
        dtypes = (costs, sizes, costs, sizes, sizes, costs, costs)
        tables = [table.astype(dtype) for table, dtype in zip(tables, dtypes, strict=True)]
        best: Any = np.full(2**bits, NEVER, dtype=costs if limit is not None else sizes)
        move: Any = np.zeros(2**bits, dtype=np.int64)
        search = policy.compiled(memory_bitmask_dp.search, memory_bitmask_dp.offer)
        limit = None if limit is None else min(limit, LARGEST)
    else:
        tables = [table.tolist() for table in tables]
        best, move = [NEVER] * 2**bits, [0] * 2**bits
    best[0] = 0
    search(*tables, 0 if limit is None else limit, int(limit is None), best, move)
    if limit is None:
        return int(best[-1])
    return NEVER if best[-1] < 0 else move


def _replayed(limited: MemoryProblem, move: Any) -> Bracketing:
    """Follow the moves back from the last state."""
    factors, stage_bits = limited.factors, _stage_bits(limited)
    state, events, ways = len(move) - 1, [], [GIVEN] * factors
    joins: Any = np.zeros(factors - 1, dtype=np.int8)
    while state:
        what, kind = divmod(int(move[state]), memory_bitmask_dp.KINDS)
        position, way = divmod(what, memory_bitmask_dp.WAYS)
        if kind == ACCUMULATED:
            ways[position] = limited.leaves[position][way].way
            state ^= 1 << stage_bits[position]
            events.append(~position)
        else:
            joins[position] = kind
            through = {PUSHED: position, PULLED: position + 1}.get(kind)
            state ^= 1 << position if through is None else 1 << position | 1 << stage_bits[through]
            events.append(position)
    return in_order(events[::-1], joins, ways)
