"""An interval program over points (peak, cost), for good plans of long chains: see `chainopt.kernels.memory_frontier_dp`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.operations import GIVEN, PULLED, PUSHED
from chainopt.costs.last_operations import LastOperations, Row
from chainopt.costs.memory import peak_memory
from chainopt.costs.number_type import LARGEST, wider
from chainopt.costs.stage_choices import NEVER
from chainopt.kernels import memory_frontier_dp, policy
from chainopt.solvers.base import Method, Solution, needs_one_worker
from chainopt.solvers.lookup import cheapest
from chainopt.solvers.memory_limited.memory_problem import in_order, infeasible, memory_problem, named, number_types
from chainopt.solvers.pure_modes import rounded_up

if TYPE_CHECKING:
    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.solvers.base import Problem
    from chainopt.solvers.memory_limited.memory_problem import MemoryProblem

MOST_FACTORS = 2_000  # up to which the program is filled
MOST_HELD = 100  # factors up to which all rows of costs are held
SECONDS_PER_PAIR = 2e-6  # of the program as it stands, uncompiled; pairs of points


class Frontier(Method):
    """See the module."""

    name = "points"
    is_exact = False
    keeps_memory_limit = True

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        if len(problem.chain) > MOST_FACTORS:
            return f"needs a chain of at most {MOST_FACTORS} factors"
        return needs_one_worker(problem)

    def solve(self, problem: Problem) -> Solution:
        """Find a plan that keeps the limit, and the least that any such plan can cost."""
        limited = memory_problem(problem)
        relaxed = cheapest(_relaxed(limited), problem.choices)
        bracketing = None if relaxed is None else _bracketing(limited, limited.limit)
        if relaxed is None or bracketing is None:
            least = _bracketing(limited, None)
            assert least is not None
            why = "order of the operations stays within it" if relaxed is None else "plan within it was found"
            peak = peak_memory(problem.chain, least)
            raise infeasible(problem, f"{why}: the least limit known to do is {peak}")
        candidate = named(problem, bracketing)
        bound = min(relaxed[1], candidate.cost)
        return Solution(*candidate, candidate.cost <= rounded_up(bound), bound, self.name)


METHOD = Frontier()


def _relaxed(limited: MemoryProblem) -> LastOperations:
    """Forbid the operations that break the limit on their own: what is left is a relaxation of the problem."""
    limit = limited.limit
    entries = np.array(limited.entries, dtype=object)
    counted = entries.copy()  # given factors are not
    for position, leaves in enumerate(limited.leaves):
        if not leaves:
            counted[position, position + 1] = 0

    def row(i: int) -> Row:
        products, pushes, pulls = limited.operations.row(i)
        results = entries[i]
        can_multiply = (counted[i][:, None] + counted + results[None, :] <= limit).astype(bool)
        can_push = (counted[i + 1] + results <= limit).astype(bool) & (pushes >= 0)
        can_pull = np.concatenate([[False], (counted[i][:-1] + results[1:] <= limit).astype(bool)]) & (pulls >= 0)
        return Row(np.where(can_multiply, products, NEVER), np.where(can_push, pushes, NEVER), np.where(can_pull, pulls, NEVER))

    costs: list[Any] = []
    for position, ways in enumerate(limited.leaves):
        fitting = [leaf.cost for leaf in ways if limited.entries[position][position + 1] + leaf.seed <= limit]
        costs.append(min(fitting, default=NEVER) if ways else 0)
    return LastOperations(costs, row)


class _Grid(NamedTuple):
    """How the program is filled.

    ``limit`` is None where the least peak is looked for, whatever the cost; ``room`` is for how many points of each interval,
    and one more; ``dtype`` is that of the costs, None where everything is lists and Python ints.
    """

    limit: int | None
    room: int
    rows: list[Row] | None
    dtype: Any


def _grid(limited: MemoryProblem, limit: int | None) -> _Grid:
    factors = limited.factors
    room = 1 + (2 if limit is None else 12 if factors <= 100 else 6 if factors <= 300 else 3 if factors <= 1000 else 2)
    rows = [limited.operations.row(i) for i in range(factors)] if factors <= MOST_HELD else None
    if _largest(limited) >= LARGEST or not policy.compiled_pays(factors**3 / 6 * room * SECONDS_PER_PAIR):
        return _Grid(limit, room, rows, None)
    dtype: Any = np.int64
    for i in range(factors if limit is not None else 0):
        columns = [[leaf.cost for leaf in limited.leaves[i]], *(limited.operations.row(i) if rows is None else rows[i])]
        types = number_types(columns, [], factors)
        if types is None:
            return _Grid(limit, room, rows, None)
        dtype = wider(dtype, types[0])
    return _Grid(limit, room, rows, dtype)


def _largest(limited: MemoryProblem) -> int:
    """Return a bound on the entries alive during any operation."""
    return max(map(max, limited.entries)) * 3 + max([leaf.seed for ways in limited.leaves for leaf in ways], default=0)


def _bracketing(limited: MemoryProblem, limit: int | None) -> Bracketing | None:
    """Fill the program, and return what the cheapest point of the whole chain stands for; None where there is none."""
    factors, grid = limited.factors, _grid(limited, limit)
    is_compiled = grid.dtype is not None
    shape = (factors + 1, factors + 1, grid.room)
    dtypes = (np.int64, grid.dtype or np.int64, np.int64)
    tables: Any = [np.zeros(shape, dtype=dtype) for dtype in dtypes]
    counts: Any = np.zeros(shape[:2], dtype=np.int64)
    entries: Any = limited.entries
    given: Any = [int(not ways) for ways in limited.leaves]
    fill_row: Any = memory_frontier_dp.fill_row
    most = max(_largest(limited), LARGEST) * factors
    if is_compiled:
        entries, given, most = np.array(entries, dtype=np.int64), np.array(given), LARGEST
        fill_row = policy.compiled(memory_frontier_dp.fill_row, memory_frontier_dp.keep)
    else:
        tables, counts = [table.tolist() for table in tables], counts.tolist()
    most = most if limit is None else min(limit, most)
    for i in range(factors - 1, -1, -1):
        columns: list[Any] = [np.asarray(column) for column in (limited.operations.row(i) if grid.rows is None else grid.rows[i])]
        costs: Any = [leaf.cost for leaf in limited.leaves[i]] or [0]
        if limit is None:  # whatever can be done costs nothing
            columns, costs = [np.where(column < 0, NEVER, 0) for column in columns], [0] * len(costs)
        seeds: Any = [leaf.seed for leaf in limited.leaves[i]] or [0]
        if is_compiled:
            columns = [column.astype(grid.dtype) for column in columns]
            costs, seeds = np.array(costs, dtype=grid.dtype), np.array(seeds, dtype=np.int64)
        else:
            columns = [column.tolist() for column in columns]
        fill_row(i, columns[0], entries, costs, seeds, given, columns[1], columns[2], most, *tables, counts)
    return _traced(limited, tables[2], counts, grid.room)


def _traced(limited: MemoryProblem, moves: Any, counts: Any, room: int) -> Bracketing | None:
    """Follow the moves from the whole chain down; the point of least cost is the last."""
    factors = limited.factors
    if counts[0][factors] == 0:
        return None
    events: list[int] = []
    joins: Any = np.zeros(factors - 1, dtype=np.int8)
    ways = [GIVEN] * factors
    pending = [(0, factors, int(counts[0][factors]) - 1)]
    while pending:  # the last thing done first, and the side made last before the other
        i, j, point = pending.pop()
        what, kind = divmod(int(moves[i][j][point]), memory_frontier_dp.KINDS)
        if j - i == 1:
            if limited.leaves[i]:
                ways[i] = limited.leaves[i][what].way
                events.append(~i)
            continue
        rest, right_first = divmod(what, 2)
        rest, right = divmod(rest, room)
        split, left = divmod(rest, room)
        joins[split - 1] = kind
        events.append(split - 1)
        sides = [(i, split, left), (split, j, right)]
        if kind == PUSHED:
            pending.append(sides[1])
        elif kind == PULLED:
            pending.append(sides[0])
        else:
            pending += sides[::-1] if right_first else sides
    return in_order(events[::-1], joins, ways)
