"""Parts of index sets: one set for each entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.functions.sparsity.groups import Groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import BoolArray, IntArray, NumpyArray


class Part(NamedTuple):
    """One set for each entry: its number among some groups, -1 for none. Without groups, it is the column itself."""

    ids: NumpyArray
    groups: Groups | None

    def same_as(self, other: Part) -> bool:
        """Whether two parts are equal, as far as is soon told."""
        return self.groups is other.groups and (self.ids is other.ids or bool(np.array_equal(self.ids, other.ids)))

    def counts(self) -> IntArray:
        """Tell how many columns each entry has."""
        if self.groups is None:
            return (self.ids >= 0).astype(np.int64)
        return np.where(self.ids < 0, 0, self.groups.counts[self.ids])

    def members(self, columns: int) -> BoolArray:
        """Tell which columns occur."""
        found = np.zeros(columns, dtype=bool)
        ids = self.ids[self.ids >= 0]
        if self.groups is None:
            found[ids] = True
        else:
            used = np.zeros(self.groups.counts.size, dtype=bool)
            used[ids] = True
            found[self.groups.expanded(np.flatnonzero(used))[1]] = True
        return found


def collected(parts: Sequence[Part], rows: IntArray, shape: tuple[int, int]) -> Groups:
    """Join the sets of entries that belong to the same row.

    Parameters
    ----------
    parts : sequence of Part
        The sets of the entries.
    rows : numpy.ndarray of int64
        The row of each entry.
    shape : (int, int)
        How many rows and columns there are.
    """
    tables = {id(part.groups): part.groups for part in parts}
    result = Groups.of_keys(np.zeros(0, dtype=np.int64), *shape)
    for key, table in tables.items():
        width = shape[1] if table is None else table.counts.size
        keys = []
        for part in parts:
            if id(part.groups) == key:
                there = part.ids >= 0
                ids, own = (part.ids, rows) if there.all() else (part.ids[there], rows[there])
                keys.append(own * width + ids)
        members = Groups.of_keys(np.concatenate(keys), shape[0], width)
        result = result.union(members if table is None else members.product(table))
    return result
