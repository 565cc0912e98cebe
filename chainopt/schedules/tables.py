"""The interval programs that a search for schedules starts from: for one worker, all of them, and as many as one likes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.kernels import makespan_dp
from chainopt.kernels.compiling import compiled

if TYPE_CHECKING:
    from chainopt.schedules.problem import Problem


class Tables(NamedTuple):
    """What is done last to make each interval, ``splits[t][i][j]`` and ``kinds[t][i][j]`` by table; and what no plan is below."""

    splits: Any
    kinds: Any
    bound: Any


def fill(problem: Problem, programs: list[tuple[int, int]]) -> Tables:
    """Fill the tables of programs, given as (workers, 1), or (1, 0) for unlimited ones; the first must be (1, 1)."""
    factors, width = problem.factors, problem.factors + 1
    row_of: Any = compiled(makespan_dp.fill_row) if problem.is_compiled else makespan_dp.fill_row
    tables = len(programs)
    splits, kinds = (np.full((tables, width, width), -1, dtype=dtype) for dtype in (np.int32, np.int8))
    held_splits, held_kinds = (splits, kinds) if problem.is_compiled else (splits.tolist(), kinds.tolist())
    times, work = problem.array(tables, width, width), problem.array(tables, width, width)
    bounds, unused = problem.array(width, width), problem.numbers(2, width)
    one = problem.array(1, fill=1)[0]
    for i in range(factors - 1, -1, -1):
        prices: Any = np.zeros((0, 0))  # where a product costs the product of three sizes
        if problem.rows is not None:
            prices = problem.prices[i] if len(problem.prices) else problem.rows.row(i).prices
        prices = np.asarray(prices, dtype=problem.dtype)
        prices = prices if problem.is_compiled else prices.tolist()
        stage: Any = (problem.sizes, prices, problem.leaves[i], problem.push[i], problem.pull)
        for at, (workers, share) in enumerate(programs):
            row_of(i, workers * one, share, 0, *stage, times[at], work[at], held_kinds[at][i], held_splits[at][i])
        row_of(i, problem.workers * one, 1, 1, *stage, bounds, work[0], unused[0], unused[1])
    bound = plain(bounds[0][factors])
    is_whole = not isinstance(bound, float)
    return Tables(held_splits, held_kinds, -(-bound // problem.workers) if is_whole else bound / problem.workers)


def plain(number: Any) -> Any:
    """Return a Python number."""
    return number.item() if isinstance(number, np.generic) else number
