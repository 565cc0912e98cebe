"""What a function reads besides its arguments: arrays, which can become inputs of its program, and all else, which is its key.

Two functions of the same code that read equal values, the same NumPy arrays, and the library's arrays of equal shapes, compute
the same program. So a closure that is made anew at each call finds the program of the one before. What cannot be looked into, or
changes by itself, is named as a reason not to plan.
"""

from __future__ import annotations

import enum
import weakref
from collections import deque
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodWrapperType,
    ModuleType,
    SimpleNamespace,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.backend import UnplannableError
from chainopt.functions.changing import DIFFERENT, refuse_changing_names
from chainopt.functions.code_names import function_of, is_library, names_in, root_of, texts_in
from chainopt.functions.hiding import FIELD, adds_fields, slots_of
from chainopt.functions.signature import PLAIN
from chainopt.functions.unseen import REFLECTION
from chainopt.functions.walk import CACHING, CONTAINERS, VALUES, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from chainopt.functions.backend import Backend
    from chainopt.typing import Array

MOST_BYTES = 100_000  # of a NumPy array whose numbers are part of the key
CHANGING_MODULES = frozenset({"random", "time", "datetime", "secrets", "uuid"})
CHANGING_NAMES = frozenset(
    {"random", "rand", "randn", "randint", "default_rng", "time", "perf_counter", "now", "today", "environ", "uuid4", "urandom"}
)
MAKING = ("__init__", "__post_init__")  # which may take random numbers, as long as the function makes no such object
CONSTANT_TYPES = (int, str, bytes, type(None), type(...), type(NotImplemented), range, enum.Enum, np.dtype)
DESCRIPTORS = (MethodDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType, MemberDescriptorType, GetSetDescriptorType)
NATIVE = (*DESCRIPTORS, FIELD, np.ufunc, PurePath)
TRANSPARENT = frozenset({object, SimpleNamespace})  # classes that are not written in Python, but show what they hold
_HEAP_TYPE = 1 << 9  # set in the flags of every class that is written in Python, and of some others


class Identities:
    """Arrays that stay what they are, in a key: equal to others where they are the same ones, and alive."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        self._addresses = tuple(map(id, arrays))
        self._references = tuple(map(weakref.ref, arrays))

    def __hash__(self) -> int:
        return hash(self._addresses)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Identities):
            return NotImplemented
        pairs = zip(self._references, other._references, strict=True)
        return self._addresses == other._addresses and all(one() is two() is not None for one, two in pairs)


class Same:
    """An object of a library in a key: equal to itself alone."""

    def __init__(self, value: Array) -> None:
        self._value = value

    def __hash__(self) -> int:
        return id(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self._value is other._value


class FunctionState(Walk):
    """The arrays that a function reads, each once, and a key of everything else.

    Parameters
    ----------
    backend : Backend
        Which says what an array is.
    most_objects : int
        That are looked into at a call; beyond, looking takes too long.
    """

    def __init__(self, backend: Backend, most_objects: int) -> None:
        super().__init__(most_objects)
        self.backend, self.constant_types = backend, (*CONSTANT_TYPES, *backend.constant_types)
        self.arrays: list[Array] = []
        self._key: list[object] = []
        self._making: dict[int, FunctionType] = {}  # of classes of which only objects were met
        self._made: set[int] = set()  # classes that were met themselves, and what is above them

    @property
    def key(self) -> tuple[object, ...]:
        """What functions that compute the same have in common."""
        return (*self._key, Identities(self.arrays)) if self.backend.reads_by_identity else tuple(self._key)

    def is_still(self, value: Array) -> bool:
        """Write down what holds nothing: numbers, texts, constants, empty containers."""
        kind = type(value)
        if kind in PLAIN:
            self._key.append((kind, value))
        elif kind in CONTAINERS and not value:  # as most of what a module of a network has of hooks
            self._key.append(("empty", kind))
        elif isinstance(value, self.constant_types) and is_library(kind.__module__):
            self._key.append((kind, value))
        elif isinstance(value, float | complex) and is_library(kind.__module__):
            self._key.append((kind, _bits(value)))
        elif isinstance(value, np.generic) and not value.dtype.hasobject:
            self._key.append((kind, value.dtype.str, value.tobytes()))
        else:
            return False
        return True

    def again(self, value: Array) -> None:
        """Write down which object was met again."""
        self._key.append(("again", self.numbers[id(value)]))

    def array(self, value: Array) -> bool:
        """Write down the numbers of one of NumPy's, and what one of the library's is; false where it is none."""
        if isinstance(value, np.ndarray | np.generic):
            self._key.append(_numbers_of(value))
        elif self.backend.is_array(value):
            self._key.append(("array", type(value), self.backend.describe(value)))
            self.arrays.append(value)
        else:
            return False
        return True

    def code(self, value: FunctionType | type) -> bool:  # noqa: ARG002 -- the walk's
        """Return that installed packages are looked into as the user's own code."""
        return False

    def refuse(self, function: FunctionType) -> None:
        """Refuse what reads random numbers, clocks or the environment, by whatever name they have."""
        refuse_changing_names(function)
        if id(function) not in self._making:
            _refuse_names(function)

    def meet(self, value: Array) -> None:
        """Write down what an object is."""
        if type(value) in CONTAINERS:
            self._key.append((type(value), len(value)))
            return
        for kinds, description in _DESCRIPTIONS:
            if isinstance(value, kinds):
                self._key.append(description(value))
                break
        if isinstance(value, type):
            self._may_be_made(value)

    def kind(self, kind: type, *, is_known: bool) -> None:
        """Write down the class of an object."""
        self._key.append(kind)
        if not is_known and id(kind) not in self._made:
            functions = (function_of(vars(kind).get(name)) for name in MAKING)
            self._making.update((id(function), function) for function in functions if isinstance(function, FunctionType))

    def _may_be_made(self, kind: type) -> None:
        """Refuse a class whose objects a function may make, if they hold random numbers, or have a rule for their derivative."""
        if issubclass(kind, self.backend.custom_rules):
            msg = f"it has a rule of its own for its derivative ({kind.__name__})"
            raise UnplannableError(msg)
        for parent in kind.__mro__:
            self._made.add(id(parent))
            for name in MAKING:
                function = self._making.pop(id(function_of(vars(parent).get(name))), None)
                if function is not None:
                    self._doubts.look(function, self.refuse)

    def variable(self, mapping: Mapping[str, Array], name: str, address: int) -> None:  # noqa: ARG002 -- the walk's
        """Write down that there is a variable of this name."""
        self._key.append(name)

    def held_by_library(self, value: Array) -> None:
        """Write down which object it is: functions of libraries may be replaced."""
        if not self.is_still(value):
            self._key.append(Same(value))

    def slot(self, owner: Array, name: str) -> None:
        """Write down whether an attribute is there."""
        self._key.append((name, hasattr(owner, name)))

    def instance(self, value: Array) -> None:
        """Refuse an object of a class that is not written in Python: it hides what it holds."""
        kind: type = type(value)
        above = [parent for parent in kind.__mro__ if parent not in TRANSPARENT]
        is_native = any(not parent.__flags__ & _HEAP_TYPE or adds_fields(parent) for parent in above)
        if not isinstance(value, NATIVE) and (is_native or not (hasattr(value, "__dict__") or slots_of(kind))):
            msg = f"it reads an object of type {kind.__name__}, which cannot be inspected"
            raise UnplannableError(msg)

    def ordered(self, items: Collection[Array]) -> Iterable[Array]:
        """Return what a set holds, in an order that equal sets have in common."""
        return sorted(items, key=repr)


def _bits(number: complex) -> tuple[str, str]:
    return number.real.hex(), number.imag.hex()  # which, unlike ==, tell 0.0 from -0.0


def _numbers_of(array: Array) -> object:
    if array.nbytes > MOST_BYTES or array.dtype.hasobject:
        msg = f"it reads a NumPy array of {array.nbytes:,} bytes, which may change: make it one of the library's"
        raise UnplannableError(msg)
    # Which array it is, too: a program may hold a tensor in the array's own memory, as `torch.as_tensor` makes it, and that
    # array lives as long as the program then; whoever writes to it changes the program of these numbers.
    return type(array), array.shape, array.dtype.str, array.tobytes(), id(array)


def _value_of(value: Array) -> object:
    """Return the value of a number or text of a user's own class."""
    if isinstance(value, enum.Enum):
        return type(value), value
    if isinstance(value, float | complex):
        return type(value), _bits(value)
    base = next(base for base in (int, str, bytes) if isinstance(value, base))
    return type(value), base.__getnewargs__(value)


def _function(function: FunctionType) -> object:
    return function if is_library(function.__module__) else function.__code__


def _module(module: ModuleType) -> object:
    if not is_library(module.__name__) or root_of(module.__name__) in CHANGING_MODULES:
        msg = f"it reads the module {module.__name__}, whose values may change"
        raise UnplannableError(msg)
    return module.__name__


def _native(callable_: Array) -> object:
    of_object = not isinstance(getattr(callable_, "__self__", None), ModuleType | type(None))
    return (type(callable_), callable_.__name__) if of_object else callable_  # the ``get`` of a dict; `math.sin`


def _wrapper(value: Array) -> object:
    """Return what a function is that remembers its calls: one of a library's own stays what it is."""
    if root_of(type(value).__module__) not in CACHING or not hasattr(value, "__wrapped__"):
        return type(value)
    is_librarys = is_library(getattr(value, "__module__", None)) and root_of(value.__module__) != "chainopt"
    return value if is_librarys else (type(value), getattr(value, "options", None))


_DESCRIPTIONS: tuple[tuple[Array, Callable[[Array], object]], ...] = (
    (FunctionType, _function),
    (ModuleType, _module),
    ((type, *NATIVE), lambda value: value),
    (dict | MappingProxyType | list | set | deque | tuple | frozenset, lambda value: (type(value), len(value))),
    (VALUES, _value_of),
    (BuiltinFunctionType | MethodWrapperType, _native),
    (object, _wrapper),
)


def state_of(backend: Backend, roots: Sequence[Array], most_objects: int = 20_000) -> FunctionState:
    """Find what a function, and what it is given besides arrays, read.

    Raises
    ------
    UnplannableError
        If some of it cannot be looked into, or may be another one at the next call.
    """
    state = FunctionState(backend, most_objects)
    state.walk(roots)
    return state


def _refuse_names(function: FunctionType) -> None:
    names, texts = names_in(function.__code__), texts_in(function.__code__)
    for name in names if REFLECTION.isdisjoint(names) else (*names, *texts):
        if name in CHANGING_NAMES:
            raise UnplannableError(DIFFERENT.format(name))
