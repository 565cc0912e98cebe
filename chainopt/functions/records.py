"""What planning a Jacobian tells the logger "chainopt", at the level INFO: what was planned, how, and in what time."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, cast

from chainopt.functions.blockwise import Blockwise
from chainopt.numbers import count, counted

if TYPE_CHECKING:
    from chainopt.functions.options import Options
    from chainopt.functions.prepared import Prepared
    from chainopt.functions.strategy import Strategy
    from chainopt.plan.plan import Plan
    from chainopt.structure.compression import Coloring
    from chainopt.typing import Function

LOGGER = logging.getLogger("chainopt")


def tell(function: Function, options: Options, begin: float, strategy: Strategy) -> None:
    """Say how the Jacobian of a function will be computed; nothing is put together where nobody listens."""
    if LOGGER.isEnabledFor(logging.INFO):
        _tell(function, options, begin, _planned(strategy.prepared, strategy.mode) if strategy.prepared else _refused(strategy))


def tell_sparse(function: Function, options: Options, begin: float, places: int, coloring: Coloring) -> None:
    """Say the same of a sparse Jacobian, which has so many places that may hold a nonzero, and of which a coloring was found."""
    if LOGGER.isEnabledFor(logging.INFO):
        _tell(function, options, begin, f"{counted(places, 'place')}, {coloring}")


def _tell(function: Function, options: Options, begin: float, text: str) -> None:
    what = "Hessian" if options.is_hessian else "Jacobian"
    name = getattr(function, "__name__", type(function).__name__)
    LOGGER.info("planned the %s of %s in %.3g s: %s", what, name, time.perf_counter() - begin, text)


def _planned(prepared: Prepared | Blockwise, mode: str) -> str:
    if isinstance(prepared, Blockwise):
        if prepared.mode == "elimination":
            return "straight-line code, mode elimination"
        plan = cast("Plan", prepared.line.plan())
        how = "the sparse ones colored" if mode == "planned" else "what sines and cosines give computed once"
        return f"{counted(len(plan.chain), 'stage')}, {how}, mode {mode}, cost {count(plan.cost)}"
    plans, stages = prepared.comparison, len(prepared.program.sections)
    chosen = prepared.plan_of(mode)
    pure = [f"{plan.mode} {count(plan.cost)}" for plan in (plans.forward, plans.reverse) if plan is not None]
    cut = f"{counted(stages, 'stage')}, mode {mode}"
    return f"{cut}, {chosen.mode} order, cost {count(chosen.cost)} ({', '.join(pure)})"


def _refused(strategy: Strategy) -> str:
    return f"left to the library's {strategy.mode} mode, for {strategy.reason}"
