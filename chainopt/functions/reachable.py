"""The places at which objects hold others, as far as Python shows them: from a function to all that it may read."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from types import BuiltinFunctionType, CellType, FunctionType, MappingProxyType, MethodType, MethodWrapperType, ModuleType
from typing import TYPE_CHECKING
from weakref import ReferenceType

from chainopt.functions.backend import UnplannableError
from chainopt.functions.changing import refuse_changing, refuse_changing_names
from chainopt.functions.code_names import (
    OF_MODULES,
    function_of,
    is_installed,
    is_library,
    modules_imported_in,
    names_in,
    names_of_class,
    root_of,
    variables_of,
)
from chainopt.functions.hiding import refuse_hiding, slots_of
from chainopt.functions.settings import Settings
from chainopt.functions.signature import SCALARS
from chainopt.functions.unseen import Doubts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping

    from chainopt.typing import Array

MOST_OBJECTS = 20_000
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
        self.classes: list[type] = []
        self.mappings: list[dict[Array, Array]] = []
        self.sequences: list[Array] = []
        self.views: list[tuple[int, Collection[Array]]] = []  # what is only watched, with its address
        self.arrays: list[Array] = []
        self.objects: dict[int, Array] = {}  # all of them, alive, so that no other takes the address of one
        self._doubts = Doubts()
        self._settings = Settings()
        self._noted: set[tuple[int, str]] = set()  # of the variables
        self._looked_into: set[tuple[int, tuple[str, ...]]] = set()  # modules, each for the names that a function reads
        waiting = deque(roots)
        while waiting:
            value = waiting.popleft()
            if type(value) in SCALARS:
                continue
            if id(value) in self.objects:
                self._doubts.meet_again(value)
                continue
            self.objects[id(value)] = value
            if len(self.objects) > MOST_OBJECTS:
                msg = f"it reaches more than {MOST_OBJECTS:,} objects, each of which may change"
                raise UnplannableError(msg)
            waiting.extend(self._held_by(value))
        self._doubts.settle()
        self.variables += [place for place in self._settings.variables if (place[2], place[1]) not in ignored]
        self.views += [view for view in self._settings.containers if view[0] not in ignored]

    def _held_by(self, value: Array) -> Iterable[Array]:
        """Note where an object holds others, and return those."""
        refuse_changing(value)
        if self.is_array(value):
            self.arrays.append(value)
            return _beside(value)
        if isinstance(value, FunctionType | type) and is_installed(value.__module__):
            self._settings.look_into(value)
            return functions_in(value) if isinstance(value, FunctionType) else ()
        if isinstance(value, FunctionType):
            return functions_in(value) if is_library(value.__module__) else self._held_by_function(value)
        if isinstance(value, ModuleType) and is_library(value.__name__):
            return ()
        if isinstance(value, type):
            return () if is_library(value.__module__) else self._held_by_class(value)
        if isinstance(value, dict):
            return (*self._held_by_mapping(value), *_beside(value))
        if isinstance(value, list | set | deque):
            return (*self._held_by_sequence(value), *_beside(value))
        if isinstance(value, tuple | frozenset):
            return (*value, *_beside(value))
        return self._held_by_instance(value)

    def _held_by_function(self, function: FunctionType) -> Iterator[Array]:
        self._doubts.look(function, refuse_changing_names)
        names = names_in(function.__code__)
        for cell in function.__closure__ or ():
            if id(cell) not in self.ignored:
                try:
                    content = cell.cell_contents
                except ValueError:  # a variable that has no value yet
                    continue
                self.cells.append(cell)
                yield from self._held_by_module(content, names) if isinstance(content, ModuleType) else (content,)
        for mapping, name in variables_of(function):
            yield from self._named(mapping, (name,), id(mapping), names)
        for module in modules_imported_in(function):
            yield from self._held_by_module(module, names)
        self.slots += [(function, name) for name in OF_FUNCTIONS if (id(function), name) not in self.ignored]
        yield from (function.__defaults__, function.__kwdefaults__, vars(function))

    def _named(
        self, mapping: Mapping[str, Array], names: tuple[str, ...], address: int, of_modules: tuple[str, ...] = ()
    ) -> Iterator[Array]:
        """Note those names that a mapping has; of modules among them what is read of them, or all where that is not known."""
        for name in names:
            if name in mapping and (address, name) not in self.ignored:
                value = mapping[name]
                if (address, name) not in self._noted:
                    self._noted.add((address, name))
                    self.variables.append((mapping, name, address))
                is_named = isinstance(value, ModuleType) and of_modules
                yield from self._held_by_module(value, of_modules) if is_named else (value,)

    def _held_by_module(self, module: ModuleType, names: tuple[str, ...]) -> Iterator[Array]:
        if not is_library(module.__name__) and (id(module), names) not in self._looked_into:
            self._looked_into.add((id(module), names))
            yield from self._named(vars(module), (*names, OF_MODULES), id(module), names)

    def _held_by_class(self, kind: type) -> Iterator[Array]:
        self.classes.append(kind)
        yield from (*kind.__bases__, type(kind))
        self._doubts.expect(kind)
        yield from self._named(vars(kind), names_of_class(kind), id(kind))

    def _held_by_mapping(self, mapping: dict[Array, Array]) -> Iterable[Array]:
        names = [name for name in mapping if (id(mapping), name) in self.ignored]
        if names:
            return self._named(mapping, tuple(name for name in mapping if name not in names), id(mapping))
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
        elif isinstance(value, BuiltinFunctionType | MethodWrapperType):
            if not isinstance(value.__self__, ModuleType):
                yield value.__self__
        elif isinstance(value, ReferenceType):
            yield value()
        elif isinstance(value, MappingProxyType):
            self.views.append((id(value), value.values()))
            yield from value.values()
        elif isinstance(value, partial):
            yield from (value.func, value.args, value.keywords, *_beside(value))
        elif isinstance(value, property | staticmethod | classmethod):
            yield function_of(value)
        elif root_of(kind.__module__) in CACHING and hasattr(value, "__wrapped__"):
            yield value.__wrapped__
        else:
            refuse_hiding(value)
            yield kind
            yield getattr(value, "__dict__", None)
            for name in slots_of(kind):  # type: ignore[arg-type]
                if (id(value), name) not in self.ignored:
                    self.slots.append((value, name))
                    yield getattr(value, name, None)


def _beside(value: Array) -> tuple[Array, ...]:
    """Return what an array or a container holds besides, as one of a user's own class may."""
    kind, attributes = type(value), getattr(value, "__dict__", None)
    return (*((attributes,) if attributes else ()), *(() if is_library(kind.__module__) else (kind,)))


def functions_in(wrapper: FunctionType) -> list[object]:
    """Return what one of a library's functions calls, as a transformation calls the function, or object, that it transforms."""
    contents: list[object] = []
    for cell in wrapper.__closure__ or ():
        with suppress(ValueError):  # of a variable that has no value yet
            contents.append(cell.cell_contents)
    wrapped = [wrapper.__wrapped__] if hasattr(wrapper, "__wrapped__") else []
    return [*wrapped, *(content for content in contents if isinstance(content, FunctionType | MethodType | partial))]
