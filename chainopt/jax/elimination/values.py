"""What stands for an array while scalar code is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from chainopt.typing import IntArray, NumpyArray


@dataclass(frozen=True, eq=False)
class Whole:
    """An array that does not depend on the inputs, and is there as a whole when the code runs."""

    number: int


@dataclass(frozen=True, eq=False)
class Cells:
    """An array whose entries are numbers of the code."""

    ids: IntArray


@dataclass(frozen=True, eq=False)
class Slopes:
    """A tangent: its entries are vertices of the graph of partial derivatives, -1 for those that are zero."""

    ids: IntArray


Value: TypeAlias = "NumpyArray | Whole | Cells | Slopes"
