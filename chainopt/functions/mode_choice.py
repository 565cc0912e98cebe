"""Which way a Jacobian goes: planned, or one of the pure modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.numbers import shown
from chainopt.ordering.order import compare, optimal_order
from chainopt.plan.comparison import Comparison

if TYPE_CHECKING:
    from chainopt.functions.program import Program
    from chainopt.plan.plan import Plan

MODES = ("auto", "forward", "reverse", "planned")
WORTH_IT = 1.5  # times that a planned Jacobian must promise to be cheaper than the better pure mode


def choice(comparison: Comparison, mode: str, overhead: int = 0) -> str:
    """Return "planned", or the pure mode that is the better one.

    Calling the equations of the function takes as long as ``overhead`` multiply-adds, whatever the sizes; VJPs call twice
    as many.
    """
    if mode != "auto":
        return mode
    pure = {"forward": (comparison.forward, overhead), "reverse": (comparison.reverse, 2 * overhead)}
    costs = {name: plan.cost + calls for name, (plan, calls) in pure.items() if plan is not None}
    if not costs or min(costs.values()) >= WORTH_IT * (comparison.optimal.cost + 2 * overhead):
        return "planned"
    return min(costs, key=lambda name: costs[name])


def compared(program: Program) -> Comparison:
    """Hold the cheapest order of a program's chain against the pure modes, as the libraries run them."""
    comparison = compare(program.traced_chain)
    if program.chain == program.traced_chain:
        return comparison
    return Comparison(comparison.forward, comparison.reverse, optimal_order(program.chain))


def plan_of(comparison: Comparison, mode: str) -> Plan:
    """Return the plan that runs in a mode that was chosen."""
    return {"forward": comparison.forward, "reverse": comparison.reverse}.get(mode) or comparison.optimal


def check_options(function: object, argnums: object, mode: object, chunk_size: object, *, low_rank: object) -> None:
    """Refuse what is no function, no position, no mode or no chunk size, and factors where the whole Jacobian is asked for.

    Raises
    ------
    ChainError
        Which says what there is instead.
    """
    if not callable(function):
        msg = f"the function is {shown(function)}, which cannot be called"
        raise ChainError(msg)
    positions = argnums if isinstance(argnums, Sequence) and not isinstance(argnums, str) else [argnums]
    if not all(isinstance(at, int) and not isinstance(at, bool) for at in positions):
        msg = f"argnums is {shown(argnums)}: give the position of an argument, or a sequence of positions"
        raise ChainError(msg)
    if mode not in MODES:
        msg = f"mode is {mode!r}: known are {', '.join(map(repr, MODES))}"
        raise ChainError(msg)
    if low_rank and mode in {"forward", "reverse"}:
        msg = f'low_rank is {low_rank!r}, but mode is {mode!r}, which has no factors: take mode "auto" or "planned"'
        raise ChainError(msg)
    if chunk_size is not None and (isinstance(chunk_size, bool) or not isinstance(chunk_size, int) or chunk_size < 1):
        msg = f"chunk_size is {chunk_size!r}: give an int of at least 1, or None"
        raise ChainError(msg)
