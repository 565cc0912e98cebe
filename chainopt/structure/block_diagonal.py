"""Matrices of dense blocks along the diagonal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from chainopt.errors import ChainError, check_keys
from chainopt.numbers import count, counted, shape_text, shown
from chainopt.structure.bands import Band
from chainopt.structure.patterns import Places
from chainopt.structure.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.structure.patterns import Pattern
    from chainopt.typing import PlainDict

MOST_LISTED = 2**24


@dataclass(frozen=True, slots=True)
class BlockDiagonal(Structure):
    """Dense blocks along the diagonal, as for a function that works on groups of its inputs one by one.

    Parameters
    ----------
    blocks : sequence of (int, int) or int
        The (rows, columns) of each block, or the size of a square one; together they make up the matrix.

    Raises
    ------
    ChainError
        If they are not such a sequence.

    Examples
    --------
    >>> from chainopt import BlockDiagonal, Jacobian, optimal_order
    >>> pairs = Jacobian((6, 6), structure=BlockDiagonal([2, 2, 2]))
    >>> optimal_order([pairs, pairs]).cost
    24
    """

    blocks: tuple[tuple[int, int], ...]

    def __init__(self, blocks: Sequence[tuple[int, int] | int]) -> None:
        if not isinstance(blocks, list | tuple):
            msg = f"blocks is {shown(blocks)}: give a sequence of (rows, columns) pairs"
            raise ChainError(msg)
        pairs = []
        for position, block in enumerate(blocks):
            pair = block if isinstance(block, list | tuple) else (block, block)
            sizes_fit = all(isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 0 for size in pair)
            if len(pair) != 2 or not sizes_fit:
                msg = f"blocks[{position}] is {shown(block)}: give a pair (rows, columns), or the size of a square block"
                raise ChainError(msg)
            pairs.append((int(pair[0]), int(pair[1])))
        object.__setattr__(self, "blocks", tuple(pairs))

    def pattern(self, shape: tuple[int, int]) -> Pattern:
        """Return where a matrix of this shape has nonzeros.

        Raises
        ------
        ChainError
            If the blocks do not make up such a matrix.
        """
        self.check(shape)
        nonzeros = sum(rows * columns for rows, columns in self.blocks)
        if nonzeros == shape[0] * shape[1]:
            return Band.full(*shape)
        if max(nonzeros, *shape) > MOST_LISTED:
            msg = (
                f"structure is a BlockDiagonal of {counted(nonzeros, 'nonzero')} in the shape {shape_text(*shape)}: beside "
                f"matrices that are neither dense nor such up to {count(MOST_LISTED)} can be listed; give Sparse(matrix)"
            )
            raise ChainError(msg)
        rows, columns = (np.array(sizes, dtype=np.int64) for sizes in zip(*self.blocks, strict=True))
        widths = np.repeat(columns, rows)
        begins = np.repeat(np.cumsum(columns) - columns, rows)
        indptr = np.concatenate([[0], np.cumsum(widths)])
        indices = np.arange(indptr[-1]) - np.repeat(indptr[:-1] - begins, widths)
        return Places.of_rows(shape, indptr, indices)

    def check(self, shape: tuple[int, int]) -> None:
        """Refuse a shape that is not that of the blocks.

        Raises
        ------
        ChainError
            If it is another one; the message names both.
        """
        if self.own_shape != tuple(shape):
            msg = f"structure is a BlockDiagonal of {shape_text(*self.own_shape)} together, but the shape is {shape}"
            raise ChainError(msg)

    @property
    def label(self) -> str:
        """What is printed after the shape: "2 blocks"."""
        return counted(len(self.blocks), "block")

    @property
    def own_shape(self) -> tuple[int, int]:
        """The shape that the blocks make up."""
        return sum(rows for rows, _ in self.blocks), sum(columns for _, columns in self.blocks)

    def to_dict(self) -> PlainDict:
        """Return the structure as a string and lists of ints."""
        return {"kind": "blockdiagonal", "blocks": [list(block) for block in self.blocks]}

    @classmethod
    def from_dict(cls, data: PlainDict) -> Self:
        """Make the structure that `to_dict` wrote."""
        check_keys(data, ("kind", "blocks"), "data of a structure")
        return cls(data["blocks"])
