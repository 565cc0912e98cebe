"""What primitives do to arrays of numbers, entry by entry."""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from chainopt.jax.detection.evaluations import MOVES
from chainopt.jax.detection.reshaping import padded
from chainopt.jax.detection.windows import Windows, columns_of
from chainopt.jax.elimination.values import Cells
from chainopt.jax.jaxprs import dtype, shape
from chainopt.jax.rules.elementwise import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.jax.elimination.walk import Rule, Walk
    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import Array, IntArray

FOLDS = {"reduce_sum": "add", "reduce_prod": "mul", "reduce_max": "max", "reduce_min": "min"}


def elementwise(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Apply the primitive to each entry; scalars go with all."""
    axes, kind = shape(equation.outvars[0]), dtype(equation.outvars[0])
    lines = [np.broadcast_to(walk.cells(operand), axes).reshape(-1).tolist() for operand in operands]
    found = [walk.code.operation(equation.primitive, equation.params, line, kind) for line in zip(*lines, strict=True)]
    return [Cells(np.array(found, np.int64).reshape(axes))]


def moved(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Put the entries in other places."""
    result = MOVES[str(equation.primitive)](*map(walk.cells, operands), **equation.params)
    return [Cells(np.asarray(result).reshape(shape(equation.outvars[0])))]


def select_n(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Choose entries now where the condition is known."""
    if isinstance(operands[0], np.ndarray):
        return [Cells(MOVES["select_n"](operands[0], *map(walk.cells, operands[1:])))]
    return elementwise(walk, equation, operands)


def parts(equation: JaxprEqn, ids: IntArray) -> list[IntArray]:
    """Cut into parts along an axis."""
    axis = equation.params["axis"]
    if str(equation.primitive) == "unstack":
        return list(np.moveaxis(ids, axis, 0))
    return np.split(ids, np.cumsum(equation.params["sizes"])[:-1], axis)


def split(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Cut into parts."""
    return [Cells(part) for part in parts(equation, walk.cells(operands[0]))]


def pad(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Put a number around, and between, entries."""
    ids, filling = map(walk.cells, operands)
    return [Cells(around(equation, ids, int(filling)))]


def around(equation: JaxprEqn, ids: IntArray, filling: int) -> IntArray:
    """Put a node around, and between, others."""
    places = padded(np.arange(ids.size).reshape(ids.shape), equation.params["padding_config"])
    return taken(ids, places, filling)


def taken(ids: IntArray, places: IntArray, filling: int) -> IntArray:
    """Take entries at flat places, and another one where those are negative."""
    return np.append(ids.reshape(-1), filling)[np.where(places < 0, ids.size, places)]


def gathered(equation: JaxprEqn, ids: IntArray, indices: Array, filling: int | None) -> IntArray | None:
    """Take entries at indices that are known; None where they are not, or lie outside and there is nothing to fill in."""
    if not isinstance(indices, np.ndarray):
        return None
    windows = Windows.of_gather(equation)
    drops = "FILL" in str(equation.params["mode"]).upper()
    places = windows.places(columns_of(indices, len(windows.starts)), clips=not drops)
    if (places < 0).any() and filling is None:
        return None
    return taken(ids, places, filling or 0)


def cut_out(equation: JaxprEqn, ids: IntArray, starts: Sequence[Array]) -> IntArray | None:
    """Cut a block out; None where it is not known where it begins."""
    lengths = equation.params["slice_sizes"]
    place = block(ids.shape, lengths, starts)
    return None if place is None else ids[place]


def block(axes: tuple[int, ...], lengths: Sequence[int], starts: Sequence[Array]) -> tuple[slice, ...] | None:
    """Return a block, moved inside as XLA does."""
    if not all(isinstance(start, np.ndarray) for start in starts):
        return None
    begins = [int(np.clip(int(start), 0, axis - length)) for start, axis, length in zip(starts, axes, lengths, strict=False)]
    return tuple(slice(begin, begin + length) for begin, length in zip(begins, lengths, strict=True))


def gather(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array] | None:
    """Take entries."""
    ids = gathered(equation, walk.cells(operands[0]), operands[1], None)
    return None if ids is None else [Cells(ids)]


def dynamic_slice(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array] | None:
    """Cut a block out."""
    ids = cut_out(equation, walk.cells(operands[0]), operands[1 : 1 + len(shape(equation.invars[0]))])
    return None if ids is None else [Cells(ids)]


def folded(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Combine the entries along axes."""
    name = str(equation.primitive)
    kind = dtype(equation.outvars[0])
    basic = FOLDS[name]
    rows = lines(walk.cells(operands[0]), equation.params["axes"])
    found = [reduce(lambda one, other: walk.code.basic(basic, (one, other), kind), row) for row in rows.tolist()]
    return [Cells(np.array(found, np.int64).reshape(shape(equation.outvars[0])))]


def lines(ids: IntArray, axes: Sequence[int]) -> IntArray:
    """Return a matrix with a row for each entry of the result of a reduction."""
    kept = [axis for axis in range(ids.ndim) if axis not in axes]
    length = math.prod(ids.shape[axis] for axis in axes)
    return ids.transpose((*kept, *axes)).reshape(-1, length)


def running(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Add up the entries before each one."""
    kind = dtype(equation.outvars[0])
    return [Cells(run_along(equation, walk.cells(operands[0]), lambda one, other: walk.code.basic("add", (one, other), kind)))]


def run_along(equation: JaxprEqn, ids: IntArray, add: Callable[[int, int], int]) -> IntArray:
    """Combine each entry with those before it along an axis."""
    axis, is_reversed = equation.params["axis"], equation.params.get("reverse", False)
    rows = np.moveaxis(np.flip(ids, axis) if is_reversed else ids, axis, 0).copy()
    for at in range(1, len(rows)):
        flat = [add(int(one), int(other)) for one, other in zip(rows[at - 1].reshape(-1), rows[at].reshape(-1), strict=True)]
        rows[at] = np.array(flat, np.int64).reshape(rows[at].shape)
    result = np.moveaxis(rows, 0, axis)
    return np.flip(result, axis) if is_reversed else result


def product_lines(equation: JaxprEqn, left: IntArray, right: IntArray) -> tuple[IntArray, IntArray]:
    """Return for each entry of a product of arrays what is multiplied there: two matrices, with a row for each entry."""
    (left_axes, right_axes), (left_batch, right_batch) = equation.params["dimension_numbers"]
    rows = _ordered(left, left_batch, left_axes)
    columns = _ordered(right, right_batch, right_axes)
    batch, length = rows.shape[0], rows.shape[2]
    whole = (batch, rows.shape[1], columns.shape[1], length)
    return (
        np.broadcast_to(rows[:, :, None, :], whole).reshape(-1, length),
        np.broadcast_to(columns[:, None, :, :], whole).reshape(-1, length),
    )


def _ordered(ids: IntArray, batch: Sequence[int], axes: Sequence[int]) -> IntArray:
    free = [axis for axis in range(ids.ndim) if axis not in (*batch, *axes)]
    sizes = [math.prod(ids.shape[axis] for axis in some) for some in (batch, free, axes)]
    return ids.transpose((*batch, *free, *axes)).reshape(sizes)


def dot_general(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Multiply and add up."""
    kind, code = dtype(equation.outvars[0]), walk.code
    rows, columns = product_lines(equation, *map(walk.cells, operands))
    found = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        terms = [
            code.basic("mul", (code.converted(one, kind), code.converted(other, kind)), kind)
            for one, other in zip(row, column, strict=True)
        ]
        found.append(reduce(lambda one, other: code.basic("add", (one, other), kind), terms))
    return [Cells(np.array(found, np.int64).reshape(shape(equation.outvars[0])))]


OF_VALUES: dict[str, Rule] = {
    **dict.fromkeys((*NAMES.split(), "add", "add_any", "convert_element_type"), elementwise),
    **dict.fromkeys(MOVES, moved),
    **dict.fromkeys(FOLDS, folded),
    "select_n": select_n,
    "stop_gradient": elementwise,  # of whose results there are no derivatives, so that it stays an operation
    "split": split,
    "unstack": split,
    "pad": pad,
    "gather": gather,
    "dynamic_slice": dynamic_slice,
    "cumsum": running,
    "dot_general": dot_general,
}
