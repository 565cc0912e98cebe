"""What every structure can say of itself; each structure is in a file of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from chainopt.errors import ChainError, check_keys
from chainopt.numbers import shown

if TYPE_CHECKING:
    from chainopt.structure.patterns import Pattern
    from chainopt.typing import PlainDict

    Shape = tuple[int, int]

_KINDS: dict[str, type[Structure]] = {}


class Structure(ABC):
    """Where a Jacobian has nonzeros.

    A new structure is an immutable class that derives from this one, in a file of its own that `structures` imports. It has
    to define `pattern`. One with parameters is a frozen dataclass, which also defines `label`, `to_dict` and `from_dict`.
    """

    __slots__ = ()

    is_dense: ClassVar[bool] = False  # whether no zeros are known
    is_identity: ClassVar[bool] = False  # whether multiplying with it costs nothing

    def __init_subclass__(cls) -> None:
        _KINDS[cls.__name__.lower()] = cls

    @abstractmethod
    def pattern(self, shape: Shape) -> Pattern:
        """Return where a matrix of this shape has nonzeros.

        Raises
        ------
        ChainError
            If a matrix of this shape cannot have the structure.
        """

    def check(self, shape: Shape) -> None:
        """Refuse a shape that a matrix of the structure cannot have.

        Raises
        ------
        ChainError
            As `pattern` raises it.
        """
        self.pattern(shape)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    def label(self) -> str:
        """What is printed after the shape of such a matrix in a chain."""
        return type(self).__name__.lower()

    @property
    def diagonals(self) -> tuple[int, int] | None:
        """How many diagonals below and above the main one have nonzeros; None where the structure is not given by that."""
        return None

    @property
    def own_shape(self) -> Shape | None:
        """The only shape that a matrix of the structure can have; None where it can have several."""
        return None

    def is_diagonal(self, shape: Shape) -> bool:
        """Whether a matrix of this shape is square and diagonal, so that a vector holds it."""
        return shape[0] == shape[1] and self.diagonals == (0, 0)

    def to_dict(self) -> PlainDict:
        """Return the structure as strings, ints and lists; see `structure_from_dict`."""
        return {"kind": type(self).__name__.lower()}

    @classmethod
    def from_dict(cls, data: PlainDict) -> Self:
        """Make the structure of this class that its `to_dict` wrote; what is missing may raise a KeyError."""
        check_keys(data, ("kind",), "data of a structure")
        return cls()


def structure_from_dict(data: object) -> Structure:
    """Make the structure, of whatever class, that a ``to_dict`` wrote.

    Raises
    ------
    ChainError
        If it is not such a dict.
    """
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str) or kind not in _KINDS:
        *others, last = _KINDS
        msg = f"structure is {shown(data)}: known kinds are {', '.join(others)} and {last}"
        raise ChainError(msg)
    try:
        return _KINDS[kind].from_dict(data)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ChainError):
            raise
        msg = f"structure of kind {kind!r} lacks what describes it: {error}"
        raise ChainError(msg) from None


def check_structure(structure: object, shape: Shape) -> None:
    """Refuse anything but a structure that a matrix of this shape can have."""
    if not isinstance(structure, Structure):
        names = ", ".join(kind.__name__ for kind in _KINDS.values())
        msg = f"structure is {shown(structure)}: give one of {names}, made with its parameters, or None"
        raise ChainError(msg)
    structure.check(shape)
