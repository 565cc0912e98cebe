"""A limit on memory for methods that know none: their answer where it keeps the limit, else that of a method that does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.costs.memory import peak_memory
from chainopt.solvers.base import Method
from chainopt.solvers.pure_modes import rounded_up

if TYPE_CHECKING:
    from chainopt.solvers.base import Problem, Solution


class WithinMemory(Method):
    """See the module.

    Parameters
    ----------
    unlimited : Method
        What is tried first, without the limit.
    limited : Method
        What answers where that breaks the limit.
    """

    keeps_memory_limit = True

    def __init__(self, unlimited: Method, limited: Method) -> None:
        self.name = unlimited.name
        self.is_exact = unlimited.is_exact and limited.is_exact
        self.unlimited, self.limited = unlimited, limited

    def refusal(self, problem: Problem) -> str | None:
        """Return what the methods need and the problem lacks."""
        return self.unlimited.refusal(problem._replace(memory_limit=None)) or self.limited.refusal(problem)

    def solve(self, problem: Problem) -> Solution:
        """Find a plan that keeps the limit.

        Raises
        ------
        InfeasibleError
            If there is none, or none was found.
        """
        assert problem.memory_limit is not None
        unlimited = self.unlimited.solve(problem._replace(memory_limit=None))
        if peak_memory(problem.chain, unlimited.bracketing) <= problem.memory_limit:
            return unlimited
        limited = self.limited.solve(problem)
        bound = min(max(limited.lower_bound, unlimited.lower_bound), limited.cost)  # what a limit forbids makes nothing cheaper
        return limited._replace(lower_bound=bound, is_optimal=limited.is_optimal or limited.cost <= rounded_up(bound))
