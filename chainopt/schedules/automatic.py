"""What "auto" does for several workers: a good plan and, for short chains, a proof if one is found in about a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.schedules import branch_and_bound
from chainopt.schedules.heuristic import search_well
from chainopt.schedules.search import solve_by
from chainopt.solvers.base import Method, needs_several_workers

if TYPE_CHECKING:
    from chainopt.schedules.incumbent import Incumbent
    from chainopt.schedules.instance import Instance
    from chainopt.solvers.base import Problem, Solution

MOST_FACTORS, STEPS = 32, 3_000_000


class Automatic(Method):
    """The answer is that of "exact" where branch and bound has proved it, else that of "heuristic"."""

    name = "auto"
    is_exact = False

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        return needs_several_workers(problem)

    def solve(self, problem: Problem) -> Solution:
        """Find a good plan, and maybe a proof."""
        return solve_by(_search, problem, "heuristic")


METHOD = Automatic()


def _search(instance: Instance, incumbent: Incumbent) -> str:
    search_well(instance, incumbent)
    if incumbent.is_proved() or not incumbent.goes_on() or not instance.is_compiled or instance.factors > MOST_FACTORS:
        return "heuristic"
    branch_and_bound.search(instance, incumbent, STEPS)
    return "exact" if incumbent.is_proved() else "heuristic"
