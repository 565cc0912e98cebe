"""The interval programs that searches for schedules start from: for one worker, all workers, and unlimited workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.kernels import makespan_dp
from chainopt.kernels.policy import compiled
from chainopt.schedules.instance import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.schedules.incumbent import Incumbent
    from chainopt.schedules.instance import Instance
    from chainopt.typing import Cost

ROWS = 64  # between two looks at the clock


class Program(NamedTuple):
    """An interval program: for how many workers, whether work counts, and up to which work an interval is left to one of them."""

    workers: int
    share: int = 1
    most: Any = -1


ONE_WORKER, UNLIMITED = Program(1), Program(1, 0)


class Tables(NamedTuple):
    """What interval programs say is done last to make each interval.

    Parameters
    ----------
    splits, joins : sequences of tables
        Where the factors ``i..j-1`` are split, and how the sides are joined, at [t, i, j] by program.
    work : table
        The least work of each interval.
    bound : int or float
        The least that any plan of the whole chain takes.
    """

    splits: Any
    joins: Any
    work: Any
    bound: Cost


class _Filling:
    """Tables that are filled row by row, the last one first."""

    def __init__(self, instance: Instance, programs: Sequence[Program]) -> None:
        self.instance, self.programs = instance, programs
        width = instance.factors + 1
        self.row_of: Any = compiled(makespan_dp.fill_row) if instance.is_compiled else makespan_dp.fill_row
        self.splits, self.joins = (
            instance.for_kernels(np.full((len(programs), width, width), -1, dtype=dtype)) for dtype in (np.int32, np.int8)
        )
        self.times, self.work = (instance.times(len(programs), width, width) for _ in range(2))
        self.one = instance.times(1, fill=1)[0]
        self.costs: Any = None

    def fill_row(self, i: int, least: tuple[Any, Any, Any]) -> None:
        """Fill row i of all tables; ``least`` is the least work of its intervals, and the joins and splits that take it."""
        instance = self.instance
        self.costs = instance.sizes, instance.prices_from(i), instance.leaves[i], instance.push[i], instance.pull
        for index, program in enumerate(self.programs):
            row = self.times[index], self.work[index], self.joins[index][i], self.splits[index][i]
            self.run(i, program, least, row)

    def run(self, i: int, program: Program, least: tuple[Any, Any, Any], row: Any, *, reads_work: bool = False) -> None:
        """Run a program for row i, after `fill_row`, whose ``least`` it takes.

        ``row`` is the times and the work of all rows, and the joins and splits of this one; see
        `chainopt.kernels.makespan_dp.fill_row`. The work is filled, too, unless the program ``reads_work``.
        """
        factors = program.workers * self.one, program.share, int(reads_work)
        self.row_of(i, *factors, *self.costs, program.most * self.one, *least, *row)


def fill(instance: Instance, programs: Sequence[Program], incumbent: Incumbent) -> Tables:
    """Fill the tables of programs, of which the first is the one for one worker, and find a lower bound.

    Parameters
    ----------
    instance : Instance
        What is planned.
    programs : sequence of Program
        Which programs are run.
    incumbent : Incumbent
        Says when the time is over.

    Raises
    ------
    TimeIsOverError
        If the time is over, and there is a plan.
    """
    width = instance.factors + 1
    filling = _Filling(instance, programs)
    work, joins, splits = filling.work[0], filling.joins[0], filling.splits[0]
    bounds = instance.times(width, width)
    unused: Any = np.zeros(width, dtype=np.int8), np.zeros(width, dtype=np.int32)
    for i in range(instance.factors - 1, -1, -1):
        if i % ROWS == ROWS - 1:
            incumbent.check_time()
        least = work[i], joins[i], splits[i]
        filling.fill_row(i, least)
        filling.run(i, Program(instance.workers), least, (bounds, work, *unused), reads_work=True)
    return Tables(filling.splits, filling.joins, work, instance.share(plain(bounds[0][instance.factors])))


def extended(instance: Instance, programs: Sequence[Program], incumbent: Incumbent, tables: Tables) -> Tables:
    """Return tables and, behind them, those of more programs, which need the least work of every interval.

    The other parameters, and what is raised, are those of `fill`.
    """
    filling = _Filling(instance, programs)
    for i in range(instance.factors - 1, -1, -1):
        if i % ROWS == ROWS - 1:
            incumbent.check_time()
        filling.fill_row(i, (tables.work[i], tables.joins[0][i], tables.splits[0][i]))
    splits, joins = [*tables.splits, *filling.splits], [*tables.joins, *filling.joins]
    if instance.is_compiled:
        return tables._replace(splits=np.stack(splits), joins=np.stack(joins))
    return tables._replace(splits=splits, joins=joins)
