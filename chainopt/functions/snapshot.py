"""What variables, attributes of objects and classes, dicts, lists, sets and NumPy's arrays hold, to be put back later."""

from __future__ import annotations

from collections import deque
from operator import is_
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.backend import UnplannableError
from chainopt.functions.caches import CACHE, may_keep_traced
from chainopt.functions.places import places_of, written
from chainopt.functions.reachable import Reachable
from chainopt.functions.signature import SCALARS, static_key

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from chainopt.functions.backend import Backend
    from chainopt.typing import Array

MOST_BYTES = 2**26  # of NumPy's arrays
_ABSENT = object()


class Snapshot:
    """What can be reached from some objects.

    Parameters
    ----------
    backend : Backend
        Which says what an array is: what arrays of the library hold is left alone.
    roots : iterable
        A function, and what it is given besides arrays.

    Raises
    ------
    UnplannableError
        If there is too much of it, or something that is another one each time.
    """

    def __init__(self, backend: Backend, roots: Iterable[Array]) -> None:
        self.backend = backend
        self.reached = Reachable(roots, lambda value: isinstance(value, np.ndarray) or backend.is_result(value), frozenset())
        writable = [array for array in self.reached.arrays if isinstance(array, np.ndarray) and array.flags.writeable]
        if sum(array.nbytes for array in writable) > MOST_BYTES:
            msg = f"it reaches more than {MOST_BYTES >> 20} MiB of NumPy's arrays, which it may change"
            raise UnplannableError(msg)
        self._numbers = [(array, array.copy()) for array in writable]
        containers = [*self.reached.mappings, *self.reached.sequences, *self.reached.settings]
        self._mappings = [(mapping, dict(mapping)) for mapping in containers if isinstance(mapping, dict)]
        self._sequences = [(sequence, [*sequence]) for sequence in containers if not isinstance(sequence, dict)]
        self._cells = [(cell, cell.cell_contents) for cell in self.reached.cells]
        self._variables = [(names, name, names[name]) for names, name, _ in self.reached.variables if isinstance(names, dict)]
        self._classes = [(kind, dict(vars(kind))) for kind in self.reached.classes]
        self._slots = [(owner, name, getattr(owner, name, _ABSENT)) for owner, name in self.reached.slots]
        self._caches = [(held, held.cache_info().misses) for held in self.reached.objects if isinstance(held, CACHE)]
        self._places = places_of(self.reached)

    def is_unchanged(self) -> bool:
        """Whether all is as it was; what is equal to what was there counts, too."""
        return not (self._is_overwritten() or written(self._places, places_of(self.reached)))

    def has_only_more(self) -> bool:
        """Whether there is nothing new but objects where there were none: what is computed once, and kept."""
        new = written(self._places, places_of(self.reached))
        return not self.changes_numbers() and all(self._places.get(place) in (None, [None]) for place in new)

    def changes_numbers(self) -> bool:
        """Whether numbers, texts or the contents of NumPy's arrays are other ones."""
        after = places_of(self.reached)
        return self._is_overwritten() or any(
            [*map(static_key, _plain(self._places, place))] != [*map(static_key, _plain(after, place))]
            for place in written(self._places, after)
        )

    def traces_left(self) -> tuple[bool, bool]:
        """Return whether what was traced has been written somewhere, and whether that took the place of an array."""
        is_left = is_overwritten = False
        after = places_of(self.reached)
        for place in written(self._places, after):
            old, new = (
                [leaf for held in places.get(place, ()) for leaf in _leaves(self.backend, held)]
                for places in (self._places, after)
            )
            present = set(map(id, old))
            if any(self.backend.is_traced(leaf) and id(leaf) not in present for leaf in new):
                is_left = True
                is_overwritten |= len(new) <= len(old) and any(map(self.backend.is_result, old))
        return is_left, is_overwritten

    def empty_caches(self, *, of_tracers: bool = False) -> None:
        """Empty those of `functools` that have been filled, or only such as may hold tracers now."""
        for cache, misses in self._caches:
            if cache.cache_info().misses != misses and not (of_tracers and not may_keep_traced(self.backend, cache)):
                cache.cache_clear()

    def put_back(self) -> None:
        """Let all be as it was."""
        self.empty_caches()
        for cell, content in self._cells:
            cell.cell_contents = content
        for names, name, value in self._variables:
            if names.get(name) is not value:
                names[name] = value
        for kind, attributes in self._classes:
            for name in vars(kind).keys() | attributes.keys():
                _put(kind, name, vars(kind).get(name, _ABSENT), attributes.get(name, _ABSENT))
        for owner, name, value in self._slots:
            _put(owner, name, getattr(owner, name, _ABSENT), value)
        for mapping, held in self._mappings:
            if not _are_same([*mapping], [*held]) or not _are_same([*mapping.values()], [*held.values()]):
                mapping.clear()
                mapping.update(held)
        for sequence, entries in self._sequences:
            if not _are_same([*sequence], entries):
                _refill(sequence, entries)
        for array, numbers in self._numbers:
            if array.tobytes() != numbers.tobytes():
                array[...] = numbers

    def _is_overwritten(self) -> bool:
        return any(array.tobytes() != numbers.tobytes() for array, numbers in self._numbers)


def _put(owner: Array, name: str, now: Array, before: Array) -> None:
    """Let an attribute be what it was, unless it still is; of an object that is frozen, too."""
    plain: Array = type if isinstance(owner, type) else object
    if now is before:
        return
    if before is _ABSENT:
        plain.__delattr__(owner, name)
    else:
        plain.__setattr__(owner, name, before)


def _leaves(backend: Backend, held: Array) -> list[Array]:
    """Return the leaves of a pytree, and what those hold that are objects."""
    try:
        leaves, _ = backend.flatten(held)
    except Exception:  # noqa: BLE001 -- of a pytree of the user's own, or a dict without an order
        return [held]
    return [inner for leaf in leaves for inner in (leaf, *getattr(leaf, "__dict__", {}).values())]


def _plain(places: dict[Hashable, list[Array]], place: Hashable) -> list[Array]:
    return [held for held in places.get(place, ()) if held is not None and type(held) in SCALARS]


def _are_same(one: list[Array], other: list[Array]) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))


def _refill(sequence: Array, entries: list[Array]) -> None:
    sequence.clear()
    if isinstance(sequence, list | deque):
        sequence.extend(entries)
    else:
        sequence.update(entries)
