"""A Jacobian by stages, in the order of a plan."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import jax.numpy as jnp

from chainopt.bracketing.operations import Accumulation, Mode, Multiplication, Pullback
from chainopt.jax.mixed.matrices import Matrix, product, stays_sparse
from chainopt.jax.staged.apart import always_true, apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.linear_program import LinearProgram
    from chainopt.jax.mixed.operator import Operator
    from chainopt.plan.plan import Plan
    from chainopt.typing import Array

Span = tuple[int, int]


class MixedLine:
    """What computes a Jacobian by stages, some of which are sparse."""

    def __init__(self, program: LinearProgram, operators: Sequence[Operator], plan: Plan) -> None:
        self.program, self.operators, self._plan = program, operators, plan

    def plan(self) -> Plan:
        """Return the order in which the Jacobians of the stages are multiplied."""
        return self._plan

    def blocks(self, given: Sequence[Array]) -> list[Array]:
        """Return a block of the Jacobian for each array of the results and each of the inputs, in the type of the input."""
        inputs, results = self.operators[0].like, self.operators[-1].results
        arrays = [jnp.asarray(array) for array in given]
        always = always_true(arrays[: len(inputs)])
        whole = self._whole(self._read(arrays, always), always)
        rows, columns = ([*pairwise(accumulate((each.size for each in some), initial=0))] for some in (results, inputs))
        return [
            whole[top:bottom, left:right].astype(variable.dtype).reshape(*result.shape, *variable.shape)
            for (top, bottom), result in zip(rows, results, strict=True)
            for (left, right), variable in zip(columns, inputs, strict=True)
        ]

    def _read(self, arrays: Sequence[Array], always: Array) -> list[list[Array]]:
        """Return what each stage reads, in evaluation order."""
        known, read = self.program.start(arrays), []
        for operator in self.operators:
            known.update(operator.fixed_values(known, always))
            read.append(operator.read_of(known))
        return read

    def _whole(self, read: list[list[Array]], always: Array) -> Array:
        """Do what is planned; stages count from the last one there."""
        operators, given, end = self.operators[::-1], read[::-1], len(self.operators) - 1
        nonzeros = {
            place: apart(always, operator.nonzeros, given[place])
            for place, operator in enumerate(operators)
            if operator.pattern is not None
        }
        known = {(place, place): Matrix(operators[place].pattern, array) for place, array in nonzeros.items()}

        def moved(place: int, matrix: Matrix, *, is_pulled: bool) -> Matrix:
            operator = operators[place]
            own = Matrix(operator.pattern, nonzeros.get(place))
            left, right = (matrix, own) if is_pulled else (own, matrix)
            if stays_sparse(left.pattern, right.pattern):
                pattern, multiply = product(left.pattern, right.pattern)
                return Matrix(pattern, apart(always, multiply, left.array, right.array))
            columns = matrix.whole().T if is_pulled else matrix.whole()
            if operator.pattern is None:
                columns = apart(always, operator.pull if is_pulled else operator.push, given[place], columns)
            else:
                by_nonzeros = operator.pulled_by_nonzeros if is_pulled else operator.pushed_by_nonzeros
                columns = apart(always, by_nonzeros, nonzeros[place], columns)
            return Matrix(None, columns.T if is_pulled else columns)

        for operation in self._plan.operations:
            first, last = operation.first, operation.last
            if isinstance(operation, Accumulation):
                if operators[first].pattern is None:
                    by_vjps = operation.mode is Mode.REVERSE
                    array = apart(always, operators[first].by_vjps if by_vjps else operators[first].by_jvps, given[first])
                    known[first, first] = Matrix(None, array)
                continue
            split = operation.split
            if isinstance(operation, Multiplication):
                left, right = known[first, split], known[split + 1, last]
                pattern, multiply = product(left.pattern, right.pattern)
                known[first, last] = Matrix(pattern, apart(always, multiply, left.array, right.array))
                continue
            is_pulled = isinstance(operation, Pullback)
            matrix = known[first, split] if is_pulled else known[split + 1, last]
            for place in range(split + 1, last + 1) if is_pulled else range(split, first - 1, -1):
                matrix = moved(place, matrix, is_pulled=is_pulled)
            known[first, last] = matrix
        return known[0, end].whole()
