"""The O(n^3) recurrence over all intervals of a chain, in plain Python, as a student would write it down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.operations import Mode
from chainopt.costs.number_type import added
from chainopt.costs.operation_costs import total
from chainopt.solvers.base import Candidate, Method, needs_one_worker
from chainopt.solvers.pure_modes import preferred

if TYPE_CHECKING:
    from chainopt.costs.last_operations import LastOperation
    from chainopt.solvers.base import Problem, Solution


class Textbook(Method):
    """See the module."""

    name = "textbook"

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        return needs_one_worker(problem)

    def solve(self, problem: Problem) -> Solution:
        """Find the cheapest bracketing."""
        chain, operations = problem.chain, problem.operations
        factors = len(chain)
        least: dict[tuple[int, int], Any] = {}
        best: dict[tuple[int, int], LastOperation] = {}
        for i in range(factors - 1, -1, -1):
            for j in range(i + 1, factors + 1):
                costs = [
                    (added([least[operand] for operand in operation.operands(i, j)], operation.cost), operation.kind, operation)
                    for operation in operations.of(i, j)
                ]
                least[i, j], _, best[i, j] = min(costs)
        spans = np.zeros((2, factors - 1), dtype=np.int32)
        kinds = np.zeros(factors - 1, dtype=np.int8)
        pending = [(0, factors)]
        while pending:
            i, j = pending.pop()
            if j > i + 1:
                split = best[i, j].split
                spans[:, split - 1] = i, j - 1
                kinds[split - 1] = best[i, j].kind
                pending += best[i, j].operands(i, j)
        bracketing = problem.choices.bracketing(spans, kinds)
        return self.answer(preferred(problem, Candidate(bracketing, total(chain, bracketing, problem.model), Mode.HYBRID)))


METHOD = Textbook()
