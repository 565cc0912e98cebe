"""The cheaper of the homogeneous sweeps that keep a limit on memory: for chains that are too long to search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.costs.memory import peak_memory
from chainopt.solvers.base import Method, needs_one_worker
from chainopt.solvers.memory_limited import frontier
from chainopt.solvers.memory_limited.memory_problem import infeasible
from chainopt.solvers.pure_modes import FORWARD, REVERSE

if TYPE_CHECKING:
    from chainopt.solvers.base import Problem, Solution


class Sweeps(Method):
    """See the module."""

    name = "sweeps"
    is_exact = False
    keeps_memory_limit = True

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        return needs_one_worker(problem)

    def solve(self, problem: Problem) -> Solution:
        """Try both."""
        assert problem.memory_limit is not None
        pure = [candidate for sweep in (FORWARD, REVERSE) if (candidate := sweep.candidate(problem)) is not None]
        peaks = [peak_memory(problem.chain, candidate.bracketing) for candidate in pure]
        kept = [candidate for candidate, peak in zip(pure, peaks, strict=True) if peak <= problem.memory_limit]
        if not kept:
            why = f"plan within it was found for more than {frontier.MOST_FACTORS} factors"
            raise infeasible(problem, f"{why}: the least limit known to do is {min(peaks)}" if peaks else why)
        return self.answer(min(kept, key=lambda candidate: candidate.cost))


METHOD = Sweeps()
