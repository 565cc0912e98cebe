"""Timing the JVPs and VJPs of stages."""

from __future__ import annotations

from contextlib import nullcontext
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from chainopt.chain.chain import JacobianChain
from chainopt.chain.jacobian import Jacobian, checked_shape
from chainopt.chain.parsing import read_factors
from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import backend_of, is_operator
from chainopt.execution.backends.seeds import seed_for
from chainopt.numbers import counted
from chainopt.report.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Array

BLOCK = 16  # columns, or rows, that a stage is measured with
REPEATS = 5
PATIENCE = 1.0  # seconds after which a stage is not measured again


def measured_chain(stages: Sequence[Array], *, progress: bool) -> JacobianChain:
    """Return the chain of stages, with seconds per JVP and VJP as their costs; see `chainopt.calibrate`."""
    try:
        given = list(stages)
    except TypeError:
        msg = f"stages is of type {type(stages).__name__}: give a sequence of stages in product order"
        raise ChainError(msg) from None
    measured: list[Array] = []
    with progress_bar("measuring stages", len(given)) if progress else nullcontext() as bar:
        for position, stage in enumerate(given):
            measured.append(_measured_stage(stage, f"stages[{position}]") if is_operator(stage) else stage)
            if bar is not None:
                bar.advance(1)
    return JacobianChain.from_reading(read_factors(measured, "stages"))


def _measured_stage(stage: Array, place: str) -> Jacobian:
    rows, columns = checked_shape(getattr(stage, "shape", None), f"{place}.shape")
    jvp_cost = _seconds_per_vector(stage, "matmat", (columns, rows), place)
    vjp_cost = _seconds_per_vector(stage, "rmatmat", (rows, columns), place)
    if jvp_cost is None and vjp_cost is None:
        msg = f"{place} is a {type(stage).__name__} with neither matmat nor rmatmat: give it one of them"
        raise ChainError(msg)
    return Jacobian((rows, columns), jvp_cost=jvp_cost, vjp_cost=vjp_cost)


def _seconds_per_vector(stage: Array, name: str, ends: tuple[int, int], place: str) -> float | None:
    """Time a block of columns, and return the seconds for one of them; None where the stage lacks the mode.

    Parameters
    ----------
    stage
        The stage.
    name : str
        Its method: "matmat" or "rmatmat".
    ends : (int, int)
        The sizes of what the method takes, and of what it returns.
    place : str
        What the stage is called in errors.
    """
    call = getattr(stage, name, None)
    if call is None:
        return None
    width = max(min(ends[0], BLOCK), 1)
    block = seed_for(stage, None, np.random.default_rng(0).random((ends[0], width)))
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < PATIENCE:
        begin = perf_counter()
        try:
            result = call(block)
            backend_of(result).wait_for(result)
            shape = tuple(result.shape)
        except Exception as error:  # whatever a stage raises
            if _is_made_without(stage, name, ends[0], error):
                return None
            msg = f"{place}.{name} fails for a block of {counted(width, 'column')}: {type(error).__name__}: {error}"
            raise ChainError(msg) from error
        times.append(perf_counter() - begin)
        if shape != (ends[1], width):
            msg = f"{place}.{name} gives the shape {shape} for a block of {ends[0]}x{width}: it must be {(ends[1], width)}"
            raise ChainError(msg)
    return min(times) / width


def _is_made_without(stage: Array, name: str, size: int, error: Exception) -> bool:
    """Whether a stage has the method but not the mode: SciPy's operators always have both methods, and raise this or that.

    Parameters
    ----------
    stage
        The stage.
    name : str
        The method.
    size : int
        The rows of what it takes.
    error : Exception
        What it raised for a block of columns.
    """
    if isinstance(error, NotImplementedError):
        return True
    try:
        getattr(stage, name.replace("matmat", "matvec"))(np.zeros(size))
    except NotImplementedError:
        return True
    except Exception:  # noqa: BLE001 -- what failed with a block is reported, not what fails with a vector
        return False
    return False
