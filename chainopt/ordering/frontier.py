"""The door to the trade-off between time and tape: the orders at all limits that make a difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import InfeasibleError
from chainopt.plan.plan import Plan
from chainopt.plan.tape_frontier import TapeFrontier
from chainopt.solvers.options import asked
from chainopt.solvers.registry import select

if TYPE_CHECKING:
    from chainopt.solvers.objectives import Objective
    from chainopt.solvers.options import ChainLike
    from chainopt.typing import Cost


def tape_frontier(chain: ChainLike, *, objective: Objective = "multiplications") -> TapeFrontier:
    """Find what more tape saves in time: all corners of the trade-off between the two.

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
    A limit between two tapes of the chain acts as the lower one does, and the least cost never rises with the limit. So
    the tapes are bisected: where both ends of a range cost the same, no corner lies between them.

    Examples
    --------
    >>> import chainopt
    >>> late = chainopt.Jacobian((2, 50), jvp_cost=90, vjp_cost=90, tape=7)
    >>> early = chainopt.Jacobian((50, 60), jvp_cost=100, vjp_cost=100, tape=9)
    >>> list(chainopt.tape_frontier([late, early]))
    [Corner(tape=0, cost=11400), Corner(tape=9, cost=380)]
    """
    problem = asked(chain, objective)
    costs = problem.chain.stage_costs
    tapes = sorted({0, *(() if costs is None else costs.tape)})
    plans: dict[int, Plan | None] = {}

    def plan_within(position: int) -> Plan | None:
        if position not in plans:
            limited = problem._replace(tape_limit=tapes[position])
            try:
                plans[position] = Plan(limited, select(limited).solve(limited))
            except InfeasibleError:
                plans[position] = None
        return plans[position]

    ranges = [(0, len(tapes) - 1)]
    while ranges:
        low, high = ranges.pop()
        cheap, dear = plan_within(high), plan_within(low)
        if high - low > 1 and (dear is None or cheap is None or dear.cost != cheap.cost):
            middle = (low + high) // 2
            ranges += [(low, middle), (middle, high)]
    corners: dict[Cost, Plan] = {}
    for _, plan in sorted(plans.items()):
        if plan is not None:
            corners.setdefault(plan.cost, plan)
    return TapeFrontier(tuple(corners.values()))
