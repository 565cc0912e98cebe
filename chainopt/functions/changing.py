"""What is another value each time it is read, however closely it is watched: iterators, random numbers, clocks.

A function that reads such a thing computes something else at each call, and so does the library's own Jacobian of it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, ModuleType
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.backend import UnplannableError
from chainopt.functions.imports import imports_in
from chainopt.functions.reads import reads_of

if TYPE_CHECKING:
    from types import FunctionType

    from chainopt.typing import Array

MODULES = frozenset({"random", "time", "secrets", "uuid"})  # of whose functions most return another value each time
SEEDED = frozenset({"default_rng", "RandomState"})  # which give the same numbers each time, after a number that is written there
SOURCES = (Iterator, random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)
DIFFERENT = "it reads {}, which may differ at each call"


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
        _refuse(getattr(value, "__name__", type(value).__name__))


def refuse_changing_names(function: FunctionType) -> None:
    """Refuse to plan what calls the functions of `numpy.random` or of another such module, or reads the date.

    Raises
    ------
    ChangingError
        Which says so.
    """
    for module in {each.module for each in imports_in(function.__code__)} & MODULES:
        _refuse(module)
    for read in reads_of(function):
        refuse_changing(read.holder)
        is_seeded = read.is_seeded and (read.attribute or getattr(read.holder, "__name__", None)) in SEEDED
        is_random = read.holder is np.random or (read.attribute is None and _is_of_random(read.holder))
        if (is_random and not is_seeded) or (read.attribute in {"now", "today", "utcnow"} and _is_date(read.holder)):
            _refuse(".".join(filter(None, (read.variable, read.attribute))))


def _refuse(name: str) -> None:
    raise ChangingError(DIFFERENT.format(name))


def _is_of_random(value: Array) -> bool:
    """Whether it is one of the functions of `numpy.random`, or a class of what gives random numbers."""
    return callable(value) and str(getattr(value, "__module__", "")).startswith("numpy.random")


def _is_date(holder: Array) -> bool:
    module = sys.modules.get("datetime")
    return module is not None and (holder is module.datetime or holder is module.date)
