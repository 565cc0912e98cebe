"""What is another value each time it is read, however closely it is watched: iterators, random numbers, clocks.

A function that reads such a thing computes something else at each call, and so does the library's own Jacobian of it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.backend import UnplannableError
from chainopt.functions.imports import imports_in
from chainopt.functions.reads import reads_of

if TYPE_CHECKING:
    from chainopt.typing import Array

MODULES = frozenset({"random", "time", "secrets", "uuid"})  # of whose functions most return another value each time
SEEDED = frozenset({"default_rng", "RandomState"})  # which give the same numbers each time, after a number that is written there
SOURCES = (Iterator, random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)
OF_DATES = frozenset({"now", "today", "utcnow"})
DIFFERENT = "it reads {}, which may differ at each call"


def refuse_changing(value: Array) -> None:
    """Refuse to plan what reads an object that gives another value each time.

    Raises
    ------
    UnplannableError
        Which names it.
    """
    if isinstance(value, ModuleType):
        is_changing = value.__name__ in MODULES
    elif isinstance(value, BuiltinFunctionType):
        is_changing = value.__module__ in MODULES or isinstance(value.__self__, SOURCES)
    else:
        is_changing = isinstance(value, SOURCES)
    if is_changing:
        _refuse(getattr(value, "__name__", type(value).__name__))


def refuse_changing_names(function: FunctionType) -> None:
    """Refuse to plan what calls the functions of `numpy.random` or of another such module, or reads the date.

    Raises
    ------
    UnplannableError
        Which says so.
    """
    imports = imports_in(function.__code__)
    for module in {each.module for each in imports} & MODULES if imports else ():
        _refuse(module)
    for variable, holder, attribute, is_seeded in reads_of(function):
        if isinstance(holder, ModuleType | BuiltinFunctionType):
            refuse_changing(holder)
        is_random = holder is np.random or (attribute is None and _is_of_random(holder))
        if is_random and not (is_seeded and (attribute or holder.__name__) in SEEDED):
            _refuse(".".join(filter(None, (variable, attribute))))
        if attribute in OF_DATES and _is_date(holder):
            _refuse(f"{variable}.{attribute}")


def _refuse(name: str) -> None:
    raise UnplannableError(DIFFERENT.format(name))


def _is_of_random(value: Array) -> bool:
    """Whether it is one of the functions of `numpy.random`, or a class of what gives random numbers."""
    if isinstance(value, FunctionType | ModuleType):  # which they are not: they are compiled
        return False
    return callable(value) and str(getattr(value, "__module__", "")).startswith("numpy.random")


def _is_date(holder: Array) -> bool:
    module = sys.modules.get("datetime")
    return module is not None and (holder is module.datetime or holder is module.date)
