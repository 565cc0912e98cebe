"""Patterns of chains of dense and block-diagonal factors of any size: rows that are alike are held once, and counted.

A file of some hundred bytes can name blocks of a billion rows, which nobody could list. Between the ends of the blocks of the
factors on both sides all indices of a dimension are alike, so that the chain is one of as few rows as there are such ranges.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from chainopt.structure.block_diagonal import BlockDiagonal
from chainopt.structure.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.structure.structure import Structure
    from chainopt.typing import BoolArray

LARGE = 2**20  # sizes together, from which ranges are looked for
MOST_RANGES = 500  # of a dimension, whose products are formed by cells


def grids_of(dims: Sequence[int], structures: Sequence[Structure]) -> list[Grid] | None:
    """Return the patterns of the factors of a large chain; None where they are better listed.

    Parameters
    ----------
    dims : sequence of int
        The sizes between the factors, outputs first.
    structures : sequence of Structure
        One for each factor.
    """
    if sum(dims) < LARGE or not all(structure.is_dense or isinstance(structure, BlockDiagonal) for structure in structures):
        return None
    ends = [{0, size} for size in dims]
    for position, structure in enumerate(structures):
        if isinstance(structure, BlockDiagonal):
            for side in (0, 1):
                ends[position + side].update(accumulate(block[side] for block in structure.blocks))
    if max(map(len, ends)) > MOST_RANGES:
        return None
    borders = [sorted(each) for each in ends]
    sizes = [np.array([end - begin for begin, end in pairwise(each)], dtype=object) for each in borders]
    return [
        Grid(_cells(structure, borders[position], borders[position + 1]), sizes[position], sizes[position + 1])
        for position, structure in enumerate(structures)
    ]


def _cells(structure: Structure, rows: list[int], columns: list[int]) -> BoolArray:
    cells = np.full((len(rows) - 1, len(columns) - 1), not isinstance(structure, BlockDiagonal))
    if isinstance(structure, BlockDiagonal):
        places = [{border: place for place, border in enumerate(borders)} for borders in (rows, columns)]
        top = left = 0
        for height, width in structure.blocks:
            bottom, right = top + height, left + width
            cells[places[0][top] : places[0][bottom], places[1][left] : places[1][right]] = True
            top, left = bottom, right
    return cells
