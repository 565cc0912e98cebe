"""Matrices with some diagonals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from chainopt.errors import ChainError, check_keys
from chainopt.numbers import shown
from chainopt.structure.bands import Band
from chainopt.structure.structure import Structure

if TYPE_CHECKING:
    from chainopt.structure.patterns import Pattern
    from chainopt.typing import PlainDict


@dataclass(frozen=True, slots=True)
class Banded(Structure):
    """Nonzeros on some diagonals: ``-lower <= column - row <= upper``.

    Parameters
    ----------
    lower, upper : int
        How many diagonals below and above the main one have nonzeros.

    Raises
    ------
    ChainError
        If one is not an int, or negative.

    Examples
    --------
    >>> from chainopt import Banded, Jacobian, optimal_order
    >>> stencil = Jacobian((100, 100), structure=Banded(1, 1))
    >>> optimal_order([stencil, stencil]).cost
    890
    """

    lower: int
    upper: int

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
                msg = f"{name} is {shown(value)}: give the number of diagonals, an int that is not negative"
                raise ChainError(msg)
            object.__setattr__(self, name, int(value))

    def pattern(self, shape: tuple[int, int]) -> Pattern:
        """Return where a matrix of this shape has nonzeros."""
        return Band.of(shape, self.lower, self.upper)

    @property
    def label(self) -> str:
        """What is printed after the shape: "band 1+0"."""
        return f"band {self.lower}+{self.upper}"

    @property
    def diagonals(self) -> tuple[int, int]:
        """How many diagonals below and above the main one have nonzeros."""
        return self.lower, self.upper

    def to_dict(self) -> PlainDict:
        """Return the structure as a string and two ints."""
        return {"kind": "banded", "lower": self.lower, "upper": self.upper}

    @classmethod
    def from_dict(cls, data: PlainDict) -> Self:
        """Make the structure that `to_dict` wrote."""
        check_keys(data, ("kind", "lower", "upper"), "data of a structure")
        return cls(data["lower"], data["upper"])
