"""What the code of an installed package reads that may be settings: data of its modules, classes and objects.

Its functions and classes stay what they are, and it is looked into so far only as that takes little time.
"""

from __future__ import annotations

from collections import deque
from types import FunctionType, MappingProxyType, ModuleType
from typing import TYPE_CHECKING

from chainopt.functions.code_names import (
    OF_MODULES,
    function_of,
    is_installed,
    is_library,
    modules_imported_in,
    names_in,
    names_of_class,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from chainopt.typing import Array

MOST_CODE = 500  # functions and classes that are looked into
MOST_HELD = 100  # entries of a container: what holds more is a register, and no settings


class Settings:
    """The settings that were found, each once."""

    def __init__(self) -> None:
        self.variables: list[tuple[Mapping[str, Array], str, int]] = []  # with the address of that in which they are
        self.containers: list[tuple[int, Collection[Array]]] = []  # with their addresses
        self._seen: dict[Array, Array] = {}  # alive, so that no other takes the address of one

    def look_into(self, code: FunctionType | type) -> None:
        """Find those that a function or a class reads, and what it calls."""
        waiting: deque[Array] = deque([code])
        while waiting and len(self._seen) < MOST_CODE:
            item = waiting.popleft()
            if id(item) not in self._seen:
                self._seen[id(item)] = item
                waiting.extend(self._found_in(item))

    def _found_in(self, code: FunctionType | type) -> Iterator[Array]:
        """Note the settings that a function or class names, and yield the other code that it does."""
        if isinstance(code, type):
            yield from filter(_is_code, code.__bases__)
            yield from self._named(vars(code), names_of_class(code), id(code))
            for module in (value for value in vars(code).values() if isinstance(value, ModuleType)):
                yield from self._of_module(module, tuple(vars(module)))
        else:
            names = names_in(code.__code__)
            yield from self._named(code.__globals__, names, id(code.__globals__))
            for module in modules_imported_in(code):
                yield from self._of_module(module, names)

    def _of_module(self, module: ModuleType, names: tuple[str, ...]) -> Iterable[Array]:
        if is_library(module.__name__) or (id(module), names) in self._seen:
            return ()
        self._seen[id(module), names] = module
        return self._named(vars(module), (*names, OF_MODULES), id(vars(module)))

    def _named(self, mapping: Mapping[str, Array], names: tuple[str, ...], address: int) -> Iterator[Array]:
        for name in names:
            held = function_of(mapping.get(name))
            if isinstance(held, ModuleType):
                yield from self._of_module(held, names)
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
        if not isinstance(held, dict | list | set):
            held = getattr(held, "__dict__", ())
        if 0 < len(held) <= MOST_HELD:
            self.containers.append((id(held), held.values() if isinstance(held, dict) else held))


def _is_code(held: Array) -> bool:
    return isinstance(held, FunctionType | type) and is_installed(held.__module__)
