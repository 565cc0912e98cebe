"""What a function reads of its variables at once: the attributes of modules and of classes."""

from __future__ import annotations

import dis
import sys
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from chainopt.functions.code_names import PYTHONS, codes_of
from chainopt.functions.imports import imported_in, imports_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FunctionType

    from chainopt.typing import Array

VARIABLES = frozenset(
    {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF", "LOAD_FROM_DICT_OR_GLOBALS"}
)
ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
CONSTANTS = frozenset({"LOAD_CONST", "LOAD_SMALL_INT"})
BETWEEN = frozenset({"EXTENDED_ARG", "PUSH_NULL"})  # which read nothing
IS_MARKED = sys.version_info >= (3, 12)  # from then on LOAD_ATTR loads methods, too, and its last bit says so


class Read(NamedTuple):
    """What is read of a variable's value, or of a module in it."""

    variable: str
    holder: Array
    attribute: str | None  # None where the value is used as it is
    is_seeded: bool  # a number that is written there comes next, as the first argument of a call


class _Path(NamedTuple):
    variable: str | None  # None where it is no variable that could be a module
    attributes: tuple[str, ...]
    is_seeded: bool
    is_method: bool  # the last attribute is called at once


def reads_of(function: FunctionType) -> Iterator[Read]:
    """Yield what is read of variables that have a value now, those that the function imports itself among them."""
    code, own = function.__code__, function.__globals__
    held = closure_of(function) | imported_in(function)
    for variable, attributes, is_seeded, _ in _paths_of_variables(code):
        if variable in held:
            value = held[variable]
        elif variable in own:
            value = own[variable]
        elif variable in PYTHONS:
            value = PYTHONS[variable]
        else:
            continue
        yield from _reads_along(variable, value, attributes, is_seeded=is_seeded)


def _reads_along(variable: str, value: Array, attributes: tuple[str, ...], *, is_seeded: bool) -> Iterator[Read]:
    """Yield the value itself, and each module on the way, with what is read of it."""
    for number, attribute in enumerate(attributes):
        yield Read(variable, value, attribute, is_seeded and number == len(attributes) - 1)
        if not isinstance(value, ModuleType) or attribute not in vars(value):
            return
        value = vars(value)[attribute]
    if not attributes or isinstance(value, ModuleType):
        yield Read(variable, value, None, is_seeded)


def closure_of(function: FunctionType) -> dict[str, Array]:
    """Return the variables of a closure that have a value."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # of a variable that has no value yet
            continue
    return found


@cache
def _paths_of_variables(code: CodeType) -> tuple[tuple[str, tuple[str, ...], bool, bool], ...]:
    return tuple((path.variable, *path[1:]) for path in paths_in(code) if path.variable is not None)


@cache
def paths_in(code: CodeType) -> frozenset[_Path]:
    """Return the variables in the code of a function, and in those in it, each with the attributes that follow at once.

    Of local variables those that are imported count; attributes of any other value have no variable.
    """
    imported = {each.variable for each in imports_in(code)}
    found = []
    for part in codes_of(code):
        variable: str | None = None
        attributes: list[str] = []
        is_method = False
        for step in dis.get_instructions(part):
            if step.opname in BETWEEN:
                continue
            if step.opname in ATTRIBUTES:
                attributes.append(str(step.argval))
                is_method = step.opname == "LOAD_METHOD" or (IS_MARKED and bool((step.arg or 0) & 1))
                continue
            if variable or attributes:
                is_seeded = step.opname in CONSTANTS and step.argval is not None
                found.append(_Path(variable, tuple(attributes), is_seeded, is_method))
            is_local, names = "LOAD_FAST" in step.opname, [step.argval]
            if is_local and isinstance(step.argval, tuple):  # from Python 3.13 on some instructions load two
                names = [*step.argval]
                found += [_Path(name, (), is_seeded=False, is_method=False) for name in names[:-1] if name in imported]
            name = names[-1]
            is_variable = step.opname in VARIABLES or (is_local and name in imported)
            variable, attributes = str(name) if is_variable else None, []
    return frozenset(found)
