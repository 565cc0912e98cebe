"""Objects whose contents nobody can see: what a function reads of them may change, and nothing tells."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chainopt.functions.backend import UnplannableError
from chainopt.functions.code_names import INSTALLED, is_library, root_of

if TYPE_CHECKING:
    from chainopt.typing import Array

STILL = frozenset(  # modules of Python's own whose objects stay what they are, or hold nothing that a function could read
    {"builtins", "re", "datetime", "decimal", "fractions", "operator", "functools", "types", "typing", "enum", "struct", "uuid"}
    | {"_operator", "_struct", "_thread", "_abc", "_collections", "_functools", "_typing", "pathlib", "zoneinfo"}
)
CHANGING = frozenset(  # but for these, and what has them above it
    {"builtins.bytearray", "builtins.memoryview", "builtins.dict_keys", "builtins.dict_items", "builtins.dict_values"}
    | {"decimal.Context", "_ctypes._SimpleCData", "_ctypes.Structure", "_ctypes.Union", "_ctypes.Array", "_ctypes._Pointer"}
    | {"array.array"}
)


def refuse_hiding(value: Array) -> None:
    """Refuse to plan what reads an object that is not written in Python, and may change.

    Raises
    ------
    UnplannableError
        Which names its type.
    """
    if _hides(type(value)):  # type: ignore[arg-type]
        msg = f"it reads an object of type {type(value).__name__}, which may change unseen"
        raise UnplannableError(msg)


@cache
def _hides(kind: type) -> bool:
    if any(f"{parent.__module__}.{parent.__qualname__}" in CHANGING for parent in kind.__mro__):
        return True
    is_written = bool(kind.__dictoffset__) or any("__slots__" in vars(parent) for parent in kind.__mro__)
    return not (is_written or kind.__module__ in STILL or root_of(kind.__module__) in INSTALLED)


@cache
def slots_of(kind: type) -> tuple[str, ...]:
    """Return the attributes of objects that have no dict; of a library's own objects none, which are what they are."""
    slots = [vars(base).get("__slots__", ()) for base in kind.__mro__ if not is_library(base.__module__)]
    return tuple(name for names in slots for name in ((names,) if isinstance(names, str) else names))
