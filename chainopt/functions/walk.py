"""One walk from a function to all that it may read, object by object; two readers note what they need of what it meets.

`chainopt.functions.reachable` notes the places at which objects are held, and `chainopt.functions.function_state` what they are.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from contextlib import suppress
from enum import Enum
from functools import cached_property, partial
from types import BuiltinFunctionType, CellType, FunctionType, MappingProxyType, MethodType, MethodWrapperType, ModuleType
from typing import TYPE_CHECKING
from weakref import ReferenceType

import numpy as np

from chainopt.functions.backend import UnplannableError
from chainopt.functions.changing import refuse_changing
from chainopt.functions.code_names import (
    OF_MODULES,
    function_of,
    is_library,
    names_in,
    names_of_class,
    root_of,
    variables_of,
)
from chainopt.functions.hiding import slots_of
from chainopt.functions.imports import modules_imported_in
from chainopt.functions.unseen import Doubts

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping

    from chainopt.typing import Array

OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__")  # which anyone can replace
CONTAINERS = frozenset({dict, OrderedDict, list, tuple, set, frozenset})  # Python's own, which most of what is met are
VALUES = (int, float, complex, str, bytes, Enum)  # of a user's own class, which may hold more
OF_LAYERS = ("forward",)  # what a class of a library may have that somebody replaces
CACHING = frozenset({"jax", "jaxlib", "chainopt", "functools"})  # whose callables hold a function, and what they know of it


class Walk:
    """Goes from object to object, each once; what the methods without an underscore do is its readers' affair.

    Parameters
    ----------
    most_objects : int
        That are met, so that looking does not take too long.
    ignored : frozenset
        Places that are left out: addresses of cells and sequences, of mappings and objects with a name in them.
    """

    def __init__(self, most_objects: int, ignored: frozenset[Hashable] = frozenset()) -> None:
        self.most_objects, self.ignored = most_objects, ignored
        self.objects: list[Array] = []  # all that were met, alive, so that no other takes the address of one
        self.numbers: dict[int, int] = {}  # of those, by their addresses
        self._doubts = Doubts()
        self._looked_into: set[tuple[int, tuple[str, ...]]] = set()  # modules, each for the names that a function reads
        self._kinds: set[int] = set()  # classes that were looked into, as values or as those of objects

    def is_still(self, value: Array) -> bool:
        """Whether an object holds nothing, and stays what it is."""
        raise NotImplementedError

    def again(self, value: Array) -> None:
        """Note an object that was met before."""

    def array(self, value: Array) -> bool:
        """Note an array; false where it is none."""
        raise NotImplementedError

    def code(self, value: FunctionType | type) -> bool:
        """Note what an installed package has written; false where it is looked into as the user's own."""
        raise NotImplementedError

    def refuse(self, function: FunctionType) -> None:
        """Refuse what computes something else at each call."""
        raise NotImplementedError

    def meet(self, value: Array) -> None:
        """Note an object, before what it holds is met."""

    def cell(self, cell: CellType) -> None:
        """Note a variable of a closure."""

    def variable(self, mapping: Mapping[str, Array], name: str, address: int) -> None:
        """Note a name in a module or a class."""

    def held_by_library(self, value: Array) -> None:
        """Note what a name in a library is."""

    def slot(self, owner: Array, name: str) -> None:
        """Note an attribute that is in no dict."""

    def kind(self, kind: type, *, is_known: bool) -> None:
        """Note a class, whether it is a value or that of an object."""

    def entries(self, container: Array) -> None:
        """Note a dict, list, set, or another container that may change."""

    def view(self, address: int, mapping: Mapping[Array, Array]) -> None:
        """Note what can only be looked at."""

    def instance(self, value: Array) -> None:
        """Note an object of which nothing is known but its class, and refuse those that hide what they hold."""

    def ordered(self, items: Collection[Array]) -> Iterable[Array]:
        """Return what a set holds."""
        return [*items]

    def walk(self, roots: Iterable[Array]) -> None:
        """Meet some objects, and all that they hold.

        Raises
        ------
        UnplannableError
            If there is too much of it, or something that is another one each time.
        """
        waiting = deque(roots)
        while waiting:
            value = waiting.popleft()
            if self.is_still(value):
                continue
            if id(value) in self.numbers:
                self._doubts.meet_again(value)
                self.again(value)
                continue
            self.numbers[id(value)] = len(self.objects)
            self.objects.append(value)
            if len(self.objects) > self.most_objects:
                msg = f"it reaches more than {self.most_objects:,} objects, each of which may change"
                raise UnplannableError(msg)
            waiting.extend(self._held_by(value))
        self._doubts.settle()

    def _held_by(self, value: Array) -> Iterable[Array]:
        """Note an object, and return what it holds."""
        kind = type(value)
        if kind not in CONTAINERS:
            refuse_changing(value)
            if self.array(value):
                entries = value.ravel() if isinstance(value, np.ndarray) and value.dtype.hasobject else ()
                return (*entries, *self._held_beside(value))
        self.meet(value)
        if isinstance(value, dict):
            return (*self._held_by_mapping(value), *self._held_beside(value))
        if isinstance(value, list | set | deque):
            return (*self._held_by_sequence(value), *self._held_beside(value))
        if isinstance(value, tuple | frozenset):
            return (*(value if isinstance(value, tuple) else self.ordered(value)), *self._held_beside(value))
        if isinstance(value, FunctionType):
            return functions_in(value) if self.code(value) or is_library(value.__module__) else self._held_by_function(value)
        if isinstance(value, ModuleType) and is_library(value.__name__):
            self._doubts.meet(value)
            return ()
        if isinstance(value, type):
            self._doubts.meet(value)
            return self._held_by_class(value)
        if isinstance(value, VALUES):
            return self._held_beside(value)
        return self._held_by_instance(value)

    def _held_by_function(self, function: FunctionType) -> Iterator[Array]:
        self._doubts.look(function, self.refuse)
        names = names_in(function.__code__)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            if id(cell) not in self.ignored:
                try:
                    content = cell.cell_contents
                except ValueError:  # a variable that has no value yet
                    continue
                self.cell(cell)
                if name == "__class__":  # for ``super``: it is no value that the function has
                    yield from self._held_by_class(content)
                else:
                    yield from self._held_by_module(content, names) if isinstance(content, ModuleType) else (content,)
        for mapping, name in variables_of(function):
            yield from self._named(mapping, (name,), id(mapping), names)
        for module in modules_imported_in(function):
            yield from self._held_by_module(module, names)
        for name in OF_FUNCTIONS:
            if (id(function), name) not in self.ignored:
                self.slot(function, name)
        yield from (function.__defaults__, function.__kwdefaults__, vars(function))

    def _named(
        self, mapping: Mapping[str, Array], names: tuple[str, ...], address: int, of_modules: tuple[str, ...] = ()
    ) -> Iterator[Array]:
        """Note those names that a mapping has; of modules among them what is read of them, or all where that is not known."""
        for name in names:
            if name in mapping and (address, name) not in self.ignored:
                value = mapping[name]
                self.variable(mapping, name, address)
                is_named = isinstance(value, ModuleType) and of_modules
                yield from self._held_by_module(value, of_modules) if is_named else (value,)

    def _held_by_module(self, module: ModuleType, names: tuple[str, ...]) -> Iterator[Array]:
        is_librarys = is_library(module.__name__)
        if is_librarys:
            yield module
        if (id(module), names) not in self._looked_into:
            self._looked_into.add((id(module), names))
            named = self._named_of_library if is_librarys else self._named
            yield from named(vars(module), (*names, OF_MODULES), id(module), names)

    def _named_of_library(
        self, mapping: Mapping[str, Array], names: tuple[str, ...], address: int, of_modules: tuple[str, ...]
    ) -> Iterator[Array]:
        """Note what some names of a library are: somebody may replace it, and what is not the library's own is looked into."""
        for name in names:
            value = mapping.get(name)
            if value is None or (address, name) in self.ignored:
                continue
            self.variable(mapping, name, address)
            self.held_by_library(value)
            if isinstance(value, ModuleType):
                yield from self._held_by_module(value, of_modules)
            elif not is_library(getattr(value, "__module__", None) or type(value).__module__):
                yield value

    def _held_by_class(self, kind: type) -> Iterator[Array]:
        """Return what a class holds, the first time that it is looked into."""
        is_librarys = self.code(kind) or is_library(kind.__module__)
        is_known = id(kind) in self._kinds or is_librarys
        self.kind(kind, is_known=is_known)
        if is_librarys:
            yield from self._named_of_library(vars(kind), OF_LAYERS, id(kind), ())
        if not is_known:
            self._kinds.add(id(kind))
            self._doubts.expect(kind)
            for each in (*kind.__bases__, type(kind)):
                yield from self._held_by_class(each)
            yield from self._named(vars(kind), names_of_class(kind), id(kind))

    def _held_by_mapping(self, mapping: dict[Array, Array]) -> Iterable[Array]:
        names = [name for name in mapping if (id(mapping), name) in self.ignored]
        if names:
            return (*mapping, *self._named(mapping, tuple(name for name in mapping if name not in names), id(mapping)))
        self.entries(mapping)
        return (*mapping, *mapping.values())

    def _held_by_sequence(self, sequence: Array) -> Iterable[Array]:
        if id(sequence) in self.ignored:
            return ()
        self.entries(sequence)
        return self.ordered(sequence) if isinstance(sequence, set) else [*sequence]

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
            self.view(id(value), value)
            yield from (*value, *value.values())
        elif isinstance(value, CellType):
            self.cell(value)
            with suppress(ValueError):  # it has no value yet
                yield value.cell_contents
        elif isinstance(value, slice):
            yield from (value.start, value.stop, value.step)
        elif isinstance(value, partial):
            for name in ("func", "args", "keywords"):
                self.slot(value, name)
                yield getattr(value, name)
            yield from self._held_beside(value)
        elif isinstance(value, property | staticmethod | classmethod | cached_property):
            yield function_of(value)
        elif root_of(kind.__module__) in CACHING and hasattr(value, "__wrapped__"):
            yield value.__wrapped__
            if root_of(kind.__module__) == "jax":  # it has rules for its derivatives
                yield vars(value)
        else:
            yield from self._held_by_object(value, kind)

    def _held_beside(self, value: Array) -> Iterable[Array]:
        """Return what an array, a container, a number or a text holds besides, as one of a user's own class may."""
        kind = type(value)
        if kind in CONTAINERS:
            return (vars(value),) if kind is OrderedDict and vars(value) else ()
        held = () if is_library(kind.__module__) else (*self._held_by_class(kind),)
        attributes = getattr(value, "__dict__", None)
        return held if attributes is None else (*held, attributes)

    def _held_by_object(self, value: Array, kind: type) -> Iterator[Array]:
        self._doubts.meet(value)
        self.instance(value)
        yield from self._held_by_class(kind)
        yield getattr(value, "__dict__", None)
        for name in slots_of(kind):
            if (id(value), name) not in self.ignored:
                self.slot(value, name)
                yield getattr(value, name, None)


def functions_in(wrapper: FunctionType) -> list[object]:
    """Return what one of a library's functions calls, as a transformation calls the function, or object, that it transforms."""
    contents: list[object] = []
    for cell in wrapper.__closure__ or ():
        with suppress(ValueError):  # of a variable that has no value yet
            content = cell.cell_contents
            contents += content if isinstance(content, tuple) else [content]
    wrapped = [wrapper.__wrapped__] if hasattr(wrapper, "__wrapped__") else []
    return [*wrapped, *(content for content in contents if isinstance(content, FunctionType | MethodType | partial))]
