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
    | {"array.array", "builtins.BaseException"}
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
    found = []
    for base in kind.__mro__:
        slots = () if is_library(base.__module__) else vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            is_private = name.startswith("__") and not name.endswith("__")
            found.append(f"_{base.__name__.lstrip('_')}{name}" if is_private else name)  # as Python itself writes it
    return tuple(name for name in found if name not in {"__dict__", "__weakref__"})
