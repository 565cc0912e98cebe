"""Vertex elimination with matrices on the edges, which are multiplied, pushed and pulled as the costs say."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.bracketing.operations import PRODUCT, PULLED, PUSHED
from chainopt.errors import ChainError
from chainopt.execution.accumulate import accumulate
from chainopt.execution.backends.dispatch import has_mask, has_unit, labels_of
from chainopt.execution.forms import dense_form
from chainopt.execution.through import pulled_through, pushed_through
from chainopt.graphs.edges import IDENTITY, MatrixFree, Partial, Unit, written_out
from chainopt.graphs.elimination.vertex_elimination import VertexElimination
from chainopt.structure.patterns import nonzero_count, places, scipy_sparse
from chainopt.structure.structures import Dense

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.graphs.edges import EdgeName
    from chainopt.graphs.elimination.vertex_elimination import Step
    from chainopt.typing import Array, DType


class Accumulated(NamedTuple):
    """The matrix of an edge that has been accumulated; pushing and pulling still go through the parts of the edge."""

    matrix: Array
    parts: tuple[Array, ...]


def numeric(partial: Partial, edge: EdgeName) -> Partial:
    """Return an edge whose matrices are NumPy arrays, SciPy's sparse arrays where its structure is known, or operators.

    Raises
    ------
    ChainError
        If one is missing, does not hold numbers, or has nonzeros where its structure has none.
    """
    return partial._replace(matrices=tuple(_numeric_part(matrix, partial, edge) for matrix in partial.matrices))


def _numeric_part(matrix: Array, partial: Partial, edge: EdgeName) -> Array:
    if isinstance(matrix, Unit | MatrixFree):
        return matrix
    if matrix is None:
        msg = f"{edge} has no jacobian: matrices are multiplied, so give one to every edge between inputs and outputs"
        raise ChainError(msg)
    lost = "a unit" if has_unit(matrix) else labels_of(matrix)
    if lost is not None:
        msg = f"{edge}: its jacobian is a {type(matrix).__name__} with {lost}, which would be lost: give its values"
        raise ChainError(msg)
    if has_mask(matrix):
        msg = f"{edge}: its jacobian is a masked array, which has no product: give its filled(...)"
        raise ChainError(msg)
    if getattr(matrix, "requires_grad", False):
        msg = f"{edge}: its jacobian is a tensor with gradients, which are not followed here: give its detach()"
        raise ChainError(msg)
    is_sparse = hasattr(matrix, "toarray")
    array = matrix if is_sparse and partial.pattern is not None else np.asarray(matrix.toarray() if is_sparse else matrix)
    if array.dtype.kind not in "biufc":
        msg = f"{edge}: its jacobian has the dtype {array.dtype}: give numbers"
        raise ChainError(msg)
    if array.dtype.kind == "b":
        array = array.astype(np.int64)  # paths add up
    if partial.pattern is None:
        return np.diag(array) if array.ndim == 1 else array
    if array.ndim == 1:
        return scipy_sparse().diags_array(array).tocsr()
    sparse = scipy_sparse().csr_array(array)
    if nonzero_count(sparse.astype(bool).multiply(places(partial.pattern))) != nonzero_count(sparse):
        msg = f"{edge}: its jacobian has nonzeros outside of its structure, {partial.structure!r}: give another, or none"
        raise ChainError(msg)
    return sparse


def matrix_of(partial: Partial, shape: tuple[int, int]) -> Array:
    """Add the matrices of an edge up; those of operators are found in their cheaper mode."""
    if partial is IDENTITY:
        partial = written_out(shape[0])
    return total([_matrix_of_part(part, partial) for part in partial.matrices])


def _matrix_of_part(part: Array, partial: Partial) -> Array:
    if isinstance(part, Accumulated):
        return part.matrix
    if isinstance(part, Unit):
        return np.eye(part.size, dtype=np.int8) if partial.pattern is None else _sparse_unit(part.size)
    if not isinstance(part, MatrixFree):
        return part

    def through(vectors: Array) -> Array:
        return pushed(part, vectors) if part.by_jvps else pulled(part, vectors)

    matrix = accumulate(part.operator, part.structure or Dense(), 1 if part.by_jvps else 0, through)
    return matrix if partial.pattern is None else _sparse_form(matrix)


def _sparse_form(matrix: Array) -> Array:
    return matrix if hasattr(matrix, "toarray") else scipy_sparse().csr_array(dense_form(matrix))


def _sparse_unit(size: int) -> Array:
    return scipy_sparse().eye_array(size, dtype=np.int8, format="csr")


def pushed(part: Array, matrix: Array) -> Array:
    """Multiply a part of an edge with a matrix on its right."""
    if isinstance(part, Unit):
        return matrix
    if not isinstance(part, MatrixFree):
        return part @ matrix
    if 0 in (*part.operator.shape, matrix.shape[1]):  # of which operators need know nothing
        return np.zeros((part.operator.shape[0], matrix.shape[1]))
    return pushed_through(part.operator, dense_form(matrix))


def pulled(part: Array, matrix: Array) -> Array:
    """Multiply a part of an edge with a matrix on its left."""
    if isinstance(part, Unit):
        return matrix
    if not isinstance(part, MatrixFree):
        return matrix @ part
    if 0 in (*part.operator.shape, matrix.shape[0]):
        return np.zeros((matrix.shape[0], part.operator.shape[1]))
    return pulled_through(part.operator, dense_form(matrix))


def summands(partial: Partial) -> list[Array]:
    """Return what a matrix is pushed or pulled through: the operators of an edge one by one, its matrices added up."""
    parts = _parts(partial)
    matrices = [part for part in parts if not isinstance(part, MatrixFree | Unit)]
    others = [part for part in parts if isinstance(part, MatrixFree | Unit)]
    return [*others, total(matrices)] if matrices else others


def _parts(partial: Partial) -> tuple[Array, ...]:
    """Return what adds up to an edge, whether or not it has been accumulated."""
    return tuple(inner for part in partial.matrices for inner in (part.parts if isinstance(part, Accumulated) else (part,)))


def total(parts: Sequence[Array]) -> Array:
    """Add parts up."""
    whole = reduce(add, parts)
    return whole if isinstance(whole, np.ndarray) or hasattr(whole, "toarray") else np.asarray(whole)


class NumericElimination(VertexElimination):
    """An elimination whose edges carry matrices or operators."""

    def with_matrix(self, partial: Partial, head: int, tail: int) -> Partial:
        """Return an edge with its matrix."""
        if all(isinstance(part, Accumulated) for part in partial.matrices):
            return partial
        accumulated = Accumulated(matrix_of(partial, (self.size(head), self.size(tail))), _parts(partial))
        return partial._replace(accumulation=0, matrices=(accumulated,))

    def product(self, node: int, head: int, left: Partial, right: Partial, tail: int, step: Step) -> Partial:
        """Return the product of two edges, formed in the way that the step has counted."""
        form = PUSHED if head not in step.outs else PULLED if tail not in step.ins else PRODUCT
        if form == PRODUCT:
            form = self.pair(node, head, left, right, tail)[1]
        shapes = (self.size(head), self.size(node)), (self.size(node), self.size(tail))
        if form == PUSHED:
            other = matrix_of(right, shapes[1])
            matrix = total([pushed(part, other) for part in summands(left)])
        elif form == PULLED:
            other = matrix_of(left, shapes[0])
            matrix = total([pulled(part, other) for part in summands(right)])
        else:
            matrix = matrix_of(left, shapes[0]) @ matrix_of(right, shapes[1])
        partial = super().product(node, head, left, right, tail, step)
        # Where a product has a pattern, its factors may have none: an operator, or what is full but for columns of zeros.
        return partial._replace(matrices=(_sparse_form(matrix) if partial.pattern is not None else dense_form(matrix),))

    def matrix(self, dtype: DType) -> Array:
        """Assemble the matrices that are left when all is eliminated, with rows as the outputs and columns as the inputs."""
        rows = [[self.before[~head].get(tail) for tail in self.stage.inputs] for head in self.stage.outputs]
        known = [partial for row in rows for partial in row if partial is not None and partial is not IDENTITY]
        is_sparse = bool(known) and all(partial.pattern is not None for partial in known)
        blocks = []
        for head, row in zip(self.stage.outputs, rows, strict=True):
            shapes = [(self.size(head), self.size(tail)) for tail in self.stage.inputs]
            blocks.append([self._block(*pair, dtype, is_sparse=is_sparse) for pair in zip(row, shapes, strict=True)])
        return scipy_sparse().block_array(blocks, format="csr") if is_sparse else np.block(blocks)

    @staticmethod
    def _block(partial: Partial | None, shape: tuple[int, int], dtype: DType, *, is_sparse: bool) -> Array:
        if is_sparse:
            return scipy_sparse().csr_array(shape, dtype=dtype) if partial is None else matrix_of(partial, shape)
        return np.zeros(shape, dtype) if partial is None else dense_form(matrix_of(partial, shape))
