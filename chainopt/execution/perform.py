"""Single operations: whole matrices are pushed and pulled through stages, never column by column in Python."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from chainopt.bracketing.operations import Accumulation, Mode, Multiplication, Pushforward
from chainopt.execution.accumulate import accumulate, chunks
from chainopt.execution.backends.dispatch import backend_of, is_operator
from chainopt.execution.forms import dense_form, product
from chainopt.execution.through import pulled_through, pushed_through
from chainopt.structure.structures import Dense

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.bracketing.operations import Operation
    from chainopt.structure.structure import Structure
    from chainopt.typing import Array

    Product = Callable[[Array, Array], Array]


@dataclass(frozen=True, slots=True)
class Performer:
    """Does the operations of a plan, each when it is called with its position and its operands, in whatever thread.

    Parameters
    ----------
    operations : sequence of Operation
    sample : array, optional
        Shows the library, dtype and device that seeds must have, as `seed_sample` returns it.
    structures : sequence of Structure, optional
        Of the factors, where not all of them are dense.
    chunk_size : int, optional
        How many columns or rows go through a stage at once; all of them by default.
    last_product : callable, optional
        What multiplies two matrices for the last operation, if it is a product.
    done : callable, optional
        Called with the position of each operation that is done.
    """

    operations: Sequence[Operation]
    sample: Array = None
    structures: Sequence[Structure] | None = None
    chunk_size: int | None = None
    last_product: Product | None = None
    done: Callable[[int], None] | None = None

    def __call__(self, position: int, taken: list[Array]) -> Array:
        """Do one operation with what `operands` says that it takes; the list is emptied on the way."""
        operation = self.operations[position]
        structure = None if self.structures is None else self.structures[operation.first]
        is_last = position == len(self.operations) - 1
        if self.last_product is not None and is_last and isinstance(operation, Multiplication):
            right, left = taken.pop(), taken.pop()
            result = self.last_product(left, right)
        else:
            result = perform(operation, taken, self.sample, structure, self.chunk_size)
        if self.done is not None:
            self.done(position)
        return result


def perform(
    operation: Operation,
    taken: list[Array],
    sample: Array = None,
    structure: Structure | None = None,
    chunk_size: int | None = None,
) -> Array:
    """Do one operation with what `operands` says that it takes; the list is emptied on the way.

    Parameters
    ----------
    operation : Operation
    taken : list
        The operands, in product order.
    sample : array, optional
        Shows the library, dtype and device that seeds must have, as `seed_sample` returns it.
    structure : Structure, optional
        Of a matrix that is accumulated; dense by default.
    chunk_size : int, optional
        How many columns or rows go through a stage at once; all of them by default.
    """
    if isinstance(operation, Accumulation):
        return _accumulation(taken.pop(), operation.mode, sample, structure or Dense(), chunk_size)
    if isinstance(operation, Multiplication):
        right, left = taken.pop(), taken.pop()
        return product(left, right)
    if isinstance(operation, Pushforward):
        step, axis, held, stages = _push, 1, [taken.pop()], taken[::-1]
    else:
        step, axis, held, stages = _pull, 0, [taken.pop(0)], taken[:]
    taken.clear()
    if chunk_size is None or chunk_size >= held[0].shape[axis]:
        return _through(step, stages, held)
    matrix = dense_form(held.pop())
    parts = [
        _through(step, [*stages], [matrix[:, part] if axis == 1 else matrix[part, :]])
        for part in chunks(matrix.shape[axis], chunk_size)
    ]
    return backend_of(parts[0]).concatenate(parts, axis)


def _through(step: Callable[[Array, Array], Array], stages: list[Array], held: list[Array]) -> Array:
    """Take a matrix through stages; each, and its input, is released once it is done."""
    while stages:
        held.append(step(stages.pop(0), held.pop()))
    return held.pop()


def _push(stage: Array, matrix: Array) -> Array:
    if not is_operator(stage):
        return product(stage, matrix)
    matrix = dense_form(matrix)
    return backend_of(matrix).pass_through(pushed_through, stage, matrix, 1)


def _pull(stage: Array, matrix: Array) -> Array:
    if not is_operator(stage):
        return product(matrix, stage)
    matrix = dense_form(matrix)
    return backend_of(matrix).pass_through(pulled_through, stage, matrix, 0)


def _accumulation(stage: Array, mode: Mode | None, sample: Array, structure: Structure, chunk_size: int | None) -> Array:
    """Build the matrix of a stage; a matrix given in place of the stage is that matrix itself."""
    if not is_operator(stage):
        return stage
    if mode is None and hasattr(stage, "elemental_jacobian"):
        return stage.elemental_jacobian()
    by_jvps = mode is Mode.FORWARD or (mode is None and hasattr(stage, "matmat"))
    through = partial(_push if by_jvps else _pull, stage)
    return accumulate(stage, structure, 1 if by_jvps else 0, through, sample, chunk_size)
