"""The options of the doors, checked once: they make a problem that no method has to check again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import numpy as np

from chainopt.chain.chain import JacobianChain
from chainopt.chain.parsing import read_factors
from chainopt.errors import ChainError
from chainopt.numbers import shown
from chainopt.solvers.base import Problem
from chainopt.solvers.objectives import model_of
from chainopt.typing import MethodName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.chain.parsing import Factor
    from chainopt.solvers.objectives import Objective
    from chainopt.typing import PatternsName, SizeArray

    ChainLike: TypeAlias = JacobianChain | Sequence[Factor] | SizeArray

METHODS: tuple[MethodName, ...] = get_args(MethodName)


def asked(
    chain: ChainLike,
    objective: Objective,
    tape_limit: float | None = None,
    memory_limit: float | None = None,
    workers: float = 1,
    time_limit: float | None = None,
    progress: bool = False,  # noqa: FBT001, FBT002 -- by position, as short chains take microseconds
    patterns: PatternsName = "auto",
) -> Problem:
    """Read the options of a door.

    Returns
    -------
    Problem
        Whose options need not be checked again.

    Raises
    ------
    ChainError
        If one of them is wrong, or they do not go together.
    """
    if not isinstance(chain, JacobianChain):
        chain = JacobianChain.from_reading(read_factors(chain, "chain"))
    if type(workers) is not int or workers != 1:
        workers = checked_workers(workers)
        if workers != 1 and memory_limit is not None:
            msg = (
                "memory_limit is given, and workers too: plans for several workers cannot be limited yet, "
                "leave one of the two out"
            )
            raise ChainError(msg)
    if tape_limit is not None:
        tape_limit = checked_limit("tape_limit", tape_limit)
    if memory_limit is not None:
        memory_limit = checked_limit("memory_limit", memory_limit)
    if time_limit is not None:
        time_limit = checked_limit("time_limit", time_limit)
    model = model_of(objective)
    if patterns != "auto" or chain.details is not None:  # a dense chain without names has none
        from chainopt.solvers.counting import check_patterns, counted

        check_patterns(patterns)
        model = counted(patterns, chain, model, workers, memory_limit)
    options = chain, model, tape_limit, memory_limit, workers, time_limit, progress
    return tuple.__new__(Problem, options)  # in half the time


def check_method(method: object) -> None:
    """Refuse an unknown method.

    Raises
    ------
    ChainError
        If there is no such method; the message names those there are.
    """
    if not isinstance(method, str) or method not in METHODS:
        msg = f"method is {shown(method)}: give one of {', '.join(map(repr, METHODS))}"
        raise ChainError(msg)


def checked_limit(name: str, value: Any) -> float:
    """Return a limit as a Python number, so that it is compared exactly with ints of any magnitude.

    Raises
    ------
    ChainError
        If it is not a number, or negative; the message names the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not value >= 0:
        unit = " of matrix entries (2**30 bytes hold 2**27 entries of float64)" if name == "memory_limit" else ""
        msg = f"{name} is {shown(value)}: give a number{unit} that is not negative, or None"
        raise ChainError(msg)
    limit: float = value.item() if isinstance(value, np.number) else value
    return limit


def checked_workers(workers: Any) -> float:
    """Return the number of workers as an int or `math.inf`.

    Raises
    ------
    ChainError
        If it is not a number of workers.
    """
    is_number = isinstance(workers, int | float | np.number) and not isinstance(workers, bool | np.bool_)
    is_count = isinstance(workers, int | np.integer)
    fits: Any = is_number and (1 <= workers < 2**63 if is_count else workers == math.inf)
    if not fits:
        msg = f"workers is {shown(workers)}: give an int, at least 1, or math.inf for an unlimited number"
        raise ChainError(msg)
    return int(workers) if is_count else math.inf
