"""The method "interval" for unlimited workers: the plan whose longest path is the shortest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chainopt.schedules.interval_tables import ONE_WORKER, UNLIMITED
from chainopt.schedules.search import solve_by
from chainopt.schedules.starts import offer_starts
from chainopt.solvers.base import Method

if TYPE_CHECKING:
    from chainopt.schedules.incumbent import Incumbent
    from chainopt.schedules.instance import Instance
    from chainopt.solvers.base import Problem, Solution


class Unlimited(Method):
    """An interval program is exact, since only the longest path counts."""

    name = "interval"
    is_exact = True

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        return None if math.isinf(problem.workers) else "needs workers=math.inf"

    def solve(self, problem: Problem) -> Solution:
        """Find the best plan."""

        def search(instance: Instance, incumbent: Incumbent) -> str:
            offer_starts(instance, incumbent, [ONE_WORKER, UNLIMITED])
            incumbent.close()
            return self.name

        return solve_by(search, problem, self.name)


METHOD = Unlimited()
