"""The places at which a function finds what it reads, as far as Python shows them: looking there again shows what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.functions.changing import refuse_changing_names
from chainopt.functions.code_names import is_installed
from chainopt.functions.hiding import refuse_hiding
from chainopt.functions.settings import Settings
from chainopt.functions.signature import SCALARS
from chainopt.functions.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
    from types import CellType, FunctionType

    from chainopt.typing import Array

MOST_OBJECTS = 20_000


class Reachable(Walk):
    """What can be reached from some objects, place by place.

    Parameters
    ----------
    roots : iterable
        A function, and what it is given besides arrays.
    is_array : callable
        Which objects are arrays.
    ignored : frozenset
        Places that are left out: addresses of cells and sequences, of mappings and objects with a name in them.

    Raises
    ------
    UnplannableError
        If there is too much of it, or something that is another one each time.
    """

    def __init__(self, roots: Iterable[Array], is_array: Callable[[Array], bool], ignored: frozenset[Hashable]) -> None:
        super().__init__(MOST_OBJECTS, ignored)
        self.is_array = is_array
        self.cells: list[CellType] = []
        self.variables: list[tuple[Mapping[str, Array], str, int]] = []  # names, with the address of that in which they are
        self.slots: list[tuple[Array, str]] = []
        self.classes: list[type] = []
        self.mappings: list[dict[Array, Array]] = []
        self.sequences: list[Array] = []
        self.views: list[tuple[Hashable, Collection[Array]]] = []  # what is only watched, with its address
        self.arrays: list[Array] = []
        self._settings = Settings()
        self._noted: set[tuple[int, str]] = set()  # of the variables
        self.walk(roots)
        self.variables += [place for place in self._settings.variables if (place[2], place[1]) not in ignored]
        self.settings = [container for container in self._settings.containers if id(container) not in ignored]
        for container in self.settings:
            if isinstance(container, dict):
                self.view(id(container), container)
            else:
                self.views.append((id(container), container))

    def is_still(self, value: Array) -> bool:
        """Whether it is a plain number or text."""
        return type(value) in SCALARS

    def array(self, value: Array) -> bool:
        """Note an array; false where it is none."""
        if not self.is_array(value):
            return False
        self.arrays.append(value)
        return True

    def code(self, value: FunctionType | type) -> bool:
        """Note the settings that the code of an installed package reads; false where it is looked into as the user's own."""
        if not is_installed(value.__module__):
            return False
        self._settings.look_into(value)
        return True

    def refuse(self, function: FunctionType) -> None:
        """Refuse what reads random numbers, or clocks."""
        refuse_changing_names(function)

    def kind(self, kind: type, *, is_known: bool) -> None:
        """Note the user's own classes."""
        if not is_known:
            self.classes.append(kind)

    def cell(self, cell: CellType) -> None:
        """Note a variable of a closure."""
        self.cells.append(cell)

    def variable(self, mapping: Mapping[str, Array], name: str, address: int) -> None:
        """Note a name in a module or a class, once."""
        if (address, name) not in self._noted:
            self._noted.add((address, name))
            self.variables.append((mapping, name, address))

    def slot(self, owner: Array, name: str) -> None:
        """Note an attribute that is in no dict."""
        self.slots.append((owner, name))

    def entries(self, container: Array) -> None:
        """Note a container that may change."""
        (self.mappings if isinstance(container, dict) else self.sequences).append(container)

    def view(self, address: int, mapping: Mapping[Array, Array]) -> None:
        """Note what can only be looked at."""
        self.views += [(address, mapping.values()), ((address, "keys"), mapping.keys())]

    def instance(self, value: Array) -> None:
        """Refuse an object that hides what it holds."""
        refuse_hiding(value)
