"""What a function reads besides its arguments, watched for changes: closures, globals, attributes, and what they hold."""

from __future__ import annotations

from itertools import chain
from operator import attrgetter, is_
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.backend import UnplannableError
from chainopt.functions.places import are_alike, places_of
from chainopt.functions.reachable import Reachable

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from chainopt.functions.backend import Backend
    from chainopt.typing import Array

MOST_BYTES = 2**26  # of NumPy's arrays, which are compared byte by byte: that takes no longer than one product with them


class Environment:
    """The state that objects reach.

    Parameters
    ----------
    backend : Backend
        Which says what of its arrays may change.
    roots : iterable
        A function, and what it is given besides arrays.
    ignored : frozenset
        Keys of `places` at which nobody looks.

    Raises
    ------
    UnplannableError
        If that is too much to be looked at before each call.
    """

    def __init__(self, backend: Backend, roots: Iterable[Array], ignored: frozenset[Hashable] = frozenset()) -> None:
        self.backend = backend
        self.reached = Reachable(roots, lambda value: isinstance(value, np.ndarray) or backend.is_result(value), ignored)
        if sum(array.nbytes for array in self.reached.arrays if isinstance(array, np.ndarray)) > MOST_BYTES:
            msg = f"it reaches more than {MOST_BYTES >> 20} MiB of NumPy's arrays, which may change"
            raise UnplannableError(msg)
        self.filled = [mapping for mapping in self.reached.mappings if mapping]  # of empty ones the length says all
        self.objects, self.descriptions = self._objects(), self._descriptions()

    def is_unchanged(self) -> bool:
        """Whether all is as it was."""
        try:
            if self._descriptions() != self.descriptions:
                return False
            objects = self._objects()
        except (RuntimeError, ValueError):  # a dict that another thread changes, a variable that has been deleted
            return False
        return all(map(is_, objects, self.objects)) or all(map(are_alike, objects, self.objects))

    def places(self) -> dict[Hashable, list[Array]]:
        """Return what is at each place now."""
        return places_of(self.reached)

    def _objects(self) -> list[Array]:
        """Return what is held, one after the other."""
        reached = self.reached
        return [
            *map(attrgetter("cell_contents"), reached.cells),
            *(mapping.get(name) for mapping, name, _ in reached.variables),
            *(getattr(owner, name, None) for owner, name in reached.slots),
            *chain.from_iterable(self.filled),
            *chain.from_iterable(map(dict.values, self.filled)),
            *chain.from_iterable(reached.sequences),
            *chain.from_iterable(view for _, view in reached.views),
        ]

    def _descriptions(self) -> list[object]:
        """Return how much is held where, and what of arrays may change."""
        reached = self.reached
        held = (*reached.mappings, *reached.sequences, *(view for _, view in reached.views))
        return [*map(len, held), *map(self._description, reached.arrays)]

    def _description(self, array: Array) -> object:
        if isinstance(array, np.ndarray):
            return array.shape, array.dtype, array.tobytes()
        return self.backend.watched(array)
