"""The doors for the homogeneous plans: forward and reverse mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.plan.plan import Plan
from chainopt.solvers.options import asked
from chainopt.solvers.pure_modes import for_sweep
from chainopt.solvers.registry import select

if TYPE_CHECKING:
    from chainopt.solvers.base import Problem
    from chainopt.solvers.objectives import Objective
    from chainopt.solvers.options import ChainLike
    from chainopt.typing import PatternsName


def forward_order(
    chain: ChainLike,
    *,
    objective: Objective = "multiplications",
    patterns: PatternsName = "auto",
    tape_limit: float | None = None,
    memory_limit: float | None = None,
    workers: float = 1,
) -> Plan:
    """Plan the product in forward mode, right to left: ``J3 (J2 J1)``.

    Of matrix-free stages the rightmost is accumulated by JVPs, and the others are pushed through. Parameters and errors are
    those of `optimal_order`, plus an `InfeasibleError` where a matrix-free stage has no JVP. Several workers can share only the
    accumulations.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.forward_order([(10, 2000), (2000, 30), (30, 1000)]).cost
    80000000
    """
    problem = asked(chain, objective, tape_limit, memory_limit, workers, patterns=patterns)
    return pure_plan(problem, "forward", patterns)


def reverse_order(
    chain: ChainLike,
    *,
    objective: Objective = "multiplications",
    patterns: PatternsName = "auto",
    tape_limit: float | None = None,
    memory_limit: float | None = None,
    workers: float = 1,
) -> Plan:
    """Plan the product in reverse mode, left to right: ``(J3 J2) J1``.

    Of matrix-free stages the leftmost is accumulated by VJPs, and the others are pulled back through. Parameters and
    errors are those of `optimal_order`, plus an `InfeasibleError` where a matrix-free stage has no VJP, or its tape is
    too large. Several workers can share only the accumulations.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.reverse_order([(10, 2000), (2000, 30), (30, 1000)]).cost
    900000
    """
    problem = asked(chain, objective, tape_limit, memory_limit, workers, patterns=patterns)
    return pure_plan(problem, "reverse", patterns)


def pure_plan(problem: Problem, mode: str, patterns: PatternsName) -> Plan:
    """Return the plan of a pure mode, given its name; with patterns "auto" it is estimated where counting would fill memory."""
    if patterns == "auto":
        problem = for_sweep(problem, mode)
    return Plan(problem, select(problem, mode).solve(problem))
