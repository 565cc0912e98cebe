"""The interval programs that a search for schedules starts from: for one worker, all of them, and as many as one likes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.kernels import makespan_dp
from chainopt.kernels.policy import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.schedules.incumbent import Best
    from chainopt.schedules.problem import Problem


class Tables(NamedTuple):
    """What is done last to make each interval, ``splits[t][i][j]`` and ``kinds[t][i][j]`` by table; and what no plan is below."""

    splits: Any
    kinds: Any
    work: Any  # of the first table
    bound: Any


ROWS = 64  # between which it is looked at the clock


class Program(NamedTuple):
    """An interval program: for how many workers, whether work counts, and up to which work an interval is left to one of them."""

    workers: int
    share: int = 1
    most: Any = -1


ONE_WORKER, UNLIMITED = Program(1), Program(1, 0)


def fill(problem: Problem, programs: Sequence[Program], best: Best, before: Tables | None = None) -> Tables:
    """Fill the tables of programs, and add them to those filled before; the first of all is for one worker."""
    factors, width = problem.factors, problem.factors + 1
    row_of: Any = compiled(makespan_dp.fill_row) if problem.is_compiled else makespan_dp.fill_row
    splits, kinds = (np.full((len(programs), width, width), -1, dtype=dtype) for dtype in (np.int32, np.int8))
    held_splits, held_kinds = (splits, kinds) if problem.is_compiled else (splits.tolist(), kinds.tolist())
    times, work = (problem.array(len(programs), width, width) for _ in range(2))
    one = problem.array(1, fill=1)[0]
    least = work[0] if before is None else before.work
    first_splits, first_kinds = (held_splits[0], held_kinds[0]) if before is None else (before.splits[0], before.kinds[0])
    bounds = problem.array(width, width)
    unused: Any = (np.zeros(width, dtype=np.int8), np.zeros(width, dtype=np.int32))
    for i in range(factors - 1, -1, -1):
        if i % ROWS == ROWS - 1:
            best.check_time()
        prices: Any = np.zeros((0, 0))  # where a product costs the product of three sizes
        if problem.rows is not None:
            prices = problem.prices[i] if len(problem.prices) else problem.rows.row(i).products
        prices = np.asarray(prices, dtype=problem.dtype)
        prices = prices if problem.is_compiled else prices.tolist()
        stage: Any = (problem.sizes, prices, problem.leaves[i], problem.push[i], problem.pull)
        known: Any = (least[i], first_kinds[i], first_splits[i])
        for at, (workers, share, most) in enumerate(programs):
            filled = (times[at], work[at], held_kinds[at][i], held_splits[at][i])
            row_of(i, workers * one, share, 0, *stage, most * one, *known, *filled)
        if before is None:
            row_of(i, problem.workers * one, 1, 1, *stage, -one, *known, bounds, least, unused[0], unused[1])
    if before is not None:
        joined = ([*before.splits, *held_splits], [*before.kinds, *held_kinds])
        if problem.is_compiled:
            return Tables(np.stack(joined[0]), np.stack(joined[1]), before.work, before.bound)
        return Tables(*joined, before.work, before.bound)
    bound = plain(bounds[0][factors])
    bound = bound / problem.workers if isinstance(bound, float) else -(-bound // problem.workers)
    return Tables(held_splits, held_kinds, least, bound)


def plain(number: Any) -> Any:
    """Return a Python number."""
    return number.item() if isinstance(number, np.generic) else number
