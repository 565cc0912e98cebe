"""What the code of an installed package reads that may be settings: data of its modules, classes and objects.

Its functions and classes stay what they are, and it is looked into so far only as that takes little time.
"""

from __future__ import annotations

from collections import deque
from types import FunctionType, MappingProxyType, ModuleType
from typing import TYPE_CHECKING, NamedTuple

from chainopt.functions.code_names import (
    OF_MODULES,
    function_of,
    is_installed,
    is_library,
    names_in,
    names_of_class,
)
from chainopt.functions.imports import modules_imported_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chainopt.typing import Array

MOST_CODE = 500  # functions and classes that are looked into
MOST_HELD = 100  # entries of a container: what holds more is a register, and no settings
MOST_CONTAINERS = 200
DEPTH = 2  # of containers in containers: a stack, of handlers, which hold dicts


class _Names(NamedTuple):
    """What is read of a module."""

    module: ModuleType
    names: tuple[str, ...]


class Settings:
    """The settings that were found, each once."""

    def __init__(self) -> None:
        self.variables: list[tuple[Mapping[str, Array], str, int]] = []  # with the address of that in which they are
        self.containers: list[dict[str, Array] | list[Array] | set[Array]] = []
        self._noted: set[int] = set()  # addresses of those
        self._seen: dict[Array, Array] = {}  # alive, so that no other takes the address of one

    def look_into(self, code: FunctionType | type) -> None:
        """Find those that a function or a class reads, and what it calls."""
        waiting: deque[Array] = deque([code])
        while waiting and len(self._seen) < MOST_CODE:
            item = waiting.popleft()
            key = (id(item.module), item.names) if isinstance(item, _Names) else id(item)
            if key not in self._seen:
                self._seen[key] = item
                waiting.extend(self._found_in(item))

    def _found_in(self, item: FunctionType | type | _Names) -> Iterator[Array]:
        """Note the settings that a function, a class or names in a module stand for, and yield what else they do."""
        if isinstance(item, _Names):
            yield from self._named(vars(item.module), item.names, id(vars(item.module)))
        elif isinstance(item, type):
            yield from filter(_is_code, item.__bases__)
            yield from self._named(vars(item), names_of_class(item), id(item))
            for module in (value for value in vars(item).values() if isinstance(value, ModuleType)):
                yield from _in_module(module, tuple(vars(module)))
        else:
            names = names_in(item.__code__)
            yield from self._named(item.__globals__, names, id(item.__globals__))
            for module in modules_imported_in(item):
                yield from _in_module(module, names)

    def _named(self, mapping: Mapping[str, Array], names: tuple[str, ...], address: int) -> Iterator[Array]:
        for name in names:
            held = function_of(mapping.get(name))
            if isinstance(held, ModuleType):
                yield from _in_module(held, names)
            elif _is_code(held):
                yield held
            elif held is not None and not callable(held):
                self._note(mapping, name, address, held)

    def _note(self, mapping: Mapping[str, Array], name: str, address: int, held: Array) -> None:
        """Note a variable, and what it holds."""
        if (address, name) in self._seen:
            return
        self._seen[address, name] = mapping
        self.variables.append((MappingProxyType(mapping), name, address))
        self._note_container(held, DEPTH)

    def _note_container(self, held: Array, depth: int) -> None:
        """Note a container, or that of an object's attributes, and those in it."""
        container = held if isinstance(held, dict | list | set) else getattr(held, "__dict__", None)
        is_noted = id(container) in self._noted or len(self.containers) >= MOST_CONTAINERS
        if container is None or is_noted or len(container) > MOST_HELD:
            return
        self._noted.add(id(container))
        self.containers.append(container)
        for value in (container.values() if isinstance(container, dict) else container) if depth else ():
            if isinstance(value, dict | list | set) or is_installed(type(value).__module__):
                self._note_container(value, depth - 1)


def _in_module(module: ModuleType, names: tuple[str, ...]) -> Iterable[_Names]:
    """Return what names of a module are looked into; those of a package may name each other, and a library's are none."""
    return () if is_library(module.__name__) else (_Names(module, tuple(dict.fromkeys((*names, OF_MODULES)))),)


def _is_code(held: Array) -> bool:
    return isinstance(held, FunctionType | type) and is_installed(held.__module__)
