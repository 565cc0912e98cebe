"""One elemental Jacobian, as the planner sees it: a shape, and what its stage can do, at what cost."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Number
from typing import TYPE_CHECKING

import numpy as np

from chainopt.errors import ChainError
from chainopt.numbers import shown
from chainopt.structure.structure import check_structure

if TYPE_CHECKING:
    from chainopt.structure.structure import Structure
    from chainopt.typing import Cost


def checked_size(value: object, place: str) -> int:
    """Return a size as a Python int; refuse anything else, naming its place."""
    if not isinstance(value, bool | np.bool_):
        try:
            size = operator.index(value)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001, S110 -- a symbol's own is no TypeError
            pass
        else:
            if size >= 0:
                return size
    msg = f"{place} is {shown(value)}: a size is an int that is not negative{unknown_size(value)}"
    raise ChainError(msg)


def unknown_size(size: object) -> str:
    """Return advice for the size of an array that is not computed yet; nothing for other sizes."""
    if isinstance(size, float) and math.isnan(size):
        return "; a Dask array knows its sizes after compute_chunk_sizes()"
    is_symbol = not isinstance(size, Number | str | bytes | Sequence) and hasattr(size, "__mul__") and not hasattr(size, "shape")
    return "; multi_dot multiplies arrays with symbolic sizes" if is_symbol else ""


def checked_shape(shape: object, place: str) -> tuple[int, int]:
    """Return a (rows, columns) pair of Python ints; refuse anything else, naming its place."""
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        msg = f"{place} is {shown(shape)}: give a pair (rows, columns)"
        raise ChainError(msg)
    return checked_size(shape[0], f"{place}[0]"), checked_size(shape[1], f"{place}[1]")


def checked_cost(value: object, place: str) -> Cost:
    """Return a cost as a Python int, or as a float in seconds; refuse anything else, naming its place."""
    if isinstance(value, float | np.floating):
        if 0 <= value < math.inf:
            return float(value)
    elif not isinstance(value, bool | np.bool_):
        try:
            cost = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
        else:
            if cost >= 0:
                return cost
    what = "an int that counts fused multiply-adds, or a float in seconds, finite and not negative"
    msg = f"{place} is {shown(value)}: a cost is {what}"
    raise ChainError(msg)


def checked_name(value: object) -> str:
    """Return a name, or refuse it."""
    if not (isinstance(value, str) and value and value.isprintable()):
        msg = f"name is {shown(value)}: give a string that can be printed on one line, or None"
        raise ChainError(msg)
    return value


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Jacobian:
    """The Jacobian of one stage.

    Parameters
    ----------
    shape : (int, int)
        Rows m (outputs of the stage) and columns n (its inputs).
    jvp_cost, vjp_cost : int or float, optional
        What one ``J @ v``, and one ``w @ J``, costs when computed from the stage without its matrix: an int counts fused
        multiply-adds, a float seconds. Without either, the matrix is at hand. With one, the stage is matrix-free: its
        matrix costs n JVPs or m VJPs, and other matrices can be pushed or pulled back through it without forming its own.
    accumulation_cost : int or float, optional
        What the matrix costs, in the place of n JVPs or m VJPs, even if those cost less. Give 0 for a matrix at hand whose
        stage has a JVP or a VJP as well.
    tape : int, optional
        The memory that a reverse sweep of the stage needs.
    structure : Dense, Diagonal, Identity, Banded, BlockDiagonal or Sparse, optional
        Where the matrix has nonzeros; without one it is dense. A matrix-free stage then needs a JVP for each color of
        its columns, or a VJP for each color of its rows, instead of n or m.
    batch : sequence of int, optional
        The leading sizes of a stack of such matrices; they broadcast as those of ``@`` do.
    name : str, optional
        The name of the matrix in a bracketing, in place of its number.

    Raises
    ------
    ChainError
        If the shape is not a pair of non-negative ints, a cost is negative or not finite, or a matrix of this shape
        cannot have the structure.

    Examples
    --------
    >>> Jacobian((10, 2000), vjp_cost=40_000, tape=2_000, name="readout")
    Jacobian((10, 2000), vjp_cost=40000, tape=2000, name='readout')
    """

    shape: tuple[int, int]
    jvp_cost: Cost | None
    vjp_cost: Cost | None
    accumulation_cost: Cost | None
    tape: int
    structure: Structure | None
    batch: tuple[int, ...]
    name: str | None

    def __init__(
        self,
        shape: Sequence[int],
        *,
        jvp_cost: Cost | None = None,
        vjp_cost: Cost | None = None,
        accumulation_cost: Cost | None = None,
        tape: int = 0,
        structure: Structure | None = None,
        batch: Sequence[int] = (),
        name: str | None = None,
    ) -> None:
        if not isinstance(batch, tuple | list):
            msg = f"batch is {shown(batch)}: give the leading sizes of the stack as a tuple"
            raise ChainError(msg)
        set_attribute = object.__setattr__
        set_attribute(self, "shape", checked_shape(shape, "shape"))
        costs = {"jvp_cost": jvp_cost, "vjp_cost": vjp_cost, "accumulation_cost": accumulation_cost}
        for field, cost in costs.items():
            set_attribute(self, field, None if cost is None else checked_cost(cost, field))
        set_attribute(self, "tape", checked_size(tape, "tape"))
        if structure is not None:
            check_structure(structure, self.shape)
        set_attribute(self, "structure", structure)
        set_attribute(self, "batch", tuple([checked_size(size, f"batch[{axis}]") for axis, size in enumerate(batch)]))
        set_attribute(self, "name", None if name is None else checked_name(name))

    @property
    def stack_size(self) -> int:
        """How many matrices the stack holds."""
        return math.prod(self.batch)

    @property
    def is_matrix_free(self) -> bool:
        """Whether the stage has a JVP or a VJP."""
        return self.jvp_cost is not None or self.vjp_cost is not None

    def __repr__(self) -> str:
        unsaid = {"tape": 0, "batch": ()}
        fields = ("jvp_cost", "vjp_cost", "accumulation_cost", "tape", "structure", "batch", "name")
        options = [f", {field}={shown(value)}" for field in fields if (value := getattr(self, field)) != unsaid.get(field)]
        return f"Jacobian({shown(self.shape)}{''.join(options)})"
