"""Where every search for schedules starts: the pure modes and the plans of interval programs, and a lower bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from chainopt.schedules.interval_tables import ROWS, fill
from chainopt.schedules.lower_bound import quick_bound
from chainopt.schedules.trees import Trees
from chainopt.solvers.pure_modes import FORWARD, REVERSE

if TYPE_CHECKING:
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
