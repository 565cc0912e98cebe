"""Operations with matrix-free stages: whole matrices are pushed and pulled, never column by column in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.execution import structured
from chainopt.execution.libraries import adjoint, concatenate, dense_form, identity, is_operator
from chainopt.execution.structured import product
from chainopt.operations import Accumulation, Mode, Multiplication, Pushforward
from chainopt.structure.kinds import Dense

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chainopt.operations import Operation
    from chainopt.structure.kinds import Structure


def execute(
    operations: Sequence[Operation],
    factors: list[Any],
    chunk_size: int | None = None,
    last_product: Callable[[Any, Any], Any] | None = None,
    done: Callable[[], None] | None = None,
    structures: Sequence[Structure] | None = None,
) -> Any:
    """Do one operation after the other; ``done`` is called after each.

    At most ``chunk_size`` columns, or rows, go through a stage at once. What is not needed any more is let go.
    """
    held: dict[tuple[int, int], Any] = {}

    def take(first: int, last: int) -> Any:
        if (first, last) in held:
            return held.pop((first, last))
        factor, factors[first] = factors[first], None
        return factor

    for at, operation in enumerate(operations):
        first, last = operation.first, operation.last
        if isinstance(operation, Accumulation):
            structure = Dense() if structures is None else structures[first]
            result = _accumulate(take(first, last), operation.mode, chunk_size, factors, structure)
        elif isinstance(operation, Multiplication):
            is_last = at == len(operations) - 1
            left, right = take(first, operation.split), take(operation.split + 1, last)
            result = product(left, right) if last_product is None or not is_last else last_product(left, right)
            del left, right
        elif isinstance(operation, Pushforward):
            stages = [take(stage, stage) for stage in range(first, operation.split + 1)]
            result = _in_chunks(_push, stages[::-1], take(operation.split + 1, last), 1, chunk_size)
        else:
            stages = [take(stage, stage) for stage in range(operation.split + 1, last + 1)]
            result = _in_chunks(_pull, stages, take(first, operation.split), 0, chunk_size)
        held[first, last] = result
        del result  # what is held is let go as soon as it is taken
        if done is not None:
            done()
    return held.popitem()[1] if held else None


def _push(stage: Any, matrix: Any) -> Any:
    return stage.matmat(dense_form(matrix)) if is_operator(stage) else product(stage, matrix)


def _pull(stage: Any, matrix: Any) -> Any:
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
    if not isinstance(structure, Dense):
        return structured.accumulate(
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
