"""Colors: columns that share no row can be found with one JVP, rows that share no column with one VJP.

Reference: A. R. Curtis, M. J. D. Powell and J. K. Reid, "On the estimation of sparse Jacobian matrices", IMA J. Appl.
Math. 13 (1974).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from chainopt.structure.bands import Band
from chainopt.structure.greedy_coloring import greedy_colors
from chainopt.structure.patterns import Rectangle, places, transposed

if TYPE_CHECKING:
    from chainopt.structure.patterns import Pattern
    from chainopt.structure.structure import Structure
    from chainopt.typing import IntArray


def column_colors(structure: Structure, shape: tuple[int, int]) -> int:
    """Return how many JVPs find the matrix."""
    pattern = structure.pattern(shape)
    return pattern.widest_row if isinstance(pattern, Band) else color_count(coloring_of(structure, shape, 1))


def row_colors(structure: Structure, shape: tuple[int, int]) -> int:
    """Return how many VJPs find the matrix."""
    pattern = structure.pattern(shape)
    return pattern.transposed().widest_row if isinstance(pattern, Band) else color_count(coloring_of(structure, shape, 0))


def color_count(coloring: IntArray) -> int:
    """Return how many colors there are."""
    return int(coloring.max(initial=-1)) + 1


@lru_cache(maxsize=256)
def coloring_of(structure: Structure, shape: tuple[int, int], axis: int) -> IntArray:
    """Return the color of each column (axis 1) or row (axis 0) of a matrix; -1 where it is empty.

    Parameters
    ----------
    structure : Structure
        Where the matrix has nonzeros.
    shape : (int, int)
        Its rows and columns.
    axis : int
        1: columns get colors, for JVPs; 0: rows, for VJPs.

    Returns
    -------
    numpy.ndarray of int64
        Read-only, as it is kept for the next call.
    """
    pattern = structure.pattern(shape)
    coloring = color_columns(pattern if axis == 1 else transposed(pattern))
    coloring.setflags(write=False)
    return coloring


def color_columns(pattern: Pattern) -> IntArray:
    """Color the columns with few colors, so that columns that share a row differ.

    For a band they are as few as possible: the columns of a row are neighbors, so that numbering them cyclically
    suffices. Otherwise the best of some greedy orders is taken, which may need more colors than the fullest row has
    places.
    """
    columns = np.arange(pattern.shape[1], dtype=np.int64)
    used = pattern.column_counts() > 0
    if isinstance(pattern, Band):
        return np.where(used, columns % max(pattern.widest_row, 1), -1)
    if isinstance(pattern, Rectangle):
        return np.where(used, np.cumsum(used) - 1, -1)
    return greedy_colors(places(pattern))
