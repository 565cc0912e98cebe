"""What a plan consists of, and what follows from that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainopt.costs.estimated import EstimatedMultiplications
from chainopt.costs.memory import peak_memory, scheduled_peak
from chainopt.costs.operation_costs import largest_tape, operations_of, steps_of
from chainopt.report.bracketing_text import bracketing_text, operations_text, stage_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.bracketing.operations import Mode, Operation
    from chainopt.bracketing.schedule import Schedule
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.solvers.base import Problem, Solution
    from chainopt.typing import Cost, Tree


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class PlanData:
    """A bracketing of a chain, and what it costs; `Plan` can also be looked at, stored and run."""

    problem: Problem
    solution: Solution

    # Written out, as that of Bracketing: the generated one of a frozen class takes half as long again.
    def __init__(self, problem: Problem, solution: Solution) -> None:
        set_attribute = object.__setattr__
        set_attribute(self, "problem", problem)
        set_attribute(self, "solution", solution)

    @property
    def chain(self) -> JacobianChain:
        """What is multiplied."""
        return self.problem.chain

    @property
    def model(self) -> CostModel:
        """The cost model."""
        return self.problem.model

    @property
    def objective(self) -> str:
        """What was minimized."""
        return self.problem.model.name

    @property
    def association(self) -> Bracketing:
        """The order of the products, in arrays; `bracketing`, `tree`, `path` and `operations` show it."""
        return self.solution.bracketing

    @property
    def cost(self) -> Cost:
        """The exact number of fused multiply-adds; a float in seconds for the objective "time".

        Where `cost_is_exact` is False it is an estimate, and so are the costs of the operations and `peak_memory`.
        """
        return self.solution.cost

    @property
    def cost_is_exact(self) -> bool:
        """Whether the cost has been counted; for sparse chains it may be estimated, see the option ``patterns``."""
        return not isinstance(self.problem.model, EstimatedMultiplications)

    @property
    def about(self) -> str:
        """What is printed before a cost: "about ", where it is estimated."""
        return "" if self.cost_is_exact else "about "

    @property
    def mode(self) -> Mode:
        """The mode of the plan as a whole.

        "any" for at most two factors, "forward" where all is associated right to left, "reverse" where left to right, else
        "hybrid".
        """
        return self.solution.mode

    @property
    def method(self) -> str:
        """Which method answered."""
        return self.solution.method

    @property
    def is_optimal(self) -> bool:
        """Whether it is known that no bracketing is cheaper or, with several workers, finishes earlier.

        For a chain that was cut from a graph, whether that is known of the graph.
        """
        solution = self.solution
        return solution.is_optimal and self.cost_is_exact and self.chain.proves(solution.makespan, self.objective)

    @property
    def claims(self) -> tuple[str, ...]:
        """What a dict or JSON claims of this plan that cannot be checked in a second: "is_optimal", "lower_bound".

        `is_optimal` is False then; `lower_bound` is what was read. For a plan found in this process it is empty.

        Examples
        --------
        >>> import chainopt
        >>> plan = chainopt.optimal_order([(10, 2000), (2000, 30), (30, 1000)])
        >>> chainopt.Plan.from_json(plan.to_json()).claims
        ()
        """
        return self.solution.claims

    @property
    def schedule(self) -> Schedule | None:
        """Who does what when, where several workers share the operations."""
        return self.solution.schedule

    @property
    def bracketing(self) -> str:
        """The whole product with its brackets, as text: ``"((J3 J2) J1)"``.

        Stages without matrices: ``(J2 > A)`` pushes A through stage 2 by its JVPs, ``(A < J2)`` pulls it back by its VJPs,
        ``(J1 > I)`` and ``(I < J1)`` build the matrix of stage 1 from the identity; ``[J1]`` is that matrix, built otherwise.
        """
        return whole(self.chain, self.association, self.model)

    @property
    def tree(self) -> Tree:
        """The bracketing as nested tuples of factor positions: ``((0, 1), 2)``.

        Raises
        ------
        ChainError
            If they would be nested more than 1,000 deep; `operations` has no such limit.
        """
        return self.association.tree()

    @property
    def path(self) -> list[tuple[int, int]]:
        """The order as opt_einsum takes it; for NumPy prepend ``"einsum_path"``.

        Examples
        --------
        >>> import chainopt
        >>> chainopt.optimal_order([(10, 2000), (2000, 30), (30, 1000)]).path
        [(0, 1), (0, 1)]
        """
        return self.association.path()

    @property
    def operations(self) -> Sequence[Operation]:
        """What is done, in an order in which it can be executed: products, accumulations, pushes and pulls.

        With several workers each operation has its ``worker`` and its ``start``, and the order is that of the starts.
        """
        if self.schedule is not None:
            return tuple(self.schedule.operations(steps_of(self.chain, self.association, self.model)))
        return operations_of(self.chain, self.association, self.model)

    @property
    def workers(self) -> float:
        """How many workers share the operations; `math.inf` for an unlimited number."""
        return 1 if self.schedule is None else self.schedule.workers

    @property
    def makespan(self) -> Cost:
        """When the last operation ends; with one worker, the cost."""
        return self.solution.makespan

    @property
    def lower_bound(self) -> Cost:
        """The least `makespan` that any bracketing within the limits can have, as far as this plan's method knows."""
        return self.solution.makespan if self.is_optimal else known_bound(self) or 0

    @property
    def unit(self) -> str:
        """What the cost counts."""
        return self.model.unit

    @property
    def peak_memory(self) -> int:
        """The most matrix entries alive at once while the plan runs, not counting the given factors."""
        if self.schedule is not None:
            steps = steps_of(self.chain, self.association, self.model)
            return scheduled_peak(self.chain, steps, self.schedule.start)
        model, order = self.model, self.association
        return peak_memory(
            self.chain, order, model.nonzeros_along(order) if isinstance(model, EstimatedMultiplications) else None
        )

    @property
    def tape(self) -> int:
        """The largest tape that one of the reverse sweeps needs: runs are pulled back stage by stage."""
        return largest_tape(self.chain, self.association)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PlanData):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self.chain, self.association, self.objective, self.method, self.model, self.schedule


def known_bound(plan: PlanData) -> Cost | None:
    """Return the lower bound of a plan, where there is one and the plan is not known to be optimal."""
    if plan.is_optimal or not plan.cost_is_exact:
        return None
    costs = getattr(plan.chain, "graph_costs", None)  # of a graph
    if costs is not None and costs.objective == plan.objective:
        return costs.lower_bound or None
    return None if plan.solution.is_optimal else plan.solution.lower_bound or None


def whole(chain: JacobianChain, association: Bracketing, model: CostModel) -> str:
    """Return the whole product with its brackets; matrix-free operations are visible in it."""
    if chain.details is None:
        return bracketing_text(association)
    names = None if chain.names is None else [chain.label(position) for position in range(len(chain))]
    if association.kinds is not None:
        return operations_text(operations_of(chain, association, model), names or stage_labels(len(chain), 0))
    return bracketing_text(association, names)
