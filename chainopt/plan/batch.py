"""The answers for many chains of the same length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from chainopt.bracketing.bracketing import Bracketing
from chainopt.numbers import count, counted
from chainopt.plan.line import bracketing_line
from chainopt.plan.plan import Plan
from chainopt.report.tables import table_html
from chainopt.solvers.base import Solution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.solvers.base import ProblemBatch, Solutions
    from chainopt.typing import CostArray, SizeArray

MOST_ROWS = 20  # that a notebook shows


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PlanBatch(Sequence[Plan]):
    """Plans for N chains of n factors, held in arrays; `optimal_orders` makes it.

    Attributes
    ----------
    problems : ProblemBatch
        What was asked.
    solutions : Solutions
        The bracketings, costs and modes, in arrays.
    method : str
        Which method answered.

    Examples
    --------
    >>> import chainopt
    >>> batch = chainopt.optimal_orders([[10, 2000, 30, 1000], [1000, 10, 500, 3]])
    >>> batch.costs.tolist(), batch[1].bracketing
    ([900000, 45000], '(J3 (J2 J1))')
    """

    problems: ProblemBatch
    solutions: Solutions
    method: str

    def __post_init__(self) -> None:
        for column in self.solutions:
            column.setflags(write=False)

    @property
    def chains(self) -> SizeArray | Sequence[JacobianChain]:
        """An (N, n + 1) array of sizes, outputs first, or a sequence of chains."""
        return self.problems.chains

    @property
    def model(self) -> CostModel:
        """The cost model."""
        return self.problems.model

    @property
    def objective(self) -> str:
        """What was minimized."""
        return self.model.name

    @property
    def costs(self) -> CostArray:
        """The exact costs, shape (N,): int64, or Python ints where one is larger; float64 for costs in seconds."""
        return self.solutions.costs

    @property
    def modes(self) -> NDArray[np.object_]:
        """The modes, shape (N,): each a `Mode`, which equals its text."""
        return self.solutions.modes

    def __len__(self) -> int:
        return len(self.chains)

    @overload
    def __getitem__(self, index: int) -> Plan: ...
    @overload
    def __getitem__(self, index: slice) -> list[Plan]: ...
    def __getitem__(self, index: int | slice) -> Plan | list[Plan]:
        """Make the plan of one chain, or of a range of them."""
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        row = range(len(self))[index]
        problem = self.problems.problem(row)
        spans, costs, modes, are_optimal, bounds, kinds, ways = self.solutions
        has_stages = problem.chain.stage_costs is not None
        bracketing = Bracketing(spans[row], kinds[row], ways[row]) if has_stages else Bracketing(spans[row])
        answer = costs.item(row), modes[row], are_optimal.item(row), bounds.item(row)
        return Plan(problem, Solution(bracketing, *answer, self.method))

    def __repr__(self) -> str:
        return f"<PlanBatch of {counted(len(self), 'chain')} of {counted(self.problems.factors, 'factor')}, method {self.method}>"

    def _repr_html_(self) -> str:
        rows = [
            (str(row), str(self.modes[row]), count(self.costs.item(row)), bracketing_line(self[row]))
            for row in range(min(len(self), MOST_ROWS))
        ]
        more = "" if len(self) <= MOST_ROWS else f"; {counted(len(self) - MOST_ROWS, 'more chain')}"
        return table_html(("chain", "mode", "cost", "bracketing"), rows, f"cost in {self.model.unit}{more}")
