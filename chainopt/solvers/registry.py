"""Which method solves a problem: the one place that knows them all, and that chooses."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.numbers import shown
from chainopt.solvers import polygon  # noqa: F401 -- what most chains take: the first one should not wait for it
from chainopt.solvers.memory_limited.within_memory import WithinMemory
from chainopt.solvers.options import METHODS, check_method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainopt.solvers.base import Method, Problem, ProblemBatch

# Where the methods are that answer to a name; of several the first that handles the problem. A name that is not here has its
# method in the module of that name beside this one: so a new method is a new file, and its name in `chainopt.typing.MethodName`.
# Those of schedules/, which is above, are imported as soon as somebody asks for several workers.
FORMULA = "solvers.formula"
ONE_WORKER = (FORMULA, "solvers.polygon", "solvers.interval", "solvers.estimated", "solvers.pruned", "solvers.lookup")
UNLIMITED = "schedules.unlimited"  # an interval program, which is exact for as many workers as one likes
HOMES = {
    "auto": (*ONE_WORKER, UNLIMITED, "schedules.automatic"),
    "interval": ("solvers.interval", "solvers.estimated", "solvers.pruned", "solvers.lookup", UNLIMITED),
    "heuristic": (*ONE_WORKER, UNLIMITED, "schedules.heuristic"),  # with one worker there is nothing to schedule
    "exact": (*ONE_WORKER, UNLIMITED, "schedules.exact"),
    "cp-sat": (*ONE_WORKER, UNLIMITED, "schedules.cp_sat"),
    "forward": ("solvers.pure_modes:FORWARD", "schedules.pure_modes:FORWARD"),
    "reverse": ("solvers.pure_modes:REVERSE", "schedules.pure_modes:REVERSE"),
}
PURE = ("forward", "reverse")
BY_THEMSELVES = ("formula", "points", "states", "sweeps")  # which answer where another method was asked for, or none
WITHIN_MEMORY = tuple(f"solvers.memory_limited.{module}" for module in ("bitmask", "frontier", "sweeps"))


def select(problem: Problem, method: str = "auto") -> Method:
    """Choose the method that solves a problem.

    Parameters
    ----------
    problem : Problem
        What is to be solved; its options have been checked.
    method : str
        A name of `chainopt.typing.MethodName`, or "forward" or "reverse", the homogeneous sweeps.

    Returns
    -------
    Method
        The first of those that answer to the name and handle the problem. It keeps the limit on memory, if there is one.

    Raises
    ------
    ChainError
        If there is none; the message says what the method needs, and which others would do.
    """
    if problem.memory_limit is not None:
        return _within_memory(problem, method)
    reason = ""
    for home in _homes(method, problem.chain.sizes.size - 1, problem.workers == 1):  # as `candidates` does, a little faster
        candidate = _method(home)
        refusal = candidate.refusal(problem)
        if refusal is None:
            return candidate
        reason = reason or refusal
    *others, last = [repr(name) for name in METHODS if name != method and _handles(problem, name)]
    listed = f"{', '.join(others)} or {last}" if others else last
    msg = f'method is "{method}", which {reason}: take {listed}'
    raise ChainError(msg)


def check_answering(name: str) -> None:
    """Refuse a name that cannot be that of a plan's method.

    Raises
    ------
    ChainError
        If there is no such method; the message names those there are.
    """
    known = (*METHODS, *PURE, *BY_THEMSELVES)
    if name not in known:
        msg = f'data["method"] is {shown(name)}: give one of {", ".join(known)}'
        raise ChainError(msg)


def select_for_all(batch: ProblemBatch, method: str = "auto") -> Method:
    """Choose the method that solves a batch: the first that handles each of its chains, as `select` does for one.

    Raises
    ------
    ChainError
        If there is none.
    """
    problems = batch.kinds()
    for candidate in candidates(method, batch.factors, True):
        knows_batches = batch.holds_sizes or candidate.handles_many_chains
        if knows_batches and all(candidate.refusal(problem) is None for problem in problems):
            return candidate
    for problem in problems:
        select(problem, method)  # which may say why
    msg = 'dims holds chains: those of stacks are ordered one by one, and the others by method "interval" or "auto"'
    raise ChainError(msg)


def candidates(method: str, factors: int, is_for_one: bool) -> Iterator[Method]:  # noqa: FBT001 -- of a cache, and quick so
    """Go through the methods that answer to a name, the first choice first; those after the chosen one are not imported.

    Parameters
    ----------
    method : str
        The name.
    factors : int
        How many the chain has: with fewer than three there is nothing to choose, if they are matrices.
    is_for_one : bool
        Whether there is one worker: then nothing that makes schedules is imported.

    Raises
    ------
    ChainError
        If there is no such method.
    """
    return map(_method, _homes(method, factors, is_for_one))


@lru_cache(maxsize=4096)
def _homes(method: str, factors: int, is_for_one: bool) -> tuple[str, ...]:  # noqa: FBT001
    if method not in PURE:
        check_method(method)
    homes = HOMES.get(method) or (f"solvers.{method.replace('-', '_')}",)
    if factors < 3 and method not in PURE:
        homes = (FORMULA, *homes)
    if factors > 3:
        homes = tuple(home for home in homes if home != FORMULA)
    return tuple(home for home in homes if not (is_for_one and home.startswith("schedules.")))


def _within_memory(problem: Problem, method: str) -> Method:
    chosen = select(problem._replace(memory_limit=None), method)
    if chosen.keeps_memory_limit:
        return chosen
    limited = (_method(home) for home in WITHIN_MEMORY)
    return WithinMemory(chosen, next(candidate for candidate in limited if candidate.refusal(problem) is None))


def _handles(problem: Problem, name: str) -> bool:
    """Whether a method handles a problem itself, without another one in its place."""
    methods = candidates(name, 4, problem.workers == 1)
    return any(candidate.refusal(problem) is None for candidate in methods if name in {candidate.name, "auto"})


@cache
def _method(home: str) -> Method:
    """Import a method, given where it is: a module of the package, and after a colon what it is called there, if not METHOD."""
    module, _, attribute = home.partition(":")
    method: Method = getattr(import_module(f"chainopt.{module}"), attribute or "METHOD")
    return method
