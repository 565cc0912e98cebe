"""Which columns each entry of an array depends on, in a form in which whole arrays are moved, joined and summed at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparsity.groups import Groups
from chainopt.functions.sparsity.parts import Part, collected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from chainopt.typing import BoolArray, IntArray, NumpyArray

MOST_PARTS = 24  # side by side: more are joined to one
PARTS_OF_GROUPS = 4  # parts without groups, that count as one with them
FEW_MEMBERS = 8  # of a sum, which are put side by side
MOST_NONZEROS = 30_000_000  # that are listed for one array: beyond, wide sets grow to all columns that occur


@dataclass(frozen=True, eq=False)
class IndexSets:
    """For each entry of a flattened array the columns that it depends on: the union of its sets in all parts.

    Parameters
    ----------
    size : int
        How many entries the array has.
    columns : int
        How many columns there are.
    parts : tuple of Part
        Side by side, so that a sum needs no work.
    """

    size: int
    columns: int
    parts: tuple[Part, ...]

    @classmethod
    def seeds(cls, size: int, columns: int, first: int) -> IndexSets:
        """Let each entry depend on a column of its own, from the first on."""
        return cls(size, columns, (Part(np.arange(first, first + size, dtype=np.int32), None),))

    def moved(self, move: Callable[[NumpyArray], NumpyArray], shape: Sequence[int]) -> IndexSets:
        """Apply to the numbers of the sets what is done to an array of this shape; -1 stands for a zero."""
        parts = tuple(Part(np.ascontiguousarray(move(part.ids.reshape(shape))).reshape(-1), part.groups) for part in self.parts)
        size = parts[0].ids.size if parts else int(move(np.empty(shape, dtype=np.int8)).size)
        return IndexSets(size, self.columns, parts)

    def taken(self, places: NumpyArray) -> IndexSets:
        """Return the entries at these places; -1 stands for a zero."""
        places = places.reshape(-1)
        missing = places < 0
        if missing.all():
            return IndexSets(places.size, self.columns, ())
        has_missing = bool(missing.any())
        taken = ((part.ids[places], part.groups) for part in self.parts)
        parts = (Part(np.where(missing, -1, ids).astype(np.int32) if has_missing else ids, groups) for ids, groups in taken)
        return IndexSets(places.size, self.columns, tuple(parts))

    def where(self, mask: BoolArray) -> IndexSets:
        """Return the entries at which a mask is true, and nothing at the others."""
        mask = mask.reshape(-1)
        if mask.all():
            return self
        parts = tuple(Part(np.where(mask, part.ids, np.int32(-1)), part.groups) for part in self.parts) if mask.any() else ()
        return IndexSets(self.size, self.columns, parts)

    def union(self, others: Iterable[IndexSets]) -> IndexSets:
        """Join the sets of arrays of equal size, entry by entry."""
        parts = list(self.parts)
        known = {(id(part.ids), id(part.groups)) for part in parts}
        for other in others:
            for part in other.parts:
                key = id(part.ids), id(part.groups)
                if key not in known and not any(part.same_as(one) for one in parts):
                    parts.append(part)
                    known.add(key)
        joined = IndexSets(self.size, self.columns, tuple(parts))
        weight = sum(1 if part.groups is None else PARTS_OF_GROUPS for part in parts)
        return joined.consolidated() if weight > MOST_PARTS and len(parts) > 1 else joined

    def counts(self) -> IntArray:
        """Return how many columns each entry has at most."""
        return sum((part.counts() for part in self.parts), start=np.zeros(self.size, dtype=np.int64))

    def members(self) -> BoolArray:
        """Tell which columns occur."""
        found = np.zeros(self.columns, dtype=bool)
        for part in self.parts:
            found |= part.members(self.columns)
        return found

    def origin(self) -> str | None:
        """Return what made it dense."""
        return next((part.groups.origin for part in self.parts if part.groups and part.groups.origin), None)

    def everything(self, size: int, origin: str | None = None) -> IndexSets:
        """Return entries that all depend on whatever these depend on."""
        groups = Groups.single(self.members())
        named = Groups(groups.indptr, groups.indices, groups.columns, self.origin() or (origin if groups.is_wide else None))
        parts = (Part(np.zeros(size, dtype=np.int32), named),) if groups.indices.size else ()
        return IndexSets(size, self.columns, parts)

    def consolidated(self, origin: str | None = None) -> IndexSets:
        """Return the same sets in one part."""
        return self.merged(np.arange(self.size), np.arange(self.size), self.size, origin)

    def merged(self, rows: IntArray, places: IntArray, size: int, origin: str | None = None) -> IndexSets:
        """Return an array whose entries depend on whatever some of these do.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Entries of the result.
        places : numpy.ndarray of int64
            The entry on which each of them depends.
        size : int
            How many entries the result has.
        origin : str, optional
            The name of what does this.
        """
        if not self.parts or not rows.size:
            return IndexSets(size, self.columns, ())
        taken = self.taken(places)
        counts = taken.counts()
        if int(counts.sum()) > MOST_NONZEROS:
            return self._roughly(taken, np.bincount(rows, counts, size), rows, size, origin)
        groups = collected(taken.parts, rows, (size, self.columns))
        return IndexSets(size, self.columns, (Part(np.arange(size, dtype=np.int32), self._named(groups, origin)),))

    def listed(self) -> tuple[NumpyArray, NumpyArray]:
        """Return where each entry's columns begin, and the columns, ascending."""
        if self.parts and all(part.groups is None for part in self.parts):  # the usual way, and a short one
            groups = Groups.of_numbers(np.stack([part.ids for part in self.parts], axis=1), self.columns)
            return groups.indptr.astype(np.int32), groups.indices
        full = np.zeros(self.size, dtype=bool)
        for part in self.parts:
            if part.groups is not None:  # a set of all columns needs no sorting
                full |= part.counts() == self.columns
        others = self.where(~full)
        groups = collected(others.parts, np.arange(self.size), (self.size, self.columns))
        if not full.any():
            return groups.indptr.astype(np.int32), groups.indices
        counts = np.where(full, self.columns, groups.counts)
        indices = np.tile(np.arange(self.columns, dtype=np.int32), int(full.sum()))
        if not full.all():
            is_full = np.repeat(full, counts)
            given, indices = indices, np.empty(is_full.size, dtype=np.int32)
            indices[is_full], indices[~is_full] = given, groups.indices
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32), indices

    def _named(self, groups: Groups, origin: str | None) -> Groups:
        name = (self.origin() or origin) if groups.is_wide else None
        return Groups(groups.indptr, groups.indices, groups.columns, name)

    def _roughly(self, taken: IndexSets, counts: NumpyArray, rows: IntArray, size: int, origin: str | None) -> IndexSets:
        """Give the widest entries all columns that occur, and the others what they have."""
        order = np.argsort(counts, kind="stable")
        narrow = np.zeros(size, dtype=bool)
        narrow[order[np.cumsum(counts[order]) <= MOST_NONZEROS]] = True
        wide = self.everything(size, origin).where(~narrow)
        few = np.flatnonzero(narrow[rows])
        return taken.merged(rows[few], few, size).union([wide])

    def along(self, shape: Sequence[int], axes: Sequence[int], origin: str | None = None) -> IndexSets:
        """Join the sets along some axes of an array of this shape, as a sum over them does."""
        kept = [axis for axis in range(len(shape)) if axis not in axes]
        length = int(np.prod([shape[axis] for axis in axes], dtype=np.int64))
        size = int(np.prod([shape[axis] for axis in kept], dtype=np.int64))
        if length <= FEW_MEMBERS and length * len(self.parts) <= MOST_PARTS:
            lines = self.moved(lambda ids: ids.transpose(*axes, *kept), shape)
            cuts = tuple(Part(ids, part.groups) for part in lines.parts for ids in part.ids.reshape(length, size))
            return IndexSets(size, self.columns, ()).union([IndexSets(size, self.columns, cuts)])
        places = np.arange(self.size).reshape(tuple(shape)).transpose(*kept, *axes).reshape(-1)
        return self.merged(np.repeat(np.arange(size), length), places, size, origin)


def joined(arrays: Sequence[IndexSets]) -> IndexSets:
    """Put arrays one after the other."""
    columns, size = arrays[0].columns, sum(array.size for array in arrays)
    parts = []
    for has_groups in (False, True):
        kinds = [[part for part in array.parts if (part.groups is not None) == has_groups] for array in arrays]
        for place in range(max(map(len, kinds))):
            layer = [kind[place] if place < len(kind) else None for kind in kinds]
            parts.append(_layer(layer, [array.size for array in arrays]))
    return IndexSets(size, columns, ()).union([IndexSets(size, columns, tuple(parts))])


def _layer(layer: Sequence[Part | None], sizes: Sequence[int]) -> Part:
    """Put parts one after the other, with the groups of all of them."""
    groups: Groups | None = None
    offsets: dict[int, int] = {}
    for part in layer:
        if part is not None and part.groups is not None and id(part.groups) not in offsets:
            offsets[id(part.groups)] = 0 if groups is None else groups.counts.size
            groups = part.groups if groups is None else groups.stacked(part.groups)
    pieces = []
    for part, size in zip(layer, sizes, strict=True):
        if part is None:
            pieces.append(np.full(size, -1, dtype=np.int32))
        else:
            offset = offsets.get(id(part.groups), 0)
            pieces.append(np.where(part.ids < 0, part.ids, part.ids + np.int32(offset)) if offset else part.ids)
    return Part(np.concatenate(pieces), groups)
