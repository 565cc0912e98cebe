"""The Jacobian of a graph, by an order of elimination, from the partial derivatives on its edges."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import backend_of, has_mask, has_unit, is_operator, labels_of
from chainopt.execution.checks import loses_units
from chainopt.execution.forms import dense_form
from chainopt.graphs.edge_reader import as_matrix, read_partial
from chainopt.graphs.edges import IDENTITY, EdgeName, Unit
from chainopt.graphs.elimination.numeric import NumericElimination, numeric
from chainopt.numbers import printable, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chainopt.graphs.edges import Edge
    from chainopt.graphs.elimination.problem import EliminationProblem
    from chainopt.typing import Array, NumpyArray

UNIT = None  # in the place of a matrix that nobody has to multiply with


def executed(
    problem: EliminationProblem, order: Sequence[int], jacobians: Mapping[Edge, Array], all_given: Sequence[Array]
) -> Array:
    """Eliminate the vertices in an order, and return the Jacobian.

    Parameters
    ----------
    problem : EliminationProblem
    order : sequence of int
        The vertices.
    jacobians : dict from (tail, head) to arrays
        What replaces the edges' own matrices, by position; all of the same library.
    all_given : sequence of arrays
        These, and those of edges that lie on no path, which tell the library where nothing else does.

    Raises
    ------
    ChainError
        If a matrix is missing, or does not fit.
    """
    try:
        return _executed(problem, order, jacobians, all_given)
    except (TypeError, ValueError, RuntimeError) as error:  # of the library whose arrays these are
        if isinstance(error, ChainError):
            raise
        arrays = [value for value in all_given if hasattr(value, "shape")]
        kinds = sorted({f"{type(value).__name__} of {getattr(value, 'dtype', 'no dtype')}" for value in arrays})
        text = printable(str(error))[:160]
        msg = f"the jacobians, {', '.join(kinds) or 'those of the edges'}, do not go together: {text}"
        raise ChainError(msg) from error


def _executed(
    problem: EliminationProblem, order: Sequence[int], jacobians: Mapping[Edge, Array], all_given: Sequence[Array]
) -> Array:
    given = {edge: jacobians.get(edge) for edge in problem.edges}
    if _is_numeric(problem, all_given):
        return by_structures(problem, order, given)
    values = {edge: _value(problem, edge, matrix) for edge, matrix in given.items()}
    _check_units(problem, values)
    before: list[dict[int, Array]] = [{} for _ in problem.names]
    behind: list[dict[int, Array]] = [{} for _ in problem.names]
    for (tail, head), value in values.items():
        before[head][tail] = behind[tail][head] = value
    for vertex in order:
        for tail, right in before[vertex].items():
            for head, left in behind[vertex].items():
                product = left if right is UNIT else right if left is UNIT else left @ right
                if head in behind[tail]:
                    product = _sum(behind[tail][head], product, problem.sizes[tail])
                behind[tail][head] = before[head][tail] = product
        for tail in before[vertex]:
            del behind[tail][vertex]
        for head in behind[vertex]:
            del before[head][vertex]
        before[vertex], behind[vertex] = {}, {}
    known = [value for value in values.values() if value is not UNIT]
    others = [value for value in all_given if hasattr(value, "shape")]
    return _assembled(problem, before, _sample(known or others or [np.zeros((0, 0))]))


def edge_name(problem: EliminationProblem, edge: Edge) -> EdgeName:
    """Return what errors call an edge."""
    return EdgeName(problem.names[edge[0]], problem.names[edge[1]])


def _is_numeric(problem: EliminationProblem, given: Sequence[Array]) -> bool:
    """Whether there are only NumPy's matrices, SciPy's and operators, and structures that are worth looking at."""
    matrices = [matrix for partial in problem.edges.values() for matrix in partial.matrices]
    matrices = [*given, *(matrix for matrix in matrices if not isinstance(matrix, Unit))]
    if any(np.ndim(matrix) > 2 for matrix in matrices if isinstance(matrix, np.ndarray)):
        return False
    return all(matrix is None or is_operator(matrix) or backend_of(matrix).goes_with_scipy for matrix in matrices)


def by_structures(problem: EliminationProblem, order: Sequence[int], given: Mapping[Edge, Array]) -> NumpyArray:
    """Do the same with NumPy's matrices, and what it makes such of, in the forms that their structures allow."""
    partials = {}
    for edge, planned in problem.edges.items():
        partial = planned
        shape, name = (problem.sizes[edge[1]], problem.sizes[edge[0]]), edge_name(problem, edge)
        matrix = None if given.get(edge) is None else _checked(given[edge], shape, name)
        if partial is IDENTITY and matrix is not None:  # it may be another matrix now
            partial = read_partial({"jacobian": matrix}, shape, name)
        elif matrix is not None:
            partial = partial._replace(matrices=(matrix,))
        partials[edge] = partial if partial is IDENTITY else numeric(partial, name)
    elimination = NumericElimination(problem.stage, partials, problem.sizes, problem.model)
    for vertex in (*order, *problem.outputs):
        elimination.eliminate(vertex)
    dtypes = [matrix.dtype for partial in partials.values() for matrix in partial.matrices if hasattr(matrix, "dtype")]
    dtype = np.result_type(*dtypes) if dtypes else np.dtype(float)
    return np.asarray(dense_form(elimination.matrix(dtype))).astype(dtype, copy=False)


def _value(problem: EliminationProblem, edge: Edge, matrix: Array) -> Array:
    """Return the matrix of an edge, as arrays of its library are multiplied."""
    partial, name = problem.edges[edge], edge_name(problem, edge)
    shape = problem.sizes[edge[1]], problem.sizes[edge[0]]
    if partial is IDENTITY:  # which another matrix may stand in the place of
        return UNIT if matrix is None else _checked(matrix, shape, name)
    matrices = partial.matrices if matrix is None else (matrix,)
    parts = [UNIT if isinstance(part, Unit) else _checked(part, shape, name) for part in matrices]
    whole = parts[0]
    for part in parts[1:]:
        whole = _sum(whole, part, shape[1])
    return whole


def _checked(matrix: Array, shape: tuple[int, int], name: EdgeName) -> Array:
    if matrix is None:
        msg = f"{name} has no jacobian: give every edge between inputs and outputs one, or give execute a dict that has them"
        raise ChainError(msg)
    lost = labels_of(matrix) or ("a mask" if has_mask(matrix) else None)
    if lost is not None:
        msg = f"{name}: its jacobian is a {type(matrix).__name__} with {lost}, which would be lost: give its values"
        raise ChainError(msg)
    matrix = as_matrix(np.asarray(matrix) if hasattr(matrix, "iloc") else matrix, name)
    if not hasattr(matrix, "shape"):
        msg = f"{name}: its jacobian is {shown(matrix)}: give a matrix of shape {shape}, the sizes of its head and its tail"
        raise ChainError(msg)
    found = tuple(matrix.shape)
    if len(found) == 1 and found == shape[:1] == shape[1:]:  # the vector of a diagonal
        return backend_of(matrix).from_diagonal(matrix)
    if found == () and shape == (1, 1):
        return matrix.reshape(shape)
    if found[-2:] != shape:
        msg = f"{name}: its jacobian has the shape {found}: give a matrix of shape {shape}, the sizes of its head and its tail"
        raise ChainError(msg)
    return matrix


def _check_units(problem: EliminationProblem, values: Mapping[Edge, Array]) -> None:
    """Refuse a unit beside a sparse matrix, which would drop it."""
    edge = next((edge for edge, value in values.items() if has_unit(value)), None)
    if edge is not None and any(value is not UNIT and loses_units(value, values[edge]) for value in values.values()):
        lost = "has a unit, which a product with a sparse matrix would lose: give its values"
        msg = f"{edge_name(problem, edge)}: its jacobian {lost}"
        raise ChainError(msg)


def _sum(one: Array, other: Array, size: int) -> Array:
    """Add two parallel edges; an identity is written out, as the sum of two is not one."""
    if one is UNIT and other is UNIT:
        return 2 * np.eye(size)
    if one is UNIT or other is UNIT:
        matrix = other if one is UNIT else one
        return matrix + _eye_like(matrix, size)
    return one + other


def _eye_like(matrix: Array, size: int) -> Array:
    backend = backend_of(matrix)
    sample = matrix[(0,) * (len(matrix.shape) - 2)] if len(matrix.shape) > 2 else matrix
    return backend.eye((size, size), 0, matrix.dtype, sample)


def _assembled(problem: EliminationProblem, before: Sequence[Mapping[int, Array]], sample: Array) -> Array:
    """Assemble the edges that are left, with rows as the outputs and columns as the inputs."""
    inputs = range(problem.count, problem.count + problem.inputs)
    rows = [[before[head].get(tail, ...) for tail in inputs] for head in problem.outputs]
    known = [block for row in rows for block in row if block is not UNIT and block is not ...]
    stack = np.broadcast_shapes(*(tuple(block.shape[:-2]) for block in known))
    backend = backend_of(sample)

    def block(value: Array, height: int, width: int) -> Array:
        zeros = backend.seed(np.zeros((*stack, height, width)), sample.dtype, sample)
        if value is ...:
            return zeros
        return zeros + (backend.eye((height, width), 0, sample.dtype, sample) if value is UNIT else value)

    lines = []
    for head, row in zip(problem.outputs, rows, strict=True):
        blocks = [block(value, problem.sizes[head], problem.sizes[tail]) for tail, value in zip(inputs, row, strict=True)]
        lines.append(backend.concatenate(blocks, -1))
    return backend.concatenate(lines, -2)


def _sample(parts: Sequence[Array]) -> Array:
    """Return an array with the common dtype, which shows the library and the device that the rest must have."""
    parts = [getattr(part, "magnitude", part) for part in parts]  # edges may have units of which no sum is
    return reduce(add, [part[..., :0, :0] if len(part.shape) == 2 else part.reshape(-1)[:0].reshape(0, 0) for part in parts])
