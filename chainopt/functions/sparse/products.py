"""Products of sparse matrices of known patterns: which entries of both factors are multiplied for each entry of the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.functions.sparse.given_pattern import tidy

if TYPE_CHECKING:
    from chainopt.structure.patterns import Entries
    from chainopt.typing import IntArray


class Product(NamedTuple):
    """The multiplications of a product, those of one entry of the result after the other."""

    pattern: Entries  # of the result
    left: IntArray  # the entry of the left factor,
    right: IntArray  # and of the right one,
    result: IntArray  # and the one that it is added to, ascending

    @classmethod
    def of(cls, left: Entries, right: Entries) -> Product:
        """List the multiplications of the product of two patterns, sorted in their rows."""
        pattern = tidy(left.astype(np.int32) @ right.astype(np.int32))
        counts = np.diff(right.indptr).astype(np.int64)[left.indices]
        ours = np.repeat(np.arange(left.nnz), counts)
        shifts = right.indptr[left.indices].astype(np.int64) - (np.cumsum(counts) - counts)
        theirs = np.arange(ours.size) + np.repeat(shifts, counts)
        rows = np.repeat(np.arange(left.shape[0], dtype=np.int64), np.diff(left.indptr))
        keys = rows[ours] * right.shape[1] + right.indices[theirs]
        place = np.searchsorted(keys_of(pattern), keys)
        order = np.argsort(place, kind="stable")
        return cls(pattern, ours[order], theirs[order], place[order])

    def tables(self) -> tuple[IntArray, IntArray]:
        """Return the entries of both factors in tables, a column for each entry of the result, -1 where there are no more."""
        counts = np.bincount(self.result, minlength=self.pattern.nnz)
        depth = np.arange(self.result.size) - (np.cumsum(counts) - counts)[self.result]
        tables = np.full((2, int(counts.max(initial=0)), self.pattern.nnz), -1)
        tables[0, depth, self.result], tables[1, depth, self.result] = self.left, self.right
        return tables[0], tables[1]


def keys_of(pattern: Entries) -> IntArray:
    """Return a number for each place of a pattern, by row and column, ascending."""
    rows = np.repeat(np.arange(pattern.shape[0], dtype=np.int64), np.diff(pattern.indptr))
    keys: IntArray = rows * pattern.shape[1] + pattern.indices
    return keys


def places_in(pattern: Entries, wanted: Entries) -> IntArray:
    """Return where in a pattern each place of another one is, -1 where it is not there."""
    known, keys = keys_of(pattern), keys_of(wanted)
    if not known.size:
        return np.full(keys.size, -1)
    found = np.minimum(np.searchsorted(known, keys), known.size - 1)
    return np.where(known[found] == keys, found, -1)
