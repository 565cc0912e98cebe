"""What a function writes while it is traced is put back: into a cache of its own it would put tensors without numbers."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from operator import is_
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.backend import UnplannableError
from chainopt.functions.caches import CACHE, may_keep_traced
from chainopt.functions.changing import ChangingError
from chainopt.functions.places import places_of, traces_left
from chainopt.functions.reachable import Reachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chainopt.functions.backend import Backend
    from chainopt.typing import Array

_PRESENT = threading.local()
_ABSENT = object()
CHANGES_ITSELF = "it changes what it reads"


@dataclass(slots=True)
class Tracing:
    """What a function did while it was traced."""

    overwrites: bool = False  # an array that it reads, by what it computes: it reads another one at each call
    is_changing: bool = False  # what it reads, which cannot be put back

    def refuse_overwriting(self) -> None:
        """Refuse to plan what does so.

        Raises
        ------
        UnplannableError
            Which says so.
        """
        if self.overwrites:
            raise UnplannableError(CHANGES_ITSELF)


@contextmanager
def restored(backend: Backend, roots: Iterable[Array]) -> Iterator[Tracing]:
    """Put back, at the end, what variables, attributes of objects and classes, dicts, lists and sets hold.

    Those that can be reached from some objects. What else a function of JAX's writes while it is traced is its user's affair, as
    in `jax.jit`, but not where it is a tracer: JAX's own Jacobian, which traces nothing but derivatives, would have put numbers
    there, as the next key of random numbers, or a grid that is kept.

    Parameters
    ----------
    backend : Backend
        Which says what an array is: what arrays hold is left alone.
    roots : iterable
        A function, and what it is given besides arrays.
    """
    tracing = Tracing()
    try:
        reached = Reachable(roots, lambda value: isinstance(value, np.ndarray) or backend.is_result(value), frozenset())
        containers = [*reached.mappings, *reached.sequences, *reached.settings]
        mappings = [(mapping, dict(mapping)) for mapping in containers if isinstance(mapping, dict)]
        sequences = [(sequence, [*sequence]) for sequence in containers if not isinstance(sequence, dict)]
        before = {} if backend.must_read else places_of(reached)
    except (UnplannableError, RuntimeError) as error:  # too much, or another thread changes it
        tracing.is_changing = isinstance(error, ChangingError)
        yield tracing
        return
    cells = [(cell, cell.cell_contents) for cell in reached.cells]
    caches = [(held, held.cache_info().misses) for held in reached.objects if isinstance(held, CACHE)]
    variables = [(names, name, names[name]) for names, name, _ in reached.variables if isinstance(names, dict)]
    put_attributes_back = _attributes(reached)

    def put_all_back() -> None:
        for cache, misses in caches:
            if cache.cache_info().misses != misses and (backend.must_read or may_keep_traced(backend, cache)):
                cache.cache_clear()
        if not backend.must_read:
            is_left, is_overwritten = traces_left(backend, before, places_of(reached))
            tracing.overwrites |= is_overwritten
            if not is_left:
                return
        for cell, content in cells:
            cell.cell_contents = content
        for names, name, value in variables:
            if names.get(name) is not value:
                names[name] = value
        put_attributes_back()
        for mapping, held in mappings:
            if not _are_same([*mapping], [*held]) or not _are_same([*mapping.values()], [*held.values()]):
                mapping.clear()
                mapping.update(held)
        for sequence, entries in sequences:
            if not _are_same([*sequence], entries):
                _refill(sequence, entries)

    outer, _PRESENT.put_back = getattr(_PRESENT, "put_back", None), put_all_back
    try:
        yield tracing
    finally:
        _PRESENT.put_back = outer
        put_all_back()


def _attributes(reached: Reachable) -> Callable[[], None]:
    """Return what lets attributes of classes, and of objects without a dict, be what they are now."""
    classes = [(kind, dict(vars(kind))) for kind in reached.classes]
    slots = [(owner, name, getattr(owner, name, _ABSENT)) for owner, name in reached.slots]

    def put_back() -> None:
        for kind, attributes in classes:
            for name in vars(kind).keys() | attributes.keys():
                _put(kind, name, vars(kind).get(name, _ABSENT), attributes.get(name, _ABSENT))
        for owner, name, value in slots:
            _put(owner, name, getattr(owner, name, _ABSENT), value)

    return put_back


def _put(owner: Array, name: str, now: Array, before: Array) -> None:
    """Let an attribute be what it was, unless it still is."""
    if now is before:
        return
    if before is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, before)


def put_back() -> None:
    """Do so now, where this thread traces: the function is traced again, and would meet what it wrote."""
    put_all_back = getattr(_PRESENT, "put_back", None)
    if put_all_back is not None:
        put_all_back()


def _are_same(one: list[Array], other: list[Array]) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))


def _refill(sequence: Array, entries: list[Array]) -> None:
    sequence.clear()
    if isinstance(sequence, list | deque):
        sequence.extend(entries)
    else:
        sequence.update(entries)
