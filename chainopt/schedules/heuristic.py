"""The method "heuristic": good plans for several workers, of chains of any length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainopt.schedules import branch_and_bound
from chainopt.schedules.annealing import anneal
from chainopt.schedules.instance import plain
from chainopt.schedules.interval_tables import ONE_WORKER, UNLIMITED, Program, extended
from chainopt.schedules.options import Options
from chainopt.schedules.search import solve_by
from chainopt.schedules.starts import offer_starts
from chainopt.solvers.base import Method, needs_several_workers

if TYPE_CHECKING:
    from chainopt.schedules.incumbent import Incumbent
    from chainopt.schedules.instance import Instance
    from chainopt.schedules.trees import Trees
    from chainopt.solvers.base import Problem, Solution

MOST_TABULATED = 4000  # factors: the tables of all programs take three gigabytes
RESTARTS, SEED = 4, 4711  # of the moves
QUARTERS = (4, 6, 8, 10)  # of a worker's share of the work, up to which one worker does an interval alone
FIRST_STEPS, LAST_STEPS, UNCOMPILED_STEPS = 30_000, 300_000, 500  # of the short searches of all plans


class Heuristic(Method):
    """Interval programs, moves on trees, and short searches of all plans; an optimum is often found, and sometimes proved."""

    name = "heuristic"
    is_exact = False

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        return needs_several_workers(problem)

    def solve(self, problem: Problem) -> Solution:
        """Find a good plan."""

        def search(instance: Instance, incumbent: Incumbent) -> str:
            search_well(instance, incumbent)
            return self.name

        return solve_by(search, problem, self.name)


METHOD = Heuristic()


def search_well(instance: Instance, incumbent: Incumbent, *, by_moves_only: bool = False) -> None:
    """Look for good plans.

    First come those of the pure modes and of interval programs; then what a short search of all plans finds, which for short
    chains is the best there is; then what moves on trees find; and then another short search from there.

    Parameters
    ----------
    instance : Instance
        What is planned.
    incumbent : Incumbent
        Receives the plans.
    by_moves_only : bool
        Whether the short searches are left out, as where another proof is to stand on its own.
    """
    programs = [ONE_WORKER, Program(instance.workers), UNLIMITED]
    trees, starts = offer_starts(instance, incumbent, programs, MOST_TABULATED)
    if _is_done(incumbent) or trees.tables is None:
        return
    starts = sorted(starts + _mixed(trees, len(programs)))
    if _is_done(incumbent) or not instance.is_tabled:
        return
    options = None
    if Options.can_hold(instance) and not by_moves_only:
        options = Options(instance)
        branch_and_bound.search(instance, incumbent, FIRST_STEPS if instance.is_compiled else UNCOMPILED_STEPS, options)
    for restart in range(RESTARTS):
        if _is_done(incumbent):
            return
        anneal(trees, *starts[restart % len(starts)], SEED + restart)
    if options is not None and instance.is_compiled and not _is_done(incumbent):
        branch_and_bound.search(instance, incumbent, LAST_STEPS, options)


def _is_done(incumbent: Incumbent) -> bool:
    return incumbent.is_proved() or not incumbent.goes_on()


def _mixed(trees: Trees, count: int) -> list[tuple[Any, int]]:
    """Offer the plans of programs that leave short intervals to one worker each; return them as `offer_starts` does.

    ``count`` is how many tables there are already.
    """
    assert trees.tables is not None
    instance = trees.instance
    work, quarter = plain(trees.tables.work[0][instance.factors]), 4 * instance.workers
    most = [work * part / quarter if instance.clock.rounds else work * part // quarter for part in QUARTERS]
    programs = [Program(instance.workers, 1, share) for share in most]
    trees.tables = extended(instance, programs, trees.incumbent, trees.tables)
    return trees.schedule_tables(count, count + len(programs))
