"""The interval programs that a search for schedules starts from: for one worker, all of them, and as many as one likes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.kernels import makespan_dp
from chainopt.kernels.compiling import compiled

if TYPE_CHECKING:
    from chainopt.schedules.problem import Problem


class Tables(NamedTuple):
    """What is done last to make each interval, for several numbers of workers, the first of them one; and bounds.

    ``splits[t][i][j]`` and ``kinds[t][i][j]`` are of table t; ``times[t]`` is what it gives for the whole chain, as often as there are
    workers in it; ``bound`` no schedule's makespan is below.
    """

    splits: Any
    kinds: Any
    times: list[Any]
    bound: Any


def fill(problem: Problem, programs: list[tuple[int, int]]) -> Tables:
    """Fill the tables of programs, given as (workers, 1), or (1, 0) for unlimited ones; the first must be (1, 1)."""
    factors, width = problem.factors, problem.factors + 1
    row_of = compiled(makespan_dp.fill_row) if problem.is_compiled else makespan_dp.fill_row
    tables = len(programs)
    splits, kinds = (np.full((tables, width, width), -1, dtype=dtype) for dtype in (np.int32, np.int8))
    held_splits, held_kinds = (splits, kinds) if problem.is_compiled else (splits.tolist(), kinds.tolist())
    times, work = problem.array(tables, width, width), problem.array(tables, width, width)
    bounds, unused = problem.array(width, width), problem.numbers(2, width)
    one = problem.array(1, fill=1)[0]
    for i in range(factors - 1, -1, -1):
        prices = None
        if problem.rows is not None:
            prices = problem.rows.row(i).prices if problem.prices is None else problem.prices[i]
            prices = np.asarray(prices, dtype=problem.dtype) if problem.is_compiled else np.asarray(prices).tolist()
        stage = (problem.sizes, prices, problem.leaves[i], problem.push[i], problem.pull)
        for at, (workers, share) in enumerate(programs):
            row_of(i, workers * one, share, 0, *stage, times[at], work[at], held_kinds[at][i], held_splits[at][i])
        row_of(i, problem.workers * one, 1, 1, *stage, bounds, work[0], unused[0], unused[1])
    whole = [plain(table[0][factors]) for table in times]
    bound = plain(bounds[0][factors])
    is_whole = not isinstance(bound, float)
    return Tables(held_splits, held_kinds, whole, -(-bound // problem.workers) if is_whole else bound / problem.workers)


def plain(number: Any) -> Any:
    """Return a Python number."""
    return number.item() if isinstance(number, np.generic) else number
