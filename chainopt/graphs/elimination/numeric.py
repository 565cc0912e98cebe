"""Stages with matrices on their edges: their own matrix by elimination, and what they do to other matrices."""

from __future__ import annotations

from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import adjoint, dense_form
from chainopt.execution.forms import accumulate
from chainopt.graphs.edges import IDENTITY, Free, Link, Unit
from chainopt.graphs.elimination.vertex_elimination import PRODUCT, PULLED, PUSHED, Tableau
from chainopt.structure.patterns import places, scipy_sparse
from chainopt.structure.structures import Diagonal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.graphs.edges import Place
    from chainopt.graphs.elimination.vertex_elimination import Links, Stage, Step


class Known(NamedTuple):
    """The matrix of an edge that has been accumulated; pushing and pulling still go through the edge itself."""

    matrix: Any
    parts: tuple[Any, ...]


def numeric(link: Link, place: Place) -> Link:
    """Return an edge whose matrices are NumPy arrays, SciPy's sparse arrays where its structure is known, or operators.

    Raises
    ------
    ChainError
        If one is missing, holds no numbers, or has nonzeros where its structure has none.
    """
    parts = tuple(_part(matrix, link, place) for matrix in link.matrices)
    return link._replace(matrices=parts)


def _part(matrix: Any, link: Link, place: Place) -> Any:
    if isinstance(matrix, Unit | Free):
        return matrix
    if matrix is None:
        msg = f"{place} has no jacobian: accumulate multiplies matrices, so give one to every edge between inputs and outputs"
        raise ChainError(msg)
    is_sparse = hasattr(matrix, "toarray")
    array = matrix if is_sparse and link.pattern is not None else np.asarray(matrix.toarray() if is_sparse else matrix)
    if array.dtype.kind not in "biufc":
        msg = f"{place}: its jacobian has the dtype {array.dtype}: give numbers"
        raise ChainError(msg)
    if array.dtype.kind == "b":
        array = array.astype(np.int64)  # paths add up
    if link.pattern is None:
        return np.diag(array) if array.ndim == 1 else array
    if array.ndim == 1:
        return scipy_sparse().diags_array(array).tocsr()
    formed = scipy_sparse().csr_array(array)
    if formed.astype(bool).multiply(places(link.pattern)).count_nonzero() != formed.count_nonzero():
        msg = f"{place}: its jacobian has nonzeros outside of its structure, {link.structure!r}: give another, or none"
        raise ChainError(msg)
    return formed


def matrix_of(link: Link, shape: tuple[int, int]) -> Any:
    """Add the matrices of an edge up; those of operators are found in their cheaper mode."""
    if link is IDENTITY:
        link = Link(0, 0, 0, matrices=(Unit(shape[0]),), structure=Diagonal(), pattern=Diagonal().pattern(shape))
    return _sum([_matrix(part, link, shape) for part in link.matrices])


def _matrix(part: Any, link: Link, shape: tuple[int, int]) -> Any:
    if isinstance(part, Known):
        return part.matrix
    if isinstance(part, Unit):
        return np.eye(part.size, dtype=np.int8) if link.pattern is None else _sparse_unit(part.size)
    if not isinstance(part, Free):
        return part
    axis = 1 if part.by_jvps else 0
    find = partial(through if part.by_jvps else back_through, part)
    if part.structure is None:
        found = find(np.eye(shape[axis], dtype=getattr(part.operator, "dtype", None)))
    else:
        found = accumulate(part.structure, part.operator, axis, find, lambda count: [slice(0, count)], ())
    return found if link.pattern is None else scipy_sparse().csr_array(dense_form(found))


def _sparse_unit(size: int) -> Any:
    return scipy_sparse().eye_array(size, dtype=np.int8, format="csr")


def through(part: Any, matrix: Any) -> Any:
    """Multiply a part of an edge with a matrix on its right."""
    if isinstance(part, Unit):
        return matrix
    if not isinstance(part, Free):
        return part @ matrix
    if 0 in (*part.operator.shape, matrix.shape[1]):  # of which operators need know nothing
        return np.zeros((part.operator.shape[0], matrix.shape[1]))
    return part.operator.matmat(dense_form(matrix))


def back_through(part: Any, matrix: Any) -> Any:
    """Multiply a part of an edge with a matrix on its left."""
    if isinstance(part, Unit):
        return matrix
    if not isinstance(part, Free):
        return matrix @ part
    if 0 in (*part.operator.shape, matrix.shape[0]):
        return np.zeros((matrix.shape[0], part.operator.shape[1]))
    return adjoint(part.operator.rmatmat(adjoint(dense_form(matrix))))


def _parts(link: Link) -> tuple[Any, ...]:
    """Return what adds up to an edge, whether or not it has been accumulated."""
    return tuple(inner for part in link.matrices for inner in (part.parts if isinstance(part, Known) else (part,)))


def _ways(link: Link) -> list[Any]:
    """Return what a matrix goes through: the operators of an edge one by one, its matrices added up."""
    parts = _parts(link)
    matrices = [part for part in parts if not isinstance(part, Free | Unit)]
    others = [part for part in parts if isinstance(part, Free | Unit)]
    return [*others, _sum(matrices)] if matrices else others


def _sum(parts: Sequence[Any]) -> Any:
    total = reduce(add, parts)
    return total if isinstance(total, np.ndarray) or hasattr(total, "toarray") else np.asarray(total)


class Matrices(Tableau):
    """A tableau whose edges carry matrices or operators, which are multiplied, pushed and pulled as the costs say."""

    def with_matrix(self, link: Link, head: int, tail: int) -> Link:
        """Return an edge with its matrix."""
        if all(isinstance(part, Known) for part in link.matrices):
            return link
        known = Known(matrix_of(link, (self.size(head), self.size(tail))), _parts(link))
        return link._replace(accumulation=0, matrices=(known,))

    def product(self, node: int, head: int, left: Link, right: Link, tail: int, step: Step) -> Link:
        """Return the product of two edges, formed in the way that the step has counted."""
        way = PUSHED if head not in step.outs else PULLED if tail not in step.ins else PRODUCT
        if way == PRODUCT:
            way = self.pair(node, head, left, right, tail)[1]
        shapes = (self.size(head), self.size(node)), (self.size(node), self.size(tail))
        if way == PUSHED:
            other = matrix_of(right, shapes[1])
            result = _sum([through(part, other) for part in _ways(left)])
        elif way == PULLED:
            other = matrix_of(left, shapes[0])
            result = _sum([back_through(part, other) for part in _ways(right)])
        else:
            result = matrix_of(left, shapes[0]) @ matrix_of(right, shapes[1])
        link = super().product(node, head, left, right, tail, step)
        return link._replace(matrices=(result if link.pattern is not None else dense_form(result),))

    def matrix(self, dtype: Any) -> Any:
        """Put the matrices together that are left when all is eliminated, rows as the outputs and columns as the inputs."""
        blocks = []
        is_dense, is_sparse = False, False
        for head in self.stage.outputs:
            row = []
            for tail in self.stage.inputs:
                shape = self.size(head), self.size(tail)
                link = self.before[~head].get(tail)
                is_dense |= link is not None and link is not IDENTITY and link.pattern is None
                is_sparse |= link is not None and link.pattern is not None
                row.append((link, shape))
            blocks.append(row)
        if is_dense or not is_sparse:
            return np.block(
                [
                    [np.zeros(shape, dtype) if link is None else dense_form(matrix_of(link, shape)) for link, shape in row]
                    for row in blocks
                ]
            )
        sparse = scipy_sparse()
        return sparse.block_array(
            [
                [sparse.csr_array(shape, dtype=dtype) if link is None else matrix_of(link, shape) for link, shape in row]
                for row in blocks
            ],
            format="csr",
        )


class StageOperator:
    """A stage as what it does to a matrix: pushed forward or pulled back, edge by edge.

    Parameters
    ----------
    stage : Stage
    links : dict from (tail, head) to Link
        The edges into what is computed.
    sizes : sequence of int
    dtype : dtype
    """

    def __init__(self, stage: Stage, links: Links, sizes: Sequence[int], dtype: Any) -> None:
        self.stage, self.links, self.sizes, self.dtype = stage, links, sizes, dtype
        self.shape = tuple(sum(sizes[node] for node in nodes) for nodes in (stage.outputs, stage.inputs))
        self._before: dict[int, list[tuple[int, list[Any]]]] = {node: [] for node in stage.computed}
        for (tail, head), link in links.items():
            self._before[head].append((tail, [Unit(sizes[head])] if link is IDENTITY else _ways(link)))

    def matmat(self, matrix: Any) -> Any:
        """Push a matrix through the stage: a JVP for each column."""
        held = self._split(self.stage.inputs, matrix)
        for node in self.stage.computed:
            held[node] = _sum([through(part, held[tail]) for tail, parts in self._before[node] for part in parts])
        return self._joined(self.stage.outputs, held, matrix.shape[1])

    def rmatmat(self, matrix: Any) -> Any:
        """Pull a matrix back through the adjoint of the stage: a VJP for each column."""
        seeds = self._split(self.stage.outputs, matrix)
        held = {node: [adjoint(seed)] for node, seed in seeds.items()}
        for node in reversed(self.stage.computed):
            if node not in held:
                continue
            row = _sum(held.pop(node))
            for tail, parts in self._before[node]:
                held.setdefault(tail, []).extend(back_through(part, row) for part in parts)
        found = {node: adjoint(_sum(rows)) for node, rows in held.items()}
        return self._joined(self.stage.inputs, found, matrix.shape[1])

    def _split(self, nodes: Sequence[int], matrix: Any) -> dict[int, Any]:
        ends = np.cumsum([0, *[self.sizes[node] for node in nodes]]).tolist()
        return {node: matrix[begin:end] for node, begin, end in zip(nodes, ends, ends[1:], strict=False)}

    def _joined(self, nodes: Sequence[int], held: dict[int, Any], columns: int) -> Any:
        zeros = [dense_form(held[node]) if node in held else np.zeros((self.sizes[node], columns), self.dtype) for node in nodes]
        return np.concatenate(zeros)
