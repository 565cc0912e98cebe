"""Where every search for schedules starts: the pure modes and the plans of interval programs, and a lower bound."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from chainopt.bracketing.operations import PRODUCT, PULLED, PUSHED
from chainopt.costs.last_operations import at_gap
from chainopt.schedules.interval_tables import ROWS, fill
from chainopt.schedules.trees import Trees
from chainopt.solvers import polygon
from chainopt.solvers.base import Problem
from chainopt.solvers.pure_modes import FORWARD, REVERSE

if TYPE_CHECKING:
    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.schedules.incumbent import Incumbent
    from chainopt.schedules.instance import Instance
    from chainopt.schedules.interval_tables import Program


def offer_starts(
    instance: Instance, incumbent: Incumbent, programs: list[Program], most: float = math.inf
) -> tuple[Trees, list[tuple[Any, int]]]:
    """Offer the pure modes first, since of equally long plans the first is kept, and then what interval programs find.

    Parameters
    ----------
    instance : Instance
        What is planned.
    incumbent : Incumbent
        Receives the plans and the bound.
    programs : list of Program
        Which programs are run, first of all the one for one worker.
    most : float, optional
        The number of factors above which none is run, if the cheapest bracketing is known without.

    Returns
    -------
    tuple
        Trees with the tables of the programs; and the makespan of each of them with its table, the shortest first.

    Raises
    ------
    TimeIsOverError
        If there is no time for the programs.
    """
    problem = instance.problem
    bound, cheapest = quick_bound(instance)
    incumbent.raise_bound(bound)
    trees = Trees(instance, incumbent)
    for sweep in (FORWARD, REVERSE):
        pure = sweep.candidate(problem)
        if pure is not None:
            swept = instance.beginning_as(pure[0])
            (trees if swept is instance else Trees(swept, incumbent)).schedule_bracketing(pure[0])
    if cheapest is not None and instance.factors > ROWS:  # the programs may take longer than there is time
        trees.schedule_bracketing(cheapest)
        if instance.factors > most:
            return trees, []
        incumbent.check_time()
    trees.tables = fill(instance, programs, incumbent)
    starts = trees.schedule_tables(0, len(programs))
    incumbent.raise_bound(trees.tables.bound)
    return trees, sorted(starts)


def quick_bound(instance: Instance) -> tuple[Any, Bracketing | None]:
    """Return a lower bound on the makespan: the least work, or less, shared evenly; and the bracketing, where it is known.

    It is there at once, for searches that end before their interval programs are finished.
    """
    bracketing = None
    if instance.problem.chain.details is None and instance.counts_sizes and instance.factors > 2:
        bracketing, work, *_ = polygon.METHOD.solve(Problem(instance.problem.chain))
    else:
        work = instance.clock.time(_relaxed_work(instance))
    return instance.share(work), bracketing


def _relaxed_work(instance: Instance) -> Any:
    """Return the work of the cheapest choice at each gap, as if its result had as few rows and columns as any can have.

    A stage needs its matrix, unless it is pushed through at the gap to its right or pulled through at the gap to its left: so
    only the choices of neighbors depend on each other.
    """
    dims, choices = instance.problem.chain.dims, instance.problem.choices
    leaves = choices.leaves
    fewest_rows = list(accumulate(dims, min))
    fewest_columns = list(accumulate(reversed(dims), min))[::-1]
    least: dict[int, Any] = {PRODUCT: 0}  # by what is done at the gap before
    for gap in range(1, len(leaves)):
        costs = at_gap(dims, choices, gap, fewest_rows[gap - 1], fewest_columns[gap + 1])
        if not instance.counts_sizes:
            costs[PRODUCT] = 0
        leaf = leaves[gap - 1]
        least = {
            join: cost + min(work + (0 if before == PULLED or join == PUSHED else leaf) for before, work in least.items())
            for join, cost in costs.items()
        }
    return min(work + (0 if before == PULLED else leaves[-1]) for before, work in least.items())
