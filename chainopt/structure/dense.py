"""Dense matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.structure.bands import Band
from chainopt.structure.structure import Structure

if TYPE_CHECKING:
    from chainopt.structure.patterns import Pattern


class Dense(Structure):
    """A matrix with no known zeros: what a Jacobian is without a structure.

    Examples
    --------
    >>> import chainopt
    >>> stages = [chainopt.Jacobian((3, 4), structure=chainopt.Dense()), chainopt.Jacobian((4, 2))]
    >>> chainopt.optimal_order(stages).cost
    24
    """

    __slots__ = ()

    is_dense = True
    label = ""

    def pattern(self, shape: tuple[int, int]) -> Pattern:
        """Return where a matrix of this shape has nonzeros."""
        return Band.full(*shape)
