"""Patterns of full and empty cells, whose rows and columns are counted, not listed; see `ranges`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from chainopt.typing import BoolArray, IntArray, NumpyArray


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Cells that are full or empty, of rows and columns whose numbers are Python ints."""

    cells: BoolArray
    heights: NumpyArray
    widths: NumpyArray

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the matrix."""
        return int(self.heights.sum()), int(self.widths.sum())

    @property
    def nonzeros(self) -> int:
        """How many places there are."""
        return int(self.heights @ self.cells.astype(object) @ self.widths)

    @property
    def is_full(self) -> bool:
        """Whether every place belongs to it."""
        return bool(self.cells.all())

    def row_counts(self) -> IntArray:
        """How many places each row has, one by one."""
        return np.repeat(self.cells.astype(object) @ self.widths, self.heights.astype(np.int64)).astype(np.int64)

    def column_counts(self) -> IntArray:
        """How many places each column has, one by one."""
        return self.transposed().row_counts()

    def transposed(self) -> Grid:
        """Return the pattern of the transpose."""
        return Grid(self.cells.T, self.widths, self.heights)


def product(left: Grid, right: Grid) -> Grid:
    """Return the pattern of a product."""
    common = left.cells.astype(np.float32) @ right.cells.astype(np.float32)
    return Grid(common > 0, left.heights, right.widths)


def multiplications(left: Grid, right: Grid) -> int:
    """Return how many multiplications a product needs."""
    columns, rows = left.heights @ left.cells.astype(object), right.cells.astype(object) @ right.widths
    return int((left.widths * columns * rows).sum())
