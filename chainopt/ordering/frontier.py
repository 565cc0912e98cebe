"""How much time how much tape buys: the orders at all limits that make a difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainopt.errors import InfeasibleError
from chainopt.ordering.order import as_chain, optimal_order
from chainopt.plan.tape_frontier import TapeFrontier
from chainopt.solvers.objectives import model_of

if TYPE_CHECKING:
    from chainopt.ordering.order import Problem
    from chainopt.plan.plan import Plan
    from chainopt.solvers.objectives import Objective


def tape_frontier(chain: Problem, *, objective: Objective = "multiplications") -> TapeFrontier:
    """Find how much time how much tape buys: all corners of the trade-off between the two.

    Parameters
    ----------
    chain, objective
        As for `optimal_order`.

    Returns
    -------
    TapeFrontier
        The corners (tape, cost), the least tape first, and their plans.

    Raises
    ------
    ChainError
        As `optimal_order` does.

    Notes
    -----
    A limit between two tapes of the chain does what the lower one does, and the least cost never rises with the limit. So
    the tapes are halved: where both ends of a range cost the same, nothing is between them.

    Examples
    --------
    >>> import chainopt
    >>> late = chainopt.Jacobian((2, 50), jvp_cost=90, vjp_cost=90, tape=7)
    >>> early = chainopt.Jacobian((50, 60), jvp_cost=100, vjp_cost=100, tape=9)
    >>> list(chainopt.tape_frontier([late, early]))
    [Corner(tape=0, cost=11400), Corner(tape=9, cost=380)]
    """
    chain = as_chain(chain)
    costs = chain.stage_costs
    tapes = sorted({0, *(() if costs is None else costs.tape)})
    model = model_of(objective)
    plans: dict[int, Plan | None] = {}

    def solve(at: int) -> Plan | None:
        if at not in plans:
            try:
                plans[at] = optimal_order(chain, objective=model, tape_limit=tapes[at])
            except InfeasibleError:
                plans[at] = None
        return plans[at]

    ranges = [(0, len(tapes) - 1)]
    while ranges:
        low, high = ranges.pop()
        cheap, dear = solve(high), solve(low)
        if high - low > 1 and (dear is None or cheap is None or dear.cost != cheap.cost):
            middle = (low + high) // 2
            ranges += [(low, middle), (middle, high)]
    corners: dict[Any, Plan] = {}
    for at in sorted(plans):
        plan = plans[at]
        if plan is not None:
            corners.setdefault(plan.cost, plan)
    return TapeFrontier(tuple(corners.values()))
