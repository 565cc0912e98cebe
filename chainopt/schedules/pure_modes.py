"""The homogeneous modes for several workers, which can share only the accumulations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.schedules.search import scheduled
from chainopt.solvers import pure_modes
from chainopt.solvers.base import Method, Solution, needs_several_workers

if TYPE_CHECKING:
    from chainopt.solvers.base import Problem
    from chainopt.solvers.pure_modes import PureMode


class ScheduledPureMode(Method):
    """A homogeneous mode, list-scheduled."""

    is_exact = False

    def __init__(self, pure_mode: PureMode) -> None:
        self.name, self.pure_mode = pure_mode.name, pure_mode

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        return needs_several_workers(problem)

    def solve(self, problem: Problem) -> Solution:
        """Schedule the sweep.

        Raises
        ------
        InfeasibleError
            If a stage lacks the mode.
        """
        bracketing, cost, mode = self.pure_mode.required(problem)
        bracketing, schedule = scheduled(problem, bracketing)
        return Solution(bracketing, cost, mode, False, 0, self.name, schedule)


FORWARD, REVERSE = ScheduledPureMode(pure_modes.FORWARD), ScheduledPureMode(pure_modes.REVERSE)
