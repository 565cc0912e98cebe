"""What the code of a function names: variables and attributes."""

from __future__ import annotations

import builtins
import dis
import sys
from functools import cache, cached_property
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chainopt.typing import Array

INSTALLED = frozenset(
    {"jax", "jaxlib", "torch", "numpy", "scipy", "einops", "chainopt", "equinox", "jaxtyping", "wadler_lindig", "lineax"}
    | {"diffrax", "optimistix", "optax", "flax", "haiku", "chex", "ml_dtypes", "opt_einsum", "beartype", "typing_extensions"}
)
LIBRARIES = (INSTALLED | sys.stdlib_module_names) - {"__main__"}
"""Whose functions, classes and modules stay what they are."""
OF_MODULES = "__getattr__"  # the function that a module may have for names that it lacks
PYTHONS = vars(builtins)
OF_VARIABLES = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL"})


@cache
def is_library(name: str | None) -> bool:
    """Whether a module belongs to a library."""
    return root_of(name) in LIBRARIES


@cache
def is_installed(name: str | None) -> bool:
    """Whether a module belongs to another installed package: its code stays what it is, but it may have settings that change."""
    place = str(getattr(sys.modules.get(root_of(name)), "__file__", "") or "")
    return not is_library(name) and ("site-packages" in place or "dist-packages" in place)


def root_of(name: str | None) -> str:
    """Return the package to which a module belongs."""
    return (name or "").partition(".")[0]


def function_of(held: Array) -> Array:
    """Return the function of what a class holds: of a property, or of a static or class method."""
    if isinstance(held, property | cached_property):
        return held.fget if isinstance(held, property) else held.func
    return held.__func__ if isinstance(held, staticmethod | classmethod) else held


@cache
def names_in(code: CodeType) -> tuple[str, ...]:
    """Return the names of globals and attributes in the code of a function, and of those in it."""
    return tuple(dict.fromkeys(name for part in codes_of(code) for name in part.co_names))


@cache
def texts_in(code: CodeType) -> tuple[str, ...]:
    """Return the texts in the code of a function that could be names of attributes, as ``getattr`` takes them."""
    texts = [text for part in codes_of(code) for text in part.co_consts if isinstance(text, str) and text.isidentifier()]
    return tuple(dict.fromkeys(texts))


@cache
def variables_in(code: CodeType) -> tuple[str, ...]:
    """Return the names of the variables of the module, or of Python itself, and not those of attributes."""
    steps = [step for part in codes_of(code) for step in dis.get_instructions(part)]
    return tuple(dict.fromkeys(str(step.argval) for step in steps if step.opname in OF_VARIABLES))


def variables_of(function: FunctionType) -> list[tuple[Mapping[str, Array], str]]:
    """Return the variables that a function reads, each with where it is: in its module, or among Python's own."""
    own, names = function.__globals__, variables_in(function.__code__)
    found: list[tuple[Mapping[str, Array], str]] = [(own, name) for name in names if name in own]
    beside = [(name, PYTHONS[name]) for name in names if name not in own and name in PYTHONS]
    return found + [(PYTHONS, name) for name, value in beside if not isinstance(value, BuiltinFunctionType | type)]


def names_of_class(kind: type) -> tuple[str, ...]:
    """Return what a class holds itself, but for what Python has put there that is no function."""
    held = vars(kind).items()
    return tuple(
        name
        for name, value in held
        if name != "_abc_impl" and (not name.startswith("__") or isinstance(function_of(value), FunctionType))
    )


@cache
def codes_of(code: CodeType) -> tuple[CodeType, ...]:
    """Return the code of a function, and of those in it."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return (code, *(nested for part in inner for nested in codes_of(part)))
