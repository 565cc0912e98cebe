"""Identities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.structure.bands import Band
from chainopt.structure.structure import Structure

if TYPE_CHECKING:
    from chainopt.structure.patterns import Pattern


class Identity(Structure):
    """The identity: what passes through a stage unchanged. Multiplying with it costs nothing.

    Examples
    --------
    >>> from chainopt import Identity, Jacobian, optimal_order
    >>> optimal_order([Jacobian((9, 9), structure=Identity()), Jacobian((9, 4))]).cost
    0
    """

    __slots__ = ()

    is_identity = True
    diagonals = (0, 0)

    def pattern(self, shape: tuple[int, int]) -> Pattern:
        """Return where a matrix of this shape has nonzeros.

        Raises
        ------
        ChainError
            If the shape is not square.
        """
        if shape[0] != shape[1]:
            msg = f"structure is Identity(), but the shape is {shape}: an identity is square"
            raise ChainError(msg)
        return Band.of(shape, 0, 0, is_unit=True)
