"""A lower bound known at once, for searches that end before their interval programs are finished."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from chainopt.bracketing.operations import PRODUCT, PULLED, PUSHED
from chainopt.costs.last_operations import at_gap
from chainopt.solvers import polygon
from chainopt.solvers.base import Problem

if TYPE_CHECKING:
    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.schedules.instance import Instance


def quick_bound(instance: Instance) -> tuple[Any, Bracketing | None]:
    """Return a lower bound on the makespan: the least work, or less, shared evenly; and the bracketing, where it is known."""
    bracketing = None
    if instance.problem.chain.details is None and instance.counts_sizes and instance.factors > 2:
        bracketing, work, *_ = polygon.METHOD.solve(Problem(instance.problem.chain))
    else:
        work = instance.clock.time(_relaxed_work(instance))
    return instance.share(work), bracketing


def _relaxed_work(instance: Instance) -> Any:
    """Return the work of the cheapest choice at each gap, as if its result had as few rows and columns as any can have.

    A stage needs its matrix, unless it is pushed through at the gap to its right or pulled through at the gap to its left: so
    only the choices of neighbors depend on each other.
    """
    dims, choices = instance.problem.chain.dims, instance.problem.choices
    leaves = choices.leaves
    fewest_rows = list(accumulate(dims, min))
    fewest_columns = list(accumulate(reversed(dims), min))[::-1]
    least: dict[int, Any] = {PRODUCT: 0}  # by what is done at the gap before
    for gap in range(1, len(leaves)):
        costs = at_gap(dims, choices, gap, fewest_rows[gap - 1], fewest_columns[gap + 1])
        if not instance.counts_sizes:
            costs[PRODUCT] = 0
        leaf = leaves[gap - 1]
        least = {
            join: cost + min(work + (0 if before == PULLED or join == PUSHED else leaf) for before, work in least.items())
            for join, cost in costs.items()
        }
    return min(work + (0 if before == PULLED else leaves[-1]) for before, work in least.items())
