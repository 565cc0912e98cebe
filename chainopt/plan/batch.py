"""The answers for many chains of the same length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from chainopt.bracketing.bracketing import Bracketing
from chainopt.chain.chain import JacobianChain
from chainopt.plan.plan import Plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chainopt.costs.model import CostModel
    from chainopt.solvers.batch import Solutions
    from chainopt.typing import CostArray, SizeArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PlanBatch(Sequence[Plan]):
    """Plans for N chains of n factors, held in arrays; `optimal_orders` makes it.

    Attributes
    ----------
    chains : numpy.ndarray or sequence of JacobianChain
        The problems: an (N, n + 1) array of sizes, outputs first, or a sequence of chains.
    solutions : Solutions
        The bracketings, costs and modes, in arrays.
    objective, method : str
        What was minimized, and which algorithm answered.
    model : CostModel
        What gave the costs.
    """

    chains: SizeArray | Sequence[JacobianChain]
    solutions: Solutions
    objective: str
    method: str
    model: CostModel

    def __post_init__(self) -> None:
        for column in self.solutions:
            if column is not None:
                column.setflags(write=False)

    @property
    def costs(self) -> CostArray:
        """The exact costs, shape (N,): int64, or Python ints where one is larger; float64 for costs in seconds."""
        return self.solutions.costs

    @property
    def modes(self) -> NDArray[np.object_]:
        """The modes, shape (N,): each a `Mode`, which compares as its text does."""
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
        spans, costs, modes, kinds, ways = self.solutions
        problem = self.chains[row]
        chain = problem if isinstance(problem, JacobianChain) else JacobianChain.from_dims(problem)
        if chain.stage_costs is None or kinds is None or ways is None:
            bracketing = Bracketing(spans[row])
        else:
            bracketing = Bracketing(spans[row], kinds[row], ways[row])
        cost = costs.item(row)
        return Plan(chain, bracketing, cost, modes[row], self.objective, self.method, True, self.model)

    def __repr__(self) -> str:
        return f"<PlanBatch of {len(self)} chains of {self.solutions.spans.shape[2] + 1} factors, method {self.method}>"
