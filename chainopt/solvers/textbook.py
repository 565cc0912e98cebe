"""The O(n^3) recurrence over all intervals of a chain, in plain Python, as a student would write it down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.operations import Mode
from chainopt.costs.last_operations import last_operations
from chainopt.costs.operation_costs import total
from chainopt.solvers.pure_modes import preferred

if TYPE_CHECKING:
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.last_operations import LastOperation
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.solvers.base import Candidate


def solve(chain: JacobianChain, choices: StageChoices, model: CostModel) -> Candidate:
    """Find the cheapest bracketing by the plain recurrence."""
    factors = len(chain)
    operations = last_operations(chain, choices, model)
    least: dict[tuple[int, int], Any] = {}
    best: dict[tuple[int, int], LastOperation] = {}
    for i in range(factors - 1, -1, -1):
        for j in range(i + 1, factors + 1):
            costs = [
                (operation.cost + sum(least[side] for side in operation.operands(i, j)), operation.kind, operation)
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
    bracketing = choices.bracketing(spans, kinds)
    return preferred(chain, choices, (bracketing, total(chain, bracketing, model), Mode.HYBRID), model)
