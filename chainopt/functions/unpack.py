"""The matrix of a Jacobian cut into blocks: one for each array of the result and each of the input."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.program import Program
    from chainopt.functions.trace import Trace, Variable


class Arrays(NamedTuple):
    """How a library makes zeros for a variable of the result, and gives a part of a matrix its shape and type."""

    zeros: Callable[[tuple[int, ...], Variable], Any]
    shaped: Callable[[Any, tuple[int, ...], Variable], Any]


def blocks(program: Program, outputs: int, matrix: Any, arrays: Arrays) -> list[list[Any]]:
    """Cut the whole matrix, row by row."""
    trace = program.trace
    rows, columns = _places(program)
    found = []
    for output in trace.outputs[:outputs]:
        of_output, row = trace.variables[output], []
        for variable in trace.inputs:
            shape = (*of_output.shape, *trace.variables[variable].shape)
            if output in rows:
                row.append(arrays.shaped(matrix[rows[output], columns[variable]], shape, of_output))
            else:
                row.append(arrays.zeros(shape, of_output))
        found.append(row)
    return found


def sides(program: Program, outputs: int, left: Any, right: Any, arrays: Arrays) -> list[list[Any]]:
    """Cut two factors: the left one for each array of the result, the right one for each of the input."""
    trace = program.trace
    rows, columns = _places(program)
    rank = int(right.shape[0])
    lefts = []
    for output in trace.outputs[:outputs]:
        of_output = trace.variables[output]
        shape = (*of_output.shape, rank)
        known = output in rows
        lefts.append(arrays.shaped(left[rows[output]], shape, of_output) if known else arrays.zeros(shape, of_output))
    rights = []
    for variable in trace.inputs:
        of_input = trace.variables[variable]
        rights.append(arrays.shaped(right[:, columns[variable]], (rank, *of_input.shape), of_input))
    return [lefts, rights]


def _places(program: Program) -> tuple[dict[int, slice], dict[int, slice]]:
    trace, sections = program.trace, program.sections
    rows = sections[-1].after if program.skip is None else trace.outputs
    return _slices(trace, rows), _slices(trace, sections[0].before)


def _slices(trace: Trace, variables: Sequence[int]) -> dict[int, slice]:
    """Return which rows, or columns, of a matrix belong to each variable."""
    ends = [0, *accumulate(trace.size(variable) for variable in variables)]
    return {variable: slice(*span) for variable, span in zip(variables, pairwise(ends), strict=True)}
