"""What is another value each time it is read, however closely it is watched: iterators, random numbers, clocks.

A function that reads such a thing computes something else at each call, and so does the library's own Jacobian of it.
"""

from __future__ import annotations

import dis
import random
import sys
from collections.abc import Iterator
from functools import cache
from types import BuiltinFunctionType, ModuleType
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.backend import UnplannableError

if TYPE_CHECKING:
    from types import CellType, CodeType, FunctionType

    from chainopt.typing import Array

MODULES = frozenset({"random", "time", "secrets", "uuid"})  # of whose functions most return another value each time
SOURCES = (Iterator, random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)


class ChangingError(UnplannableError):
    """That a function reads something else at each call."""


def refuse_changing(value: Array) -> None:
    """Refuse to plan what reads an object that gives another value each time.

    Raises
    ------
    ChangingError
        Which names it.
    """
    source = getattr(value, "__self__", None) if isinstance(value, BuiltinFunctionType) else value
    is_module = isinstance(value, ModuleType) and value.__name__ in MODULES
    is_function = isinstance(value, BuiltinFunctionType) and value.__module__ in MODULES
    if is_module or is_function or isinstance(source, SOURCES):
        name = getattr(value, "__name__", type(value).__name__)
        msg = f"it reads {name}, which may differ at each call"
        raise ChangingError(msg)


def refuse_changing_names(function: FunctionType) -> None:
    """Refuse to plan what calls the functions of `numpy.random` or of another such module, or reads the date.

    Raises
    ------
    ChangingError
        Which says so.
    """
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    held = {name: _content(cell) for name, cell in cells}
    for owner, attribute in _attributes(function.__code__):
        holder = held.get(owner, function.__globals__.get(owner))
        if isinstance(holder, ModuleType):
            refuse_changing(holder)
        if (attribute == "random" and holder is np) or (attribute in {"now", "today", "utcnow"} and _is_date(holder)):
            msg = f"it reads {owner}.{attribute}, which may differ at each call"
            raise ChangingError(msg)


def _content(cell: CellType) -> Array:
    try:
        return cell.cell_contents
    except ValueError:  # of a variable that has no value yet
        return None


def _is_date(holder: Array) -> bool:
    module = sys.modules.get("datetime")
    return module is not None and (holder is module.datetime or holder is module.date)


@cache
def _attributes(code: CodeType) -> frozenset[tuple[str, str]]:
    """Return the pairs of a name and an attribute that is read of it at once, in a function and those in it."""
    pairs, before = set(), None
    steps = [*dis.get_instructions(code)]
    for step, *following in zip(steps, steps[1:], steps[2:], strict=False):
        if step.opname in {"LOAD_ATTR", "LOAD_METHOD"} and before is not None and not _is_seeded(*following):
            pairs.add((str(before), str(step.argval)))
        before = step.argval if step.opname in {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF"} else None
    inner = [pair for constant in code.co_consts if hasattr(constant, "co_code") for pair in _attributes(constant)]
    return frozenset(pairs.union(inner))


def _is_seeded(attribute: dis.Instruction, argument: dis.Instruction) -> bool:
    """Whether what is read of an attribute is a generator of random numbers that is made with a number written there."""
    return attribute.argval in {"default_rng", "RandomState"} and argument.opname == "LOAD_CONST" and argument.argval is not None
