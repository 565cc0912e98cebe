"""Which products with 0-1 vectors hold a sparse matrix, and where in them each nonzero is: the colors of columns and of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.numbers import counted

if TYPE_CHECKING:
    from chainopt.structure.patterns import Entries
    from chainopt.typing import BoolArray, IntArray

MOST_COUNTERS = 2**26  # beyond which pairs of a row and a color are sorted


@dataclass(frozen=True, eq=False)
class Coloring:
    """The colors of columns and rows: the columns of a color share a JVP, the rows of a color a VJP.

    Parameters
    ----------
    columns : numpy.ndarray of int64, shape (columns,)
        The color of each column, from 0 on; -1 for a column that is in no JVP.
    rows : numpy.ndarray of int64, shape (rows,)
        The color of each row; -1 for a row that is in no VJP.
    is_symmetric : bool
        Whether the matrix is symmetric, so that a nonzero may be read off at the place of its mirror image.

    Examples
    --------
    >>> import numpy as np
    >>> coloring = Coloring(np.array([0, 1, 1, 1]), np.array([0, -1, -1, -1]))
    >>> coloring
    Coloring(2 JVPs of 4 columns, 1 VJP of 1 row)
    >>> coloring.jvps, coloring.vjps
    (2, 1)
    """

    columns: IntArray
    rows: IntArray
    is_symmetric: bool = False

    @property
    def jvps(self) -> int:
        """How many JVPs there are, one for each color of columns."""
        return int(self.columns.max(initial=-1)) + 1

    @property
    def vjps(self) -> int:
        """How many VJPs there are, one for each color of rows."""
        return int(self.rows.max(initial=-1)) + 1

    @property
    def products(self) -> int:
        """How many there are together."""
        return self.jvps + self.vjps

    def __repr__(self) -> str:
        one = "HVP" if self.is_symmetric else "JVP"
        columns = f"{counted(self.jvps, one)} of {counted(int((self.columns >= 0).sum()), 'column')}"
        rows = f"{counted(self.vjps, 'VJP')} of {counted(int((self.rows >= 0).sum()), 'row')}"
        sides = [text for text, count in ((columns, self.jvps), (rows, self.vjps)) if count]
        return f"Coloring({', '.join(sides) or 'nothing to find'})"


class Sources(NamedTuple):
    """Where each nonzero of a pattern is read off, in the order of the pattern.

    A JVP, for a color of columns, holds it at a row; a VJP, for a color of rows, at a column.
    """

    by_row: BoolArray  # whether a VJP holds it
    position: IntArray  # the row of a JVP, the column of a VJP
    color: IntArray

    @property
    def is_complete(self) -> bool:
        """Whether each nonzero is alone somewhere."""
        return bool((self.color >= 0).all())


def sources(entries: Entries, coloring: Coloring) -> Sources:
    """Find where each nonzero is alone in a product.

    Parameters
    ----------
    entries : scipy.sparse.csr_array of bool
        The pattern; its columns ascend in each row.
    coloring : Coloring
        Of it.

    Returns
    -------
    Sources
        With the color -1 where a nonzero is nowhere alone.
    """
    rows = np.repeat(np.arange(entries.shape[0], dtype=np.int64), np.diff(entries.indptr))
    columns = entries.indices.astype(np.int64)
    color, position = coloring.columns[columns], rows
    found = alone(rows, color, coloring.jvps, entries.shape[0])
    by_row = np.zeros(rows.size, dtype=bool)
    if coloring.is_symmetric:
        mirrored = coloring.columns[rows]
        other = ~found & alone(columns, mirrored, coloring.jvps, entries.shape[0])
        color, position = np.where(other, mirrored, color), np.where(other, columns, position)
        found = found | other
    elif coloring.vjps:
        shade = coloring.rows[rows]
        by_row = ~found & alone(columns, shade, coloring.vjps, entries.shape[1])
        color, position = np.where(by_row, shade, color), np.where(by_row, columns, position)
        found = found | by_row
    return Sources(by_row, position, np.where(found, color, -1))


def alone(lines: IntArray, colors: IntArray, count: int, size: int) -> BoolArray:
    """Tell which places are the only ones of their color in their line; those without a color are not."""
    if count == 0:
        return np.zeros(lines.size, dtype=bool)
    keys = lines * count + np.maximum(colors, 0)
    if size * count <= MOST_COUNTERS:
        single = np.bincount(keys[colors >= 0], minlength=size * count)[keys] == 1
    else:
        _, places, counts = np.unique(np.where(colors >= 0, keys, -1), return_inverse=True, return_counts=True)
        single = counts[places] == 1
    return np.asarray(single & (colors >= 0))
