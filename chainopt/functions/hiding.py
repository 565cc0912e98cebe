"""Objects whose contents nobody can see: what a function reads of them may change, and nothing tells."""

from __future__ import annotations

import sys
from collections import namedtuple
from functools import cache
from struct import calcsize
from types import MemberDescriptorType
from typing import TYPE_CHECKING

from chainopt.functions.backend import UnplannableError
from chainopt.functions.code_names import INSTALLED, root_of

if TYPE_CHECKING:
    from chainopt.typing import Array

FIELD = type(vars(namedtuple("Fields", "first"))["first"])  # noqa: PYI024 -- it has no public name; of a named tuple's class
STILL = frozenset(  # modules of Python's own whose objects stay what they are, or hold nothing that a function could read
    {"builtins", "re", "datetime", "decimal", "fractions", "operator", "functools", "types", "typing", "enum", "struct", "uuid"}
    | {"_operator", "_struct", "_thread", "_abc", "_collections", "_functools", "_typing", "pathlib", "zoneinfo"}
)
CHANGING = frozenset(  # but for these, and what has them above it
    {"builtins.bytearray", "builtins.memoryview", "builtins.dict_keys", "builtins.dict_items", "builtins.dict_values"}
    | {"decimal.Context", "_ctypes._SimpleCData", "_ctypes.Structure", "_ctypes.Union", "_ctypes.Array", "_ctypes._Pointer"}
    | {"array.array", "builtins.BaseException", "torch.Tensor", "_thread._local"}
)
FIXED = (sys.stdlib_module_names | {"jax", "jaxlib", "torch", "numpy", "scipy"}) - {"__main__"}


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
    if any(adds_fields(parent) and not _is_still(parent) for parent in kind.__mro__):
        return True
    is_written = bool(kind.__dictoffset__) or any("__slots__" in vars(parent) for parent in kind.__mro__)
    return not (is_written or _is_still(kind))


def _is_still(kind: type) -> bool:
    return kind is FIELD or kind.__module__ in STILL or root_of(kind.__module__) in INSTALLED


@cache
def adds_fields(kind: type) -> bool:
    """Whether objects of a class have more room than its base and Python's attributes take: for fields that are not Python's."""
    base = kind.__base__
    if base is None:
        return False
    slots = sum(isinstance(value, MemberDescriptorType) for value in vars(kind).values()) if "__slots__" in vars(kind) else 0
    # Where an offset is negative, the attribute lies before the object, in no room of its own.
    has_dict = kind.__dictoffset__ > 0 >= base.__dictoffset__
    has_references = kind.__weakrefoffset__ > 0 >= base.__weakrefoffset__
    return kind.__basicsize__ - base.__basicsize__ > (slots + has_dict + has_references) * calcsize("P")


@cache
def slots_of(kind: type) -> tuple[str, ...]:
    """Return the attributes of objects that have no dict; of the objects of some libraries none, which are what they are."""
    found = []
    for base in kind.__mro__:
        slots = () if root_of(base.__module__) in FIXED else vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            is_private = name.startswith("__") and not name.endswith("__")
            found.append(f"_{base.__name__.lstrip('_')}{name}" if is_private else name)  # as Python itself writes it
    return tuple(name for name in found if name not in {"__dict__", "__weakref__"})
