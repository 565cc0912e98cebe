"""What may be asked of a solver: the options of `optimal_order`, checked, and who answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.errors import ChainError
from chainopt.numbers import shown

if TYPE_CHECKING:
    from chainopt.chain.chain import JacobianChain

SCHEDULING = ("heuristic", "exact", "cp-sat")
METHODS = ("auto", "polygon", "interval", "textbook", *SCHEDULING)


def check_method(method: object) -> None:
    """Refuse a method that is none.

    Raises
    ------
    ChainError
        Which names those there are.
    """
    if not isinstance(method, str) or method not in METHODS:
        msg = f"method is {shown(method)}: known are {', '.join(map(repr, METHODS))}"
        raise ChainError(msg)


def check_limit(name: str, value: object) -> None:
    """Refuse a limit that is no number, or negative.

    Raises
    ------
    ChainError
        Which names the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not value >= 0:
        msg = f"{name} is {value!r}: give a number that is not negative, or None"
        raise ChainError(msg)


def check_workers(workers: Any, time_limit: object, memory_limit: object) -> float:
    """Return the number of workers as an int or `math.inf`.

    Raises
    ------
    ChainError
        If it is none, or something is asked that plans for several workers do not know.
    """
    is_number = isinstance(workers, int | float | np.number) and not isinstance(workers, bool)
    is_count = isinstance(workers, int | np.integer)
    fits: Any = is_number and (1 <= workers < 2**63 if is_count else workers == math.inf)
    if not fits:
        msg = f"workers is {shown(workers)}: give an int, at least 1, or math.inf for as many as one likes"
        raise ChainError(msg)
    if time_limit is not None:
        check_limit("time_limit", time_limit)
    if workers != 1 and memory_limit is not None:
        msg = "memory_limit is given, and workers too: plans for several workers cannot be limited yet, leave one of the two out"
        raise ChainError(msg)
    return int(workers) if is_count else math.inf


def priced_solver(method: str) -> str:
    """Choose where prices are looked up."""
    if method == "polygon":
        msg = 'method is "polygon", which needs dense matrices and counts their multiplications: take "interval" or "auto"'
        raise ChainError(msg)
    return "textbook" if method == "textbook" else "interval"


def solver_for(chain: JacobianChain, method: str) -> str:
    """Choose: only the interval program knows matrix-free stages and unequal stacks, else the polygon is the fastest."""
    factors = chain.sizes.size - 1
    if chain.details is None and method == "auto":
        return "polygon" if factors > 3 else "formula"
    matrix_free = chain.stage_costs is not None
    if not matrix_free and (factors < 3 or (factors == 3 and method == "auto")):
        return "formula"
    equal_stacks = chain.batches is None or len({*chain.batches}) == 1
    if method == "auto":
        return "polygon" if equal_stacks and not matrix_free else "interval"
    if method == "polygon" and (matrix_free or not equal_stacks):
        needs = "matrices at hand" if matrix_free else "stacks of equal shape"
        msg = f'method is "polygon", which needs {needs}: take "interval" or "auto"'
        raise ChainError(msg)
    return method
