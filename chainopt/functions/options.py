"""What a caller may ask of a Jacobian function, checked once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainopt.typing import Array, Function

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chainopt.errors import ChainError
from chainopt.numbers import shown

Mode = Literal["auto", "forward", "reverse", "planned", "elimination"]
Sparsity = bool | Literal["low-rank"]
Randomness = Literal["error", "same", "different"]
RANDOMNESS: tuple[Randomness, ...] = ("error", "same", "different")
MODES: tuple[Mode, ...] = ("auto", "forward", "reverse", "planned", "elimination")


@dataclass(frozen=True)
class Options:
    """How a Jacobian function was asked for; the faces of the libraries say what each means."""

    argnums: int | tuple[int, ...] = 0
    has_aux: bool = False
    holomorphic: bool = False
    allow_int: bool = False
    mode: Mode = "auto"
    chunk_size: int | None = None
    low_rank: bool = False
    with_value: bool = False
    is_hessian: bool = False
    randomness: Randomness = "error"
    sparse: Sparsity = False
    pattern: Array = None  # a GivenPattern
    check: bool = True

    @property
    def is_pure(self) -> bool:
        """Whether one of the library's own modes is asked for."""
        return self.mode in {"forward", "reverse"}

    @property
    def must_plan(self) -> bool:
        """Whether nothing but a plan, or straight-line code, will do."""
        return self.mode in {"planned", "elimination"} or self.low_rank or bool(self.sparse)

    def library_mode(self, suited: str = "reverse") -> str:
        """Return the pure mode that is left what cannot be planned: the one asked for, of Hessians else the library's."""
        if self.is_pure:
            return self.mode
        return "forward" if self.is_hessian else suited

    def from_the_front(self, count: int) -> Options:
        """Return the same for so many positional arguments, with none counted from the last one."""
        argnums = self.argnums
        return replace(self, argnums=argnums % count if isinstance(argnums, int) else tuple(each % count for each in argnums))

    def derivative_of(self, result: Array) -> Array:
        """Return the Jacobian among what a call returns."""
        if self.with_value:
            return result[1]
        return result[0] if self.has_aux else result

    def result_of(self, function: Function) -> Function:
        """Return the function without the auxiliary data that it returns, and with weak references, which JAX needs."""
        has_aux = self.has_aux
        return lambda *args, **kwargs: function(*args, **kwargs)[0] if has_aux else function(*args, **kwargs)

    @classmethod
    def checked(cls, function: object, argnums: Array, mode: Array, chunk_size: Array, **others: Array) -> Options:
        """Refuse what is no function, position, mode, chunk size or kind of randomness, and factors of a pure mode.

        Parameters
        ----------
        function
            What is to be differentiated.
        argnums
            The position of an argument, or a sequence of positions.
        mode
            One of `MODES`.
        chunk_size
            How many columns or rows go through the function at once, or None.
        **others
            The other fields.

        Raises
        ------
        ChainError
            Which says what there is instead.
        """
        if not callable(function):
            msg = f"the function is {shown(function)}, which cannot be called"
            raise ChainError(msg)
        if mode not in MODES:
            msg = f"mode is {shown(mode)}: give one of {', '.join(map(repr, MODES))}"
            raise ChainError(msg)
        randomness = others.get("randomness", "error")
        if randomness not in RANDOMNESS:
            msg = f"randomness is {shown(randomness)}: give one of {', '.join(map(repr, RANDOMNESS))}"
            raise ChainError(msg)
        if others.get("low_rank") and mode in {"forward", "reverse", "elimination"}:
            low_rank = others["low_rank"]
            msg = f'low_rank is {shown(low_rank)}, but mode is {shown(mode)}, which has no factors: take mode "auto" or "planned"'
            raise ChainError(msg)
        if chunk_size is not None and (isinstance(chunk_size, bool) or not isinstance(chunk_size, int) or chunk_size < 1):
            msg = f"chunk_size is {shown(chunk_size)}: give an int of at least 1, or None"
            raise ChainError(msg)
        return cls(argnums=_positions(argnums), mode=mode, chunk_size=chunk_size, **others)


def _positions(argnums: Array) -> int | tuple[int, ...]:
    """Return positions as Python ints, NumPy's among them."""
    if getattr(argnums, "shape", ()) != ():
        msg = "argnums is an array: give the point to what `jacobian` returns, as in `jacobian(f)(x)`"
        raise ChainError(msg)
    is_sequence = isinstance(argnums, Sequence) and not isinstance(argnums, str)
    try:
        positions = tuple(map(_position, argnums if is_sequence else [argnums]))
    except TypeError:
        msg = f"argnums is {shown(argnums)}: give the position of an argument, or a sequence of positions"
        raise ChainError(msg) from None
    if not positions:
        msg = f"argnums is {shown(argnums)}, which names no argument: give the position of one, or of several"
        raise ChainError(msg)
    check_distinct(positions, argnums)
    return positions if is_sequence else positions[0]


def _position(number: Array) -> int:
    if isinstance(number, bool):
        raise TypeError
    return operator.index(number)


def check_distinct(positions: Sequence[int], argnums: object) -> None:
    """Refuse to differentiate by the same argument twice, as the libraries do.

    Raises
    ------
    ChainError
        Which names the argument.
    """
    for position in positions:
        if positions.count(position) > 1:
            msg = f"argnums is {shown(argnums)}, which names argument {position} twice: name each once"
            raise ChainError(msg)
