"""The cheapest plan under a limit on the matrix entries alive at once: exact for short chains, bounded for long ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import BY_JVPS, BY_VJPS, GIVEN, OTHERWISE, Mode
from chainopt.costs.last_operations import LastOperations, Row, last_operations
from chainopt.costs.memory import entries_of, peak_memory, seed
from chainopt.costs.multiplications import exact_sizes
from chainopt.costs.number_type import LARGEST
from chainopt.costs.operation_costs import operations_of, total
from chainopt.costs.stage_choices import NEVER, priced, vectors_needed
from chainopt.errors import InfeasibleError
from chainopt.kernels import memory_bitmask_dp, memory_frontier_dp
from chainopt.kernels.policy import compiled, compiled_pays
from chainopt.solvers.lookup import cheapest
from chainopt.solvers.pure_modes import ROUNDING, forward, mode_of, reverse

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.solvers.base import Candidate

MOST_BITS = 20  # gaps and matrix-free stages together, up to which all states are searched
MOST_FACTORS = 2_000  # up to which the interval program with points is filled
SECONDS_PER_STEP = 2e-6  # of the search as it stands, uncompiled; states times factors
SECONDS_PER_PAIR = 2e-6  # of the program with points; pairs of points


class Leaf(NamedTuple):
    """One way to obtain the matrix of a stage: what it costs, and how many entries it needs beside the matrix."""

    cost: Any
    seed: int
    way: int


class Limited(NamedTuple):
    """A solution under a limit, and what every plan that keeps the limit costs at the least."""

    solution: Candidate
    bound: Any
    is_optimal: bool
    method: str


class _Problem(NamedTuple):
    chain: JacobianChain
    choices: StageChoices
    model: CostModel
    operations: LastOperations
    leaves: list[list[Leaf]]  # none for a matrix at hand
    entries: list[list[int]]


def solve(chain: JacobianChain, choices: StageChoices, model: CostModel, limit: float, unlimited: Candidate) -> Limited:
    """Find a plan that keeps the limit, given the best one without a limit.

    Raises
    ------
    InfeasibleError
        If there is none, or none was found.
    """
    if _peak(chain, unlimited[0], model) <= limit:
        return Limited(unlimited, unlimited[1], True, "")
    factors = len(chain)
    if factors > MOST_FACTORS:
        return _by_sweeps(chain, choices, model, limit, unlimited[1])
    leaves = leaves_of(chain, choices, model)
    problem = _Problem(chain, choices, model, last_operations(chain, choices, model), leaves, _entries(chain))
    whole = math.floor(limit)
    bits = factors - 1 + sum(map(bool, problem.leaves))
    if bits <= MOST_BITS:
        found = _search(problem, whole, bits)
        if found is None:
            least = _search(problem, None, bits)
            assert isinstance(least, int)
            raise _infeasible(limit, f"the least limit is {least}")
        assert isinstance(found, Bracketing)
        solution = _named(problem, found, limit)
        return Limited(solution, solution[1], True, "states")
    return _by_points(problem, limit, whole)


def _entries(chain: JacobianChain) -> list[list[int]]:
    """Return how many entries the product of the factors ``i..j-1`` is held in, at [i][j]."""
    if chain.structures is None and chain.batches is None:
        sizes = exact_sizes(chain)
        table: list[list[int]] = np.multiply.outer(sizes, sizes).tolist()
        return table
    held, factors = entries_of(chain), len(chain)
    return [[held(i, j - 1) if j > i else 0 for j in range(factors + 1)] for i in range(factors + 1)]


def leaves_of(chain: JacobianChain, choices: StageChoices, model: CostModel) -> list[list[Leaf]]:
    """List, for each factor, all ways to obtain its matrix; the cheapest may need more memory than another."""
    if chain.stage_costs is None:
        return [[] for _ in range(len(chain))]
    costs = priced(chain.stage_costs, model)
    found: list[list[Leaf]] = []
    for at, way in enumerate(choices.ways):
        accumulation, jvp, pull = costs.accumulation[at], costs.jvp[at], choices.pull[at]
        if way == GIVEN:
            found.append([])
        elif accumulation is not None:
            found.append([Leaf(accumulation, 0, OTHERWISE)])
        else:
            jvps, vjps = vectors_needed(chain, at)
            leaves = [] if jvp is None else [Leaf(jvps * jvp, seed(chain, at, Mode.FORWARD), BY_JVPS)]
            found.append(leaves + ([Leaf(vjps * pull, seed(chain, at, Mode.REVERSE), BY_VJPS)] if pull >= 0 else []))
    return found


def _search(problem: _Problem, limit: int | None, bits: int) -> Bracketing | int | None:
    """Search all states for the cheapest order under a limit, or without one for the least peak."""
    factors = len(problem.leaves)
    rows = [problem.operations.row(i) for i in range(factors)]
    leaves = np.full((factors, memory_bitmask_dp.WAYS), NEVER, dtype=object)
    seeds = np.zeros((factors, memory_bitmask_dp.WAYS), dtype=object)
    stage_bits = np.full(factors, NEVER)
    taken = factors - 1
    for at, ways in enumerate(problem.leaves):
        for way, leaf in enumerate(ways):
            leaves[at, way], seeds[at, way] = leaf.cost, leaf.seed
        if ways:
            stage_bits[at] = taken
            taken += 1
    tables: list[Any] = [
        np.stack([row.products.astype(object) for row in rows]),
        np.array(problem.entries, dtype=object),
        leaves,
        seeds,
        stage_bits.astype(object),
        np.stack([row.pushes.astype(object) for row in rows]),
        np.stack([row.pulls.astype(object) for row in rows]),
    ]
    types = _types([tables[0], leaves, tables[5], tables[6]], [tables[1], seeds], 2 * factors)
    if types is not None and compiled_pays(2**bits * factors * SECONDS_PER_STEP):
        costs, sizes = types
        dtypes = (costs, sizes, costs, sizes, sizes, costs, costs)
        tables = [table.astype(dtype) for table, dtype in zip(tables, dtypes, strict=True)]
        best: Any = np.full(2**bits, NEVER, dtype=costs if limit is not None else sizes)
        move: Any = np.zeros(2**bits, dtype=np.int64)
        search = compiled(memory_bitmask_dp.search, memory_bitmask_dp.offer)
    else:
        tables = [table.tolist() for table in tables]
        best, move = [NEVER] * 2**bits, [0] * 2**bits
        search = memory_bitmask_dp.search
    best[0] = 0
    search(*tables, 0 if limit is None else min(limit, LARGEST), int(limit is None), best, move)
    if best[-1] < 0:
        return None
    return int(best[-1]) if limit is None else _replayed(problem, move, stage_bits.tolist())


def _types(costs: list[Any], sizes: list[Any], operations: int) -> tuple[Any, Any] | None:
    """Return the types of costs and sizes in which nothing wraps; None where only Python ints will do."""
    if max([int(table.max(initial=0)) for table in sizes], default=0) * operations >= LARGEST:
        return None
    if any(isinstance(cost, float) for table in costs for cost in table.flat):
        return np.float64, np.int64
    return None if max(int(table.max(initial=0)) for table in costs) * operations >= LARGEST else (np.int64, np.int64)


def _replayed(problem: _Problem, move: Any, stage_bits: list[int]) -> Bracketing:
    """Follow the moves back from the last state."""
    factors = len(problem.leaves)
    state, events, ways = len(move) - 1, [], [GIVEN] * factors
    joins: Any = np.zeros(factors - 1, dtype=np.int8)
    while state:
        what, kind = divmod(int(move[state]), memory_bitmask_dp.KINDS)
        at, way = divmod(what, memory_bitmask_dp.WAYS)
        if kind == memory_bitmask_dp.ACCUMULATED:
            ways[at] = problem.leaves[at][way].way
            state ^= 1 << stage_bits[at]
            events.append(~at)
        else:
            joins[at] = kind
            through = {memory_bitmask_dp.PUSHED: at, memory_bitmask_dp.PULLED: at + 1}.get(kind)
            state ^= 1 << at if through is None else 1 << at | 1 << stage_bits[through]
            events.append(at)
    return _ordered(events[::-1], joins, ways)


def _ordered(events: list[int], joins: Any, ways: list[int]) -> Bracketing:
    """Make the bracketing of events in their order."""
    factors = len(ways)
    spans = np.zeros((2, factors - 1), dtype=np.int32)
    begin, end = list(range(factors)), list(range(factors))
    for gap in (event for event in events if event >= 0):
        first, last = begin[gap], end[gap + 1]
        spans[:, gap] = first, last
        begin[last], end[first] = first, last
        begin[gap], end[gap + 1] = first, last
    order = np.array(events, dtype=np.int32)
    if not any(ways) and not joins.any():
        return Bracketing(spans, None, None, order)
    return Bracketing(spans, joins, np.array(ways, dtype=np.int8), order)


def _named(problem: _Problem, bracketing: Bracketing, limit: float) -> Candidate:
    """Name the mode; a sweep that costs the same takes the place, and the usual order where it keeps the limit."""
    chain, choices, model = problem.chain, problem.choices, problem.model
    if chain.stage_costs is not None and bracketing.kinds is None:
        kinds, ways = np.zeros(len(chain) - 1, dtype=np.int8), np.zeros(len(chain), dtype=np.int8)
        bracketing = Bracketing(bracketing.spans, kinds, ways, bracketing.order)
    cost = total(chain, bracketing, model)
    for sweep in (forward, reverse):
        pure = sweep(chain, choices, model)
        most = cost * ROUNDING if isinstance(cost, float) else cost
        if pure is not None and pure[1] <= most and _peak(chain, pure[0], model) <= limit:
            return pure
    usual = Bracketing(bracketing.spans, bracketing.kinds, bracketing.ways)
    if _peak(chain, usual, model) <= limit:
        bracketing = usual
    return bracketing, cost, mode_of(chain, choices, bracketing, model)


def _peak(chain: JacobianChain, bracketing: Bracketing, model: CostModel) -> int:
    return peak_memory(chain, bracketing, operations_of(chain, bracketing, model))


def _by_points(problem: _Problem, limit: float, whole: int) -> Limited:
    chain = problem.chain
    relaxed = cheapest(_within(problem, whole), problem.choices)
    found = None if relaxed is None else _points(problem, whole)
    if relaxed is None or found is None:
        known = _points(problem, None)
        assert known is not None
        why = "there is no plan" if relaxed is None else "no plan was found"
        raise _infeasible(limit, f"{why}; the least limit known to do is {_peak(chain, known, problem.model)}")
    solution = _named(problem, found, limit)
    bound = min(relaxed[1], solution[1])
    is_optimal = solution[1] <= (bound * ROUNDING if isinstance(bound, float) else bound)
    return Limited(solution, bound, is_optimal, "points")


def _by_sweeps(chain: JacobianChain, choices: StageChoices, model: CostModel, limit: float, bound: Any) -> Limited:
    """Take the cheaper homogeneous sweep that keeps the limit: for a longer chain the points are too many."""
    pure = [sweep(chain, choices, model) for sweep in (forward, reverse)]
    kept = [solution for solution in pure if solution is not None and _peak(chain, solution[0], model) <= limit]
    if not kept:
        peaks = [_peak(chain, solution[0], model) for solution in pure if solution is not None]
        why = f"no plan was found for more than {MOST_FACTORS} factors"
        raise _infeasible(limit, f"{why}; the least limit known to do is {min(peaks)}" if peaks else why)
    return Limited(min(kept, key=lambda solution: solution[1]), bound, False, "sweeps")


def _within(problem: _Problem, limit: int) -> LastOperations:
    """Forbid the operations that break the limit on their own: what is left is the problem with less of its limit."""
    entries = np.array(problem.entries, dtype=object)
    held = entries.copy()
    for at, leaves in enumerate(problem.leaves):
        if not leaves:
            held[at, at + 1] = 0

    def row(i: int) -> Row:
        prices, pushed, pulled = problem.operations.row(i)
        results = entries[i]
        fits = (held[i][:, None] + held + results[None, :] <= limit).astype(bool)
        pushes = (held[i + 1] + results <= limit).astype(bool) & (pushed >= 0)
        pulls = np.concatenate([[False], (held[i][:-1] + results[1:] <= limit).astype(bool)]) & (pulled >= 0)
        return Row(np.where(fits, prices, NEVER), np.where(pushes, pushed, NEVER), np.where(pulls, pulled, NEVER))

    costs: list[Any] = []
    for at, ways in enumerate(problem.leaves):
        fitting = [leaf.cost for leaf in ways if problem.entries[at][at + 1] + leaf.seed <= limit]
        costs.append(min(fitting, default=NEVER) if ways else 0)
    return LastOperations(costs, row)


def _points(problem: _Problem, limit: int | None) -> Bracketing | None:
    """Fill the interval program with points; without a limit, for the least peak, whatever the cost."""
    factors = len(problem.leaves)
    room = 1 + (2 if limit is None else 12 if factors <= 100 else 6 if factors <= 300 else 3 if factors <= 1000 else 2)
    given = [int(not ways) for ways in problem.leaves]
    largest = max(map(max, problem.entries)) * 3 + max([leaf.seed for ways in problem.leaves for leaf in ways], default=0)
    rows = [problem.operations.row(i) for i in range(factors)] if factors <= 100 else None
    compiles = largest < LARGEST and compiled_pays(factors**3 / 6 * room * SECONDS_PER_PAIR)
    dtype: Any = np.int64
    if compiles:
        for i in range(factors):
            row = problem.operations.row(i) if rows is None else rows[i]
            leaves = [leaf.cost for leaf in problem.leaves[i]]
            columns = [np.array(leaves, dtype=object), *(column.astype(object) for column in row)]
            types = _types(columns, [], 2 * factors) if limit is not None else (np.int64, np.int64)
            compiles = compiles and types is not None
            dtype = np.float64 if types is not None and types[0] is np.float64 else dtype
    shape = (factors + 1, factors + 1, room)
    tables: Any = [np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=dtype), np.zeros(shape, dtype=np.int64)]
    counts: Any = np.zeros(shape[:2], dtype=np.int64)
    entries: Any = problem.entries
    fill_row: Callable[..., None] = memory_frontier_dp.fill_row
    if compiles:
        entries, given_held = np.array(entries, dtype=np.int64), np.array(given)
        fill_row = compiled(memory_frontier_dp.fill_row, memory_frontier_dp.keep)
    else:
        tables, counts, given_held = [table.tolist() for table in tables], counts.tolist(), given  # type: ignore[assignment]
    for i in range(factors - 1, -1, -1):
        row = problem.operations.row(i) if rows is None else rows[i]
        columns = [np.asarray(column) for column in row]
        costs: Any = [leaf.cost for leaf in problem.leaves[i]] or [0]
        if limit is None:  # whatever can be done costs nothing
            columns, costs = [np.where(column < 0, NEVER, 0) for column in columns], [0] * len(costs)
        seeds: Any = [leaf.seed for leaf in problem.leaves[i]] or [0]
        if compiles:
            columns = [column.astype(dtype) for column in columns]
            costs, seeds = np.array(costs, dtype=dtype), np.array(seeds, dtype=np.int64)
        else:
            columns = [column.tolist() for column in columns]
        most = LARGEST if compiles else max(largest, LARGEST) * factors
        most = most if limit is None else min(limit, most)
        fill_row(i, columns[0], entries, costs, seeds, given_held, columns[1], columns[2], most, *tables, counts)
    return _traced(problem, tables[2], counts, room)


def _traced(problem: _Problem, moves: Any, counts: Any, room: int) -> Bracketing | None:
    """Follow the moves from the whole chain down; the point of least cost is the last."""
    factors = len(problem.leaves)
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
            if problem.leaves[i]:
                ways[i] = problem.leaves[i][what].way
                events.append(~i)
            continue
        rest, right_first = divmod(what, 2)
        rest, right = divmod(rest, room)
        split, left = divmod(rest, room)
        joins[split - 1] = kind
        events.append(split - 1)
        sides = [(i, split, left), (split, j, right)]
        if kind == memory_frontier_dp.PUSHED:
            pending.append(sides[1])
        elif kind == memory_frontier_dp.PULLED:
            pending.append(sides[0])
        else:
            pending += sides[::-1] if right_first else sides
    return _ordered(events[::-1], joins, ways)


def _infeasible(limit: float, why: str) -> InfeasibleError:
    return InfeasibleError(f"memory_limit is {limit}, which no order of the operations keeps: {why}")
