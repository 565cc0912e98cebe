"""The places at which objects hold others, as far as Python shows them: from a function to all that it may read."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import suppress
from functools import cache, partial
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING

from chainopt.functions.backend import UnplannableError
from chainopt.functions.changing import refuse_changing, refuse_changing_names
from chainopt.functions.signature import SCALARS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from chainopt.typing import Array

MOST_OBJECTS = 20_000
LIBRARIES = frozenset({"jax", "jaxlib", "torch", "numpy", "scipy", "chainopt", *sys.stdlib_module_names}) - {"__main__"}
OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__")  # which anyone can replace
CACHING = frozenset({"jax", "jaxlib", "chainopt", "functools"})  # whose callables hold a function, and what they know of it


class Reachable:
    """What can be reached from some objects, place by place.

    Parameters
    ----------
    roots : iterable
        A function, and what it is given besides arrays.
    is_array : callable
        Which objects are arrays, and hold nothing else.
    ignored : frozenset
        Places that are left out: addresses of cells and sequences, of mappings and objects with a name in them.

    Raises
    ------
    UnplannableError
        If there is too much of it, or something that is another one each time.
    """

    def __init__(self, roots: Iterable[Array], is_array: Callable[[Array], bool], ignored: frozenset[Hashable]) -> None:
        self.is_array, self.ignored = is_array, ignored
        self.cells: list[CellType] = []
        self.variables: list[tuple[Mapping[str, Array], str, int]] = []  # names, with the address of that in which they are
        self.slots: list[tuple[Array, str]] = []
        self.mappings: list[dict[Array, Array]] = []
        self.sequences: list[Array] = []
        self.arrays: list[Array] = []
        self.objects: dict[int, Array] = {}  # all of them, alive, so that no other takes the address of one
        waiting = deque(roots)
        while waiting:
            value = waiting.popleft()
            if type(value) in SCALARS or id(value) in self.objects:
                continue
            self.objects[id(value)] = value
            if len(self.objects) > MOST_OBJECTS:
                msg = f"it reaches more than {MOST_OBJECTS:,} objects, each of which may change"
                raise UnplannableError(msg)
            waiting.extend(self._held_by(value))

    def _held_by(self, value: Array) -> Iterable[Array]:
        """Note where an object holds others, and return those."""
        refuse_changing(value)
        if self.is_array(value):
            self.arrays.append(value)
            return ()
        if isinstance(value, FunctionType):
            return _functions_in(value) if _is_library(value.__module__) else self._held_by_function(value)
        if isinstance(value, type):
            return () if _is_library(value.__module__) else self._held_by_class(value)
        if isinstance(value, dict):
            return self._held_by_mapping(value)
        if isinstance(value, list | set | deque):
            return self._held_by_sequence(value)
        if isinstance(value, tuple | frozenset):
            return value
        return self._held_by_instance(value)

    def _held_by_function(self, function: FunctionType) -> Iterator[Array]:
        names = _names_in(function.__code__)
        refuse_changing_names(function)
        for cell in function.__closure__ or ():
            if id(cell) not in self.ignored:
                try:
                    content = cell.cell_contents
                except ValueError:  # a variable that has no value yet
                    continue
                self.cells.append(cell)
                yield from self._held_by_module(content, names) if isinstance(content, ModuleType) else (content,)
        yield from self._named(function.__globals__, names, id(function.__globals__))
        self.slots += [(function, name) for name in OF_FUNCTIONS if (id(function), name) not in self.ignored]
        yield from (function.__defaults__, function.__kwdefaults__, vars(function))

    def _named(self, mapping: Mapping[str, Array], names: Iterable[str], address: int) -> Iterator[Array]:
        """Note those names that a mapping has."""
        for name in names:
            if name in mapping and (address, name) not in self.ignored:
                value = mapping[name]
                self.variables.append((mapping, name, address))
                yield from self._held_by_module(value, names) if isinstance(value, ModuleType) else (value,)

    def _held_by_module(self, module: ModuleType, names: Iterable[str]) -> Iterator[Array]:
        if not _is_library(module.__name__) and id(module) not in self.objects:
            self.objects[id(module)] = module
            yield from self._named(vars(module), names, id(module))

    def _held_by_class(self, kind: type) -> Iterator[Array]:
        yield from kind.__bases__
        names = [name for name, held in vars(kind).items() if not name.startswith("__") or isinstance(held, FunctionType)]
        yield from self._named(vars(kind), names, id(kind))

    def _held_by_mapping(self, mapping: dict[Array, Array]) -> Iterable[Array]:
        names = [name for name in mapping if (id(mapping), name) in self.ignored]
        if names:
            return self._named(mapping, [name for name in mapping if name not in names], id(mapping))
        self.mappings.append(mapping)
        return [*mapping.values()]

    def _held_by_sequence(self, sequence: Array) -> Iterable[Array]:
        if id(sequence) in self.ignored:
            return ()
        self.sequences.append(sequence)
        return [*sequence]

    def _held_by_instance(self, value: Array) -> Iterator[Array]:
        kind = type(value)
        if isinstance(value, MethodType):
            yield from (value.__self__, value.__func__)
        elif isinstance(value, partial):
            yield from (value.func, value.args, value.keywords)
        elif isinstance(value, property):
            yield value.fget
        elif isinstance(value, staticmethod | classmethod):
            yield value.__func__
        elif _root(kind.__module__) in CACHING and hasattr(value, "__wrapped__"):
            yield value.__wrapped__
        else:
            yield kind
            yield getattr(value, "__dict__", None)
            for name in _slots_of(kind):  # type: ignore[arg-type]
                if (id(value), name) not in self.ignored:
                    self.slots.append((value, name))
                    yield getattr(value, name, None)


def _functions_in(wrapper: FunctionType) -> list[object]:
    """Return the functions that one of a library holds, as a transformation holds the function that it transforms."""
    contents: list[object] = []
    for cell in wrapper.__closure__ or ():
        with suppress(ValueError):  # of a variable that has no value yet
            contents.append(cell.cell_contents)
    return [content for content in contents if isinstance(content, FunctionType | MethodType | partial)]


@cache
def _names_in(code: CodeType) -> tuple[str, ...]:
    """Return the names of globals and attributes in the code of a function, and of those in it."""
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in _names_in(constant)]
    return tuple(dict.fromkeys((*code.co_names, *inner)))


@cache
def _slots_of(kind: type) -> tuple[str, ...]:
    """Return the attributes of objects that have no dict; of a library's own objects none, which are what they are."""
    slots = [vars(base).get("__slots__", ()) for base in kind.__mro__ if not _is_library(base.__module__)]
    return tuple(name for names in slots for name in ((names,) if isinstance(names, str) else names))


def _root(name: str | None) -> str:
    return (name or "").partition(".")[0]


@cache
def _is_library(name: str | None) -> bool:
    """Whether a module belongs to a library, whose functions, classes and modules stay what they are."""
    root = _root(name)
    place = str(getattr(sys.modules.get(root), "__file__", "") or "")
    return root in LIBRARIES or "site-packages" in place or "dist-packages" in place
