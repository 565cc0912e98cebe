"""The matrix of a Jacobian cut into blocks, one for each array of the result and each of the input, and put in pytrees."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from chainopt.functions.signature import ARRAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.backend import Arrays, Backend
    from chainopt.functions.program import Program
    from chainopt.functions.trace import Trace
    from chainopt.typing import Array, PyTree


def blocks(program: Program, outputs: int, matrix: Array, arrays: Arrays) -> list[Array]:
    """Cut the whole matrix, row by row, and add the identities that it lacks; a block has the dtype of its input.

    Parameters
    ----------
    program : Program
        Whose Jacobian it is.
    outputs : int
        How many of its results are differentiated.
    matrix : array
        The product of the stages, with a row for each entry of the results that depend on the inputs.
    arrays : Arrays
        What makes the blocks.
    """
    trace = program.trace
    rows, columns = _places(program)
    skips = Counter(program.skips)
    parts = []
    for number, output in enumerate(trace.outputs[:outputs]):
        is_again = output in trace.outputs[:number]
        for variable in trace.inputs:
            of_input = trace.variables[variable]
            shape = (*trace.variables[output].shape, *of_input.shape)
            if output in rows:
                part = matrix[rows[output], columns[variable]]
                part = arrays.apart(part) if is_again else part
                for _ in range(skips[variable, output]):
                    part = part + arrays.identity(part.shape[0], part.dtype)
                parts.append(arrays.shaped(part, shape, of_input.dtype))
            else:
                parts.append(arrays.zeros(shape, of_input.dtype))
    return parts


def sides(program: Program, outputs: int, factors: tuple[Array, Array], arrays: Arrays) -> list[Array]:
    """Cut two factors: the left one for each array of the result, then the right one for each of the input."""
    trace, (left, right) = program.trace, factors
    rows, columns = _places(program)
    rank = int(right.shape[0])
    parts = []
    for number, output in enumerate(trace.outputs[:outputs]):
        of_output = trace.variables[output]
        shape = (*of_output.shape, rank)
        is_known = output in rows
        part = arrays.shaped(left[rows[output]], shape, of_output.dtype) if is_known else arrays.zeros(shape, of_output.dtype)
        parts.append(arrays.apart(part) if output in trace.outputs[:number] else part)
    for variable in trace.inputs:
        of_input = trace.variables[variable]
        parts.append(arrays.shaped(right[:, columns[variable]], (rank, *of_input.shape), of_input.dtype))
    return parts


def _places(program: Program) -> tuple[dict[int, slice], dict[int, slice]]:
    return _slices(program.trace, program.results), _slices(program.trace, program.inputs)


def _slices(trace: Trace, variables: Sequence[int]) -> dict[int, slice]:
    """Return which rows, or columns, of a matrix belong to each variable."""
    ends = [0, *accumulate(trace.size(variable) for variable in variables)]
    return {variable: slice(*span) for variable, span in zip(variables, pairwise(ends), strict=True)}


class Results(NamedTuple):
    """The pytrees that a call returns, and what of them is known before: leaves of auxiliary data that are no arrays."""

    input_tree: PyTree
    inputs: int  # how many leaves that has
    output_tree: PyTree
    outputs: int
    aux_tree: PyTree
    aux: tuple[Array, ...]  # its leaves, ARRAY in the place of arrays
    has_aux: bool
    with_value: bool
    low_rank: bool

    def assembled(self, backend: Backend, flat: Sequence[Array]) -> Array:
        """Return what the caller gets: the blocks, or sides, in their pytrees, with the value and the auxiliary data."""
        outputs, inputs = self.outputs, self.inputs
        if self.low_rank:
            end = outputs + inputs
            left = backend.unflatten(self.output_tree, flat[:outputs])
            derivative: Array = left, backend.unflatten(self.input_tree, flat[outputs:end])
        else:
            end = outputs * inputs
            rows = [backend.unflatten(self.input_tree, flat[begin : begin + inputs]) for begin in range(0, end, inputs)]
            derivative = backend.unflatten(self.output_tree, rows)
        if not self.has_aux and not self.with_value:
            return derivative
        value = None
        if self.with_value:
            value, end = backend.unflatten(self.output_tree, flat[end : end + outputs]), end + outputs
        if not self.has_aux:
            return value, derivative
        aux = self.auxiliary(backend, flat[end:])
        return ((value, aux), derivative) if self.with_value else (derivative, aux)

    def auxiliary(self, backend: Backend, arrays: Sequence[Array]) -> PyTree:
        """Return the auxiliary data, with arrays in the places of those that they had."""
        supply = iter(arrays)
        return backend.unflatten(self.aux_tree, [next(supply) if leaf is ARRAY else leaf for leaf in self.aux])
