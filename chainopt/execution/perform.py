"""Operations with matrix-free stages: whole matrices are pushed and pulled, never column by column in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.operations import Accumulation, Mode, Multiplication, Pushforward
from chainopt.execution import forms
from chainopt.execution.backends.dask import pass_through
from chainopt.execution.backends.dispatch import adjoint, concatenate, dense_form, identity, is_operator, library_of, samples
from chainopt.execution.dependencies import operands
from chainopt.execution.forms import product
from chainopt.structure.structures import Dense

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chainopt.bracketing.operations import Operation
    from chainopt.structure.structure import Structure

    Product = Callable[[Any, Any], Any]


def execute(
    operations: Sequence[Operation],
    factors: list[Any],
    chunk_size: int | None = None,
    last_product: Product | None = None,
    done: Callable[[int], None] | None = None,
    structures: Sequence[Structure] | None = None,
) -> Any:
    """Do one operation after the other; ``done`` is called after each, with its position.

    At most ``chunk_size`` columns, or rows, go through a stage at once. What is not needed any more is let go.
    """
    do = performer(operations, factors, chunk_size, last_product, structures)
    held: dict[tuple[int, int], Any] = {}

    def take(span: tuple[int, int]) -> Any:
        if span in held:
            return held.pop(span)
        factor, factors[span[0]] = factors[span[0]], None
        return factor

    for at, operation in enumerate(operations):
        # The list is emptied on the way, and what is held is let go as soon as it is taken.
        held[operation.first, operation.last] = do(at, [take(span) for span in operands(operation)])
        if done is not None:
            done(at)
    return held.popitem()[1] if held else None


def performer(
    operations: Sequence[Operation],
    factors: Sequence[Any],
    chunk_size: int | None = None,
    last_product: Product | None = None,
    structures: Sequence[Structure] | None = None,
) -> Callable[[int, list[Any]], Any]:
    """Return what does the operation at a position with its operands, wherever and whenever it is called."""
    others, last = samples(factors), len(operations) - 1

    def do(at: int, taken: list[Any]) -> Any:
        operation = operations[at]
        structure = None if structures is None else structures[operation.first]
        by = product if last_product is None or at < last else last_product
        return perform(operation, taken, others, chunk_size, structure, by)

    return do


def perform(
    operation: Operation,
    taken: list[Any],
    others: Sequence[Any],
    chunk_size: int | None = None,
    structure: Structure | None = None,
    by: Product = product,
) -> Any:
    """Do one operation with what `operands` says that it takes; the list is emptied on the way.

    ``others`` says of which libraries the factors are, and ``structure`` which one an accumulated matrix has.
    """
    if isinstance(operation, Accumulation):
        return _accumulate(taken.pop(), operation.mode, chunk_size, others, structure or Dense())
    if isinstance(operation, Multiplication):
        left, right = taken
        taken.clear()
        return by(left, right)
    if isinstance(operation, Pushforward):
        stages, matrix = taken[-2::-1], taken[-1:]
        step, axis = _push, 1
    else:
        stages, matrix = taken[1:], taken[:1]
        step, axis = _pull, 0
    taken.clear()
    return _in_chunks(step, stages, matrix.pop(), axis, chunk_size)


def _push(stage: Any, matrix: Any) -> Any:
    if is_operator(stage) and library_of(dense := dense_form(matrix)) == "dask":
        return pass_through(_push, stage, dense, 1)
    return stage.matmat(dense_form(matrix)) if is_operator(stage) else product(stage, matrix)


def _pull(stage: Any, matrix: Any) -> Any:
    if is_operator(stage) and library_of(dense := dense_form(matrix)) == "dask":
        return pass_through(_pull, stage, dense, 0)
    return adjoint(stage.rmatmat(adjoint(dense_form(matrix)))) if is_operator(stage) else product(matrix, stage)


def _in_chunks(step: Callable[[Any, Any], Any], stages: list[Any], matrix: Any, axis: int, chunk_size: int | None) -> Any:
    if chunk_size is None or chunk_size >= matrix.shape[axis]:
        while stages:
            matrix = step(stages.pop(0), matrix)
        return matrix
    matrix = dense_form(matrix)
    return concatenate([_in_chunks(step, [*stages], part, axis, None) for part in _parts(matrix, axis, chunk_size)], axis)


def _parts(matrix: Any, axis: int, chunk_size: int) -> Iterator[Any]:
    for begin in range(0, matrix.shape[axis], chunk_size):
        part = slice(begin, begin + chunk_size)
        yield matrix[:, part] if axis == 1 else matrix[part]


def _accumulate(stage: Any, mode: Mode | None, chunk_size: int | None, others: Sequence[Any], structure: Structure) -> Any:
    """Build the matrix of a stage; a matrix that stands in the place of the stage is its own."""
    if not is_operator(stage):
        return stage
    if mode is None and hasattr(stage, "elemental_jacobian"):
        return stage.elemental_jacobian()
    by_jvps = mode is Mode.FORWARD or (mode is None and hasattr(stage, "matmat"))
    axis = 1 if by_jvps else 0
    step = _push if by_jvps else _pull
    if not structure.is_dense:
        return forms.accumulate(
            structure, stage, axis, lambda seed: step(stage, seed), lambda size: _slices(size, chunk_size), others
        )
    size = stage.shape[axis]
    columns = [step(stage, identity(size, stage, others, part, axis)) for part in _slices(size, chunk_size)]
    if len(columns) == 1:
        return columns[0]
    return concatenate(columns, axis) if columns else np.zeros(stage.shape)


def _slices(size: int, chunk_size: int | None) -> list[slice]:
    chunk = max(size if chunk_size is None else min(chunk_size, size), 1)
    return [slice(begin, min(begin + chunk, size)) for begin in range(0, size, chunk)]


def needs(factors: int, operations: Iterable[Operation]) -> list[set[str]]:
    """Say of every stage what the operations use of it: its "matmat", its "rmatmat" or its "matrix"."""
    used: list[set[str]] = [set() for _ in range(factors)]
    made: set[int] = set()
    for operation in operations:
        first, last = operation.first, operation.last
        if isinstance(operation, Accumulation):
            made.add(first)
            used[first] |= {Mode.FORWARD: {"matmat"}, Mode.REVERSE: {"rmatmat"}, None: set()}[operation.mode]
            continue
        is_push, is_product = isinstance(operation, Pushforward), isinstance(operation, Multiplication)
        left, right = range(first, operation.split + 1), range(operation.split + 1, last + 1)
        for side, through, name in ((left, is_push, "matmat"), (right, not is_push and not is_product, "rmatmat")):
            for at in side if through else side if len(side) == 1 and side[0] not in made else ():
                used[at].add(name if through else "matrix")
    return used
