"""What a function reads besides its arguments: arrays, which can become inputs of its program, and all else, which is its key.

Two functions of the same code that read equal values, the same NumPy arrays, and the library's arrays of equal shapes, compute
the same program. So a closure that is made anew at each call finds the program of the one before. What cannot be looked into, or
changes by itself, is named as a reason not to plan.
"""

from __future__ import annotations

import enum
import functools
import inspect
import types
import weakref
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.backend import UnplannableError
from chainopt.functions.changing import refuse_changing_names
from chainopt.functions.code_names import (
    LIBRARIES,
    OF_MODULES,
    function_of,
    modules_imported_in,
    names_in,
    root_of,
    texts_in,
    variables_of,
)
from chainopt.functions.identities import Identities
from chainopt.functions.reachable import functions_in
from chainopt.functions.unseen import REFLECTION, Doubts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from chainopt.functions.backend import Backend
    from chainopt.typing import Array

MOST_BYTES = 100_000  # of a NumPy array whose numbers are part of the key
CHANGING_MODULES = frozenset({"random", "time", "datetime", "secrets", "uuid", "os", "__main__"})
STABLE = LIBRARIES - CHANGING_MODULES
CACHING = frozenset({"jax", "jaxlib", "functools", "chainopt"})  # which wrap a function in what remembers its calls
CHANGING_NAMES = frozenset(
    {"random", "rand", "randn", "randint", "default_rng", "time", "perf_counter", "now", "today", "environ", "uuid4", "urandom"}
)
UNCALLED = frozenset(  # methods that compute nothing of a result
    {"__repr__", "__str__", "__eq__", "__hash__", "__init__", "__post_init__", "__setattr__", "__delattr__", "__reduce__"}
)
MAKING = frozenset({"__init__", "__post_init__"})  # but for those that make an object, where a function does
BOOKKEEPING = frozenset({"_abc_impl"})  # of Python's own, in classes
CONSTANT_TYPES = (int, str, bytes, type(None), type(...), type(NotImplemented), range, enum.Enum, np.dtype)
WITH_ATTRIBUTES = (*CONSTANT_TYPES, float, complex, tuple, list, set, frozenset, dict, np.ndarray, functools.partial)
DISPATCHING = (functools.singledispatchmethod, functools.partialmethod)  # which hold functions of the class
NATIVE_CALLABLES = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, type, np.ufunc)
_HEAP_TYPE = 1 << 9  # set in the flags of every class that is written in Python


class FunctionState:
    """The arrays that a function reads, each once, and a key of everything else.

    Parameters
    ----------
    backend : Backend
        Which says what an array is.
    most_objects : int
        That are looked into at a call; beyond, looking takes too long.
    """

    def __init__(self, backend: Backend, most_objects: int) -> None:
        self.backend = backend
        self.arrays: list[Array] = []
        self.most_objects = most_objects
        self._key: list[object] = []
        self._doubts = Doubts()
        self._kinds: set[tuple[type, frozenset[str]]] = set()  # whose methods have been looked into
        self._numbers: dict[int, int] = {}  # of the objects that were seen, by address
        self._alive: list[Array] = []  # an address is used again where nothing holds what was there

    @property
    def key(self) -> tuple[object, ...]:
        """What functions that compute the same have in common."""
        return (*self._key, Identities(self.arrays)) if self.backend.reads_by_identity else tuple(self._key)

    def read(self, value: Array) -> None:
        """Look into an object and all that it holds.

        Raises
        ------
        UnplannableError
            If some of it cannot be looked into, or may be another one at the next call.
        """
        pending = [value]
        while pending:
            item = pending.pop()
            if isinstance(item, CONSTANT_TYPES) and not _is_users(type(item)):
                self._key.append((type(item), item))
                continue
            number = self._numbers.get(id(item))
            if number is not None:
                self._doubts.meet_again(item)
                self._key.append(("again", number))
                continue
            self._numbers[id(item)] = len(self._numbers)
            self._alive.append(item)
            if len(self._numbers) > self.most_objects:
                msg = f"it reads more than {self.most_objects} objects"
                raise UnplannableError(msg)
            pending.extend(reversed([*self._parts(item), *self._beside(item)]))
        self._doubts.settle()

    def _beside(self, item: Array) -> Iterable[Array]:
        """Return what a number, a text, a container or an array holds besides, as one of a user's own class may."""
        if not (isinstance(item, WITH_ATTRIBUTES) or self.backend.is_array(item)):
            return ()
        attributes = getattr(item, "__dict__", None)
        held = (attributes,) if attributes else ()
        return (*held, *self._class_parts(type(item))) if _is_users(type(item)) else held

    def _parts(self, item: Array) -> Iterable[Array]:
        """Write down what an object is, and return what it holds."""
        for types_of_it, parts in _READERS:
            if isinstance(item, types_of_it):
                return parts(self, item)
        if self.backend.is_array(item):
            self._key.append(("array", type(item), self.backend.describe(item)))
            self.arrays.append(item)
            return ()
        if isinstance(item, self.backend.constant_types):
            self._key.append((type(item), item))
            return ()
        if hasattr(item, "__wrapped__") and root_of(type(item).__module__) in CACHING:
            return self._of_wrapper(item)
        return self._of_object(item)

    def _of_wrapper(self, item: Array) -> Iterable[Array]:
        """Look through an object that holds a function, and what it knows of its calls."""
        if root_of(getattr(item, "__module__", None)) in STABLE - {"chainopt"}:  # as the functions of `jax.numpy`
            self._key.append(item)
            return ()
        self._key.append((type(item), getattr(item, "options", None)))
        return (item.__wrapped__,)

    def _of_number(self, number: complex) -> Iterable[Array]:
        self._key.append((type(number), number.real.hex(), number.imag.hex()))  # unlike == it tells 0.0 from -0.0
        return ()

    def _of_constant(self, item: Array) -> Iterable[Array]:
        self._key.append((type(item), item))
        return ()

    def _of_native(self, callable_: Array) -> Iterable[Array]:
        if isinstance(callable_, type) and issubclass(callable_, self.backend.custom_rules):
            msg = f"it has a rule of its own for its derivative ({callable_.__name__})"
            raise UnplannableError(msg)
        owner = getattr(callable_, "__self__", None)
        if isinstance(callable_, types.BuiltinFunctionType) and not isinstance(owner, types.ModuleType | type(None)):
            self._key.append((type(callable_), callable_.__name__))  # as the ``get`` of a dict
            return (owner,)
        self._key.append(callable_)
        if isinstance(callable_, type) and _is_users(callable_):
            return self._class_parts(callable_, UNCALLED - MAKING)
        return ()

    def _of_sequence(self, items: Array) -> Iterable[Array]:
        self._key.append((type(items), len(items)))
        return sorted(items, key=repr) if isinstance(items, set | frozenset) else items

    def _of_slice(self, item: slice) -> Iterable[Array]:
        self._key.append(slice)
        return item.start, item.stop, item.step

    def _of_mapping(self, items: Array) -> Iterable[Array]:
        self._key.append((type(items), len(items)))
        return [part for pair in items.items() for part in pair]

    def _of_method(self, method: types.MethodType) -> Iterable[Array]:
        self._key.append("method")
        return method.__func__, method.__self__

    def _of_partial(self, partial: functools.partial[Array]) -> Iterable[Array]:
        self._key.append(type(partial))
        return partial.func, partial.args, partial.keywords

    def _of_reference(self, reference: weakref.ref[Array]) -> Iterable[Array]:
        self._key.append("reference")
        return (reference(),)

    def _of_numbers(self, array: Array) -> Iterable[Array]:
        if array.nbytes > MOST_BYTES or array.dtype.hasobject:
            msg = f"it reads a NumPy array of {array.nbytes:,} bytes, which may change: make it one of the library's"
            raise UnplannableError(msg)
        # Which array it is, too: a program may hold a tensor in the array's own memory, as `torch.as_tensor` makes it, and that
        # array lives as long as the program then; whoever writes to it changes the program of these numbers.
        self._key.append((type(array), array.shape, array.dtype.str, array.tobytes(), id(array)))
        return ()

    def _of_function(self, function: types.FunctionType) -> Iterable[Array]:
        if root_of(function.__module__) in STABLE:  # which may hold another one, as `torch.func.vmap` does
            self._key.append(function)
            return functions_in(function)
        self._key.append(function.__code__)
        self._doubts.look(function, _refuse_changing)
        names = names_in(function.__code__)
        cells = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
        variables = [mapping[name] for mapping, name in variables_of(function)]
        reached = [*cells, *variables, *modules_imported_in(function)]
        return *_through_modules(reached, names), function.__defaults__, function.__kwdefaults__, function.__dict__

    def _of_module(self, module: types.ModuleType) -> Iterable[Array]:
        if root_of(module.__name__) not in STABLE:
            msg = f"it reads the module {module.__name__}, whose values may change"
            raise UnplannableError(msg)
        self._key.append(module.__name__)
        return ()

    def _of_object(self, item: Array) -> Iterable[Array]:
        """Look into an object of a class that is written in Python; any other hides what it holds."""
        kind = type(item)
        slots = [name for parent in kind.__mro__ for name in _slots_of(parent)]
        is_native = any(not parent.__flags__ & _HEAP_TYPE for parent in kind.__mro__ if parent is not object)
        if is_native or not (hasattr(item, "__dict__") or slots):
            msg = f"it reads an object of type {kind.__name__}, which cannot be inspected"
            raise UnplannableError(msg)
        self._key.append(kind)
        attributes = {name: value for name, value in getattr(item, "__dict__", {}).items() if not _is_empty(value)}
        in_slots = [getattr(item, name) for name in slots if hasattr(item, name)]
        return [attributes, in_slots, *self._class_parts(kind)]

    def _class_parts(self, kind: type, uncalled: frozenset[str] = UNCALLED) -> list[Array]:
        """Return what a class holds, and its own class, unless that is Python's: attributes are found there, too."""
        metaclass = type(kind)
        return [*_data_of(kind), *self._methods_of(kind, uncalled), *((metaclass,) if _is_users(metaclass) else ())]

    def _methods_of(self, kind: type, uncalled: frozenset[str]) -> list[Array]:
        """Return the functions of a class, and of those above it, that no library has written; the second time none."""
        self._doubts.expect(kind)
        written = []
        for parent in kind.__mro__:
            if root_of(parent.__module__) in STABLE or (parent, uncalled) in self._kinds:
                continue
            self._kinds.add((parent, uncalled))
            for name, value in vars(parent).items():
                function = function_of(value)
                if name not in uncalled and isinstance(function, types.FunctionType):
                    written.append(inspect.unwrap(function))
        return written


_READERS: tuple[tuple[Array, Callable[[FunctionState, Array], Iterable[Array]]], ...] = (
    (CONSTANT_TYPES, FunctionState._of_constant),  # noqa: SLF001 -- a table of the class's own methods
    (float | complex, FunctionState._of_number),  # noqa: SLF001
    (tuple | list | set | frozenset, FunctionState._of_sequence),  # noqa: SLF001
    (dict | types.MappingProxyType, FunctionState._of_mapping),  # noqa: SLF001
    (types.FunctionType, FunctionState._of_function),  # noqa: SLF001
    (types.MethodType, FunctionState._of_method),  # noqa: SLF001
    (types.ModuleType, FunctionState._of_module),  # noqa: SLF001
    (functools.partial, FunctionState._of_partial),  # noqa: SLF001
    (NATIVE_CALLABLES, FunctionState._of_native),  # noqa: SLF001
    (slice, FunctionState._of_slice),  # noqa: SLF001
    (weakref.ref, FunctionState._of_reference),  # noqa: SLF001
    (np.ndarray | np.generic, FunctionState._of_numbers),  # noqa: SLF001
)


def state_of(backend: Backend, roots: Sequence[Array], most_objects: int = 20_000) -> FunctionState:
    """Find what a function, and what it is given besides arrays, read.

    Raises
    ------
    UnplannableError
        If some of it cannot be looked into, or may be another one at the next call.
    """
    state = FunctionState(backend, most_objects)
    for root in roots:
        state.read(root)
    return state


def _refuse_changing(function: types.FunctionType) -> None:
    refuse_changing_names(function)
    names, texts = names_in(function.__code__), texts_in(function.__code__)
    for name in names if REFLECTION.isdisjoint(names) else (*names, *texts):
        if name in CHANGING_NAMES:
            msg = f"it reads {name}, which may differ at each call"
            raise UnplannableError(msg)


def _through_modules(reached: list[Array], names: tuple[str, ...]) -> list[Array]:
    """Return, in the place of the user's own modules, what is read of them by these names."""
    read, modules = [], set()
    while reached:
        value = reached.pop(0)
        if not isinstance(value, types.ModuleType) or root_of(value.__name__) in STABLE:
            read.append(value)
        elif value.__name__ not in modules:
            modules.add(value.__name__)
            reached += [vars(value)[name] for name in (*names, OF_MODULES) if name in vars(value)]
    return read


def _data_of(kind: type) -> list[Array]:
    """Return what a class, and those above it that no library has written, hold besides functions; objects read it there, too."""
    return [
        value
        for parent in kind.__mro__
        if root_of(parent.__module__) not in STABLE
        for name, value in vars(parent).items()
        if not (name.startswith("__") or name in BOOKKEEPING or _is_descriptor(value))
    ]


def _is_descriptor(value: Array) -> bool:
    """Whether it is a function, or what Python itself puts into a class to find attributes."""
    return hasattr(type(value), "__get__") and root_of(type(value).__module__) in STABLE and not isinstance(value, DISPATCHING)


def _slots_of(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in names if name not in {"__dict__", "__weakref__"})


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 -- of an empty cell it raises
    except ValueError:
        return False
    return True


def _is_empty(value: Array) -> bool:
    """Whether it is an empty container, as most of what a module of a network has of hooks."""
    return isinstance(value, dict | set | list | tuple) and not value


def _is_users(kind: type) -> bool:
    """Whether a class is none of a library's."""
    return root_of(kind.__module__) not in STABLE
