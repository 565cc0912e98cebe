"""The method "exact": the best plan for several workers, with a proof; and the part of it that "auto" does in about a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from chainopt.schedules import branch_and_bound, cp_sat
from chainopt.schedules.heuristic import Heuristic, search_well
from chainopt.schedules.options import Options
from chainopt.schedules.search import solve_by
from chainopt.solvers.base import Method, needs_several_workers

if TYPE_CHECKING:
    from chainopt.schedules.incumbent import Incumbent
    from chainopt.schedules.instance import Instance
    from chainopt.solvers.base import Problem, Solution

MOST_MODELED = 64  # factors of a chain that OR-Tools may take over, which has a variable for each product that there could be
OWN_SECONDS = 30.0  # after which it does: before, it proves less than the own search in the same time


class Exact(Method):
    """Branch and bound from a good plan on, until there is a proof; where that takes long, OR-Tools goes on.

    For chains that are too long for it, of more than 200 factors, or 40 where costs are ints that no machine number holds, the
    answer is that of "heuristic".
    """

    name = "exact"
    is_exact = True

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        return needs_several_workers(problem)

    def solve(self, problem: Problem) -> Solution:
        """Find the best plan, or, within a time limit, a good one."""

        def search(instance: Instance, incumbent: Incumbent) -> str:
            search_well(instance, incumbent)
            if incumbent.is_proved() or not incumbent.goes_on():
                return self.name
            if not Options.can_hold(instance):
                return Heuristic.name
            _prove(instance, incumbent)
            return self.name

        return solve_by(search, problem, self.name)


METHOD = Exact()


def _prove(instance: Instance, incumbent: Incumbent) -> None:
    """Search for a proof; where chainopt's search has none after a while, OR-Tools, if it is installed, may find one."""
    until = incumbent.until
    may_go_on = instance.factors <= MOST_MODELED and cp_sat.can_hold(instance) and cp_sat.is_installed()
    if may_go_on:
        incumbent.until = min(time.monotonic() + OWN_SECONDS, until)
    try:
        branch_and_bound.search(instance, incumbent)
    finally:
        incumbent.until = until
    if may_go_on and not incumbent.is_proved() and incumbent.goes_on():
        cp_sat.search(instance, incumbent)
