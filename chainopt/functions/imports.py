"""What a function imports itself, when it is called: modules, and what it takes from them."""

from __future__ import annotations

import dis
import sys
from functools import cache
from importlib.util import resolve_name
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from chainopt.functions.code_names import codes_of, root_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FunctionType

    from chainopt.typing import Array

_IMPORT = dis.opmap["IMPORT_NAME"]


class Import(NamedTuple):
    """A variable that is a module, or what has a name in one."""

    variable: str
    module: str
    level: int  # how many dots stand before it
    taken: str | None  # None where the variable is the module itself


def modules_imported_in(function: FunctionType) -> list[ModuleType]:
    """Return the modules that a function imports, those that have been imported before."""
    names = [name for each in imports_in(function.__code__) for name in _names_of(each, function)]
    found = [sys.modules.get(name) for whole in dict.fromkeys(names) for name in dict.fromkeys((whole, root_of(whole)))]
    return [module for module in found if isinstance(module, ModuleType)]


def imported_in(function: FunctionType) -> dict[str, Array]:
    """Return the variables that imports give a value, those whose module has been imported before."""
    found: dict[str, Array] = {}
    for each in imports_in(function.__code__):
        for name in _names_of(each, function):
            module = sys.modules.get(name)
            if isinstance(module, ModuleType):
                value = module if each.taken is None else vars(module).get(each.taken, sys.modules.get(f"{name}.{each.taken}"))
                if value is not None:
                    found[each.variable] = value
    return found


def _names_of(each: Import, function: FunctionType) -> list[str]:
    """Return the whole name of a module; none where it lies beyond the top of its package."""
    package = function.__globals__.get("__package__") or ""
    try:
        return [resolve_name("." * each.level + each.module, package) if each.level else each.module]
    except ImportError:
        return []


@cache
def imports_in(code: CodeType) -> tuple[Import, ...]:
    """Return what the code of a function imports, and those in it."""
    return tuple(each for part in codes_of(code) if _IMPORT in part.co_code[::2] for each in _imports_of(part))


def _imports_of(part: CodeType) -> Iterator[Import]:
    """Yield what is stored after each import: of ``from module import taken`` all that is taken, else one variable."""
    module, level, taken, is_taking = None, 0, None, False
    steps = [*dis.get_instructions(part)]
    for before, listed, step in zip(steps, steps[1:], steps[2:], strict=False):
        if step.opname == "IMPORT_NAME":
            module, level, taken, is_taking = str(step.argval), int(before.argval or 0), None, listed.argval is not None
        elif step.opname == "IMPORT_FROM":
            taken = str(step.argval)
        elif "STORE_" in step.opname and module is not None and (taken or not is_taking):
            variable = str(step.argval[0] if isinstance(step.argval, tuple) else step.argval)
            if is_taking:
                yield Import(variable, module, level, taken)
            else:  # ``import module as variable`` goes down to what it names; without that, the variable is its first part
                yield Import(variable, module if taken else root_of(module), level, None)
                module = None
            taken = None
