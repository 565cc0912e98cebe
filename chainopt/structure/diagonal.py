"""Diagonal matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.structure.bands import Band
from chainopt.structure.structure import Structure

if TYPE_CHECKING:
    from chainopt.structure.patterns import Pattern


class Diagonal(Structure):
    """Nonzeros on the main diagonal only, as for a function that is applied element by element.

    Examples
    --------
    A layer is a dense matrix times a diagonal one, which costs as many multiplications as the dense one has entries.

    >>> from chainopt import Diagonal, Jacobian, optimal_order
    >>> optimal_order([Jacobian((10, 500)), Jacobian((500, 500), structure=Diagonal())]).cost
    5000
    """

    __slots__ = ()

    diagonals = (0, 0)

    def pattern(self, shape: tuple[int, int]) -> Pattern:
        """Return where a matrix of this shape has nonzeros."""
        return Band.of(shape, 0, 0)
