"""Dense matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainopt.structure.bands import Band
from chainopt.structure.structure import Structure

if TYPE_CHECKING:
    from chainopt.structure.patterns import Pattern


@dataclass(frozen=True, slots=True)
class Dense(Structure):
    """No zeros are known: what a Jacobian without a structure is.

    Examples
    --------
    >>> import chainopt
    >>> stages = [chainopt.Jacobian((3, 4), structure=chainopt.Dense()), chainopt.Jacobian((4, 2))]
    >>> chainopt.optimal_order(stages).cost
    24
    """

    is_dense = True
    label = ""

    def pattern(self, shape: tuple[int, int]) -> Pattern:
        """Return where a matrix of this shape has nonzeros."""
        return Band.full(*shape)
