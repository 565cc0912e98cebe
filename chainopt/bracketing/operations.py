"""What a plan does: operations, and the mode that they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, overload

import numpy as np

if TYPE_CHECKING:
    from chainopt.typing import Cost, NumpyArray


class Mode(StrEnum):
    """How a product is associated, as a whole.

    Examples
    --------
    >>> Mode("forward") is Mode.FORWARD
    True
    """

    ANY = "any"
    FORWARD = "forward"
    REVERSE = "reverse"
    HYBRID = "hybrid"


# How the matrix of a factor is obtained, and what joins two neighbors, as a Bracketing holds them. Beside the joins there is
# what makes the matrix of a single factor.
GIVEN, BY_JVPS, BY_VJPS, OTHERWISE = 0, 1, 2, 3
PRODUCT, PUSHED, PULLED, ACCUMULATED = 0, 1, 2, 3
ACCUMULATION_MODES = {BY_JVPS: Mode.FORWARD, BY_VJPS: Mode.REVERSE, OTHERWISE: None}


@dataclass(frozen=True, slots=True)
class Accumulation:
    """The matrix of one matrix-free stage: by JVPs, by VJPs, or otherwise (mode None).

    Examples
    --------
    >>> from chainopt import Jacobian, optimal_order
    >>> optimal_order([Jacobian((3, 2), jvp_cost=5)]).operations
    (Accumulation(first=0, last=0, mode=<Mode.FORWARD: 'forward'>, cost=10, worker=None, start=None),)
    """

    first: int
    last: int
    mode: Mode | None
    cost: Cost
    worker: int | None = None
    start: Cost | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """What joins two neighbors: `Multiplication`, `Pushforward` and `Pullback` are kinds of it.

    The factors ``first..split`` and ``split+1..last`` are joined at ``cost``; ``worker`` and ``start`` are None where
    nothing was scheduled.
    """

    first: int
    split: int
    last: int
    cost: Cost
    worker: int | None = None
    start: Cost | None = None


class Multiplication(Join):
    """The result of the factors ``first..split`` times the result of ``split+1..last``.

    Examples
    --------
    >>> from chainopt import optimal_order
    >>> optimal_order([(4, 3), (3, 2)]).operations
    [Multiplication(first=0, split=0, last=1, cost=24, worker=None, start=None)]
    """

    __slots__ = ()


class Pushforward(Join):
    """The matrix-free stages ``first..split``, applied to the result of ``split+1..last``: one JVP per column and stage.

    Examples
    --------
    >>> from chainopt import Jacobian, optimal_order
    >>> optimal_order([Jacobian((9, 4), jvp_cost=5), (4, 2)]).operations
    (Pushforward(first=0, split=0, last=1, cost=10, worker=None, start=None),)
    """

    __slots__ = ()


class Pullback(Join):
    """The result of ``first..split``, pulled back through the stages ``split+1..last``: one VJP per row and stage.

    Examples
    --------
    >>> from chainopt import Jacobian, optimal_order
    >>> optimal_order([(2, 4), Jacobian((4, 9), vjp_cost=5)]).operations
    (Pullback(first=0, split=0, last=1, cost=10, worker=None, start=None),)
    """

    __slots__ = ()


Operation = Accumulation | Multiplication | Pushforward | Pullback


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Operations(Sequence[Multiplication]):
    """Products in an order in which they can be executed, held in arrays and made on demand."""

    first: NumpyArray
    split: NumpyArray
    last: NumpyArray
    cost: NumpyArray

    def __len__(self) -> int:
        return self.split.size

    @overload
    def __getitem__(self, index: int) -> Multiplication: ...
    @overload
    def __getitem__(self, index: slice) -> Operations: ...
    def __getitem__(self, index: int | slice) -> Multiplication | Operations:
        """Make the operation at a position, or cut out a range of them."""
        columns = (self.first, self.split, self.last, self.cost)
        if isinstance(index, slice):
            return Operations(*(column[index] for column in columns))
        return Multiplication(*(column.item(index) for column in columns))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Operations):
            return NotImplemented
        mine = (self.first, self.split, self.last, self.cost)
        return all(map(np.array_equal, mine, (other.first, other.split, other.last, other.cost)))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if len(self) <= 8:
            return f"[{', '.join(map(repr, self))}]"
        return f"[{self[0]!r}, {self[1]!r}, ... {len(self) - 3} more ..., {self[-1]!r}]"
