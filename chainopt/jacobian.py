"""One elemental Jacobian, as the planner sees it: a shape."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.exceptions import ChainError

if TYPE_CHECKING:
    from collections.abc import Sequence


def checked_size(value: object, place: str) -> int:
    """Return a size as a Python int, or say where something else stands."""
    if not isinstance(value, bool | np.bool):
        try:
            size = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
        else:
            if size >= 0:
                return size
    msg = f"{place} is {value!r}: a size is an int that is not negative"
    raise ChainError(msg)


def checked_shape(shape: object, place: str) -> tuple[int, int]:
    """Return a (rows, columns) pair of Python ints, or say where something else stands."""
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        msg = f"{place} is {shape!r}: give a pair (rows, columns)"
        raise ChainError(msg)
    return checked_size(shape[0], f"{place}[0]"), checked_size(shape[1], f"{place}[1]")


@dataclass(frozen=True, slots=True, init=False)
class Jacobian:
    """The Jacobian of one stage, its matrix at hand.

    Parameters
    ----------
    shape : (int, int)
        Rows (outputs of the stage) and columns (its inputs).
    batch : sequence of int, optional
        The leading sizes of a stack of such matrices; they broadcast as those of ``@`` do.
    name : str, optional
        What the matrix is called in a bracketing instead of its number.

    Raises
    ------
    ChainError
        If the shape is no pair of ints that are not negative.

    Examples
    --------
    >>> Jacobian((10, 2000), name="readout")
    Jacobian(shape=(10, 2000), batch=(), name='readout')
    """

    shape: tuple[int, int]
    batch: tuple[int, ...]
    name: str | None

    def __init__(self, shape: Sequence[int], *, batch: Any = (), name: Any = None) -> None:
        if name is not None and not (isinstance(name, str) and name):
            msg = f"name is {name!r}: give a text that is not empty, or None"
            raise ChainError(msg)
        object.__setattr__(self, "shape", checked_shape(shape, "shape"))
        if not isinstance(batch, tuple | list):
            msg = f"batch is {batch!r}: give the leading sizes of the stack as a tuple"
            raise ChainError(msg)
        object.__setattr__(self, "batch", tuple([checked_size(size, f"batch[{at}]") for at, size in enumerate(batch)]))
        object.__setattr__(self, "name", name)

    @property
    def stack_size(self) -> int:
        """How many matrices the stack holds."""
        return math.prod(self.batch)
