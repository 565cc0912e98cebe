"""Structured factors: diagonals as vectors, bands and other patterns in SciPy's sparse forms, identities not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.errors import ChainError
from chainopt.execution.backends import dask
from chainopt.execution.backends.dispatch import Remote, as_library_of, dense_form, is_operator, library_of
from chainopt.structure.coloring import color_count, coloring_of
from chainopt.structure.patterns import places, scipy_sparse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.chain.chain import JacobianChain
    from chainopt.structure.structure import Structure


class Diagonalized:
    """A diagonal matrix, held as the vector of its diagonal."""

    def __init__(self, vector: Any) -> None:
        self.vector = vector
        self.shape = (vector.shape[0], vector.shape[0])
        self.dtype = vector.dtype

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:  # noqa: FBT001 -- NumPy's protocol
        """Return the whole matrix."""
        return np.diag(np.asarray(self.vector)).astype(dtype or self.dtype, copy=bool(copy))


class Unit:
    """An identity, and the matrix that was given for it, if any."""

    def __init__(self, size: int, given: Any) -> None:
        self.shape = (size, size)
        self.given = given
        self.dtype = getattr(given, "dtype", np.dtype(float))


def product(left: Any, right: Any) -> Any:
    """Multiply two matrices, each structured or not, with no more multiplications than their structures need."""
    if isinstance(left, Unit):
        return right
    if isinstance(right, Unit):
        return left
    if isinstance(left, Diagonalized) and isinstance(right, Diagonalized):
        return Diagonalized(left.vector * right.vector)
    if isinstance(left, Diagonalized):
        is_sparse = library_of(right) == "scipy"
        return scipy_sparse().diags_array(left.vector) @ right if is_sparse else left.vector[:, None] * right
    if isinstance(right, Diagonalized):
        is_sparse = library_of(left) == "scipy"
        return left @ scipy_sparse().diags_array(right.vector) if is_sparse else left * right.vector
    return _with_diagonals(left) @ _with_diagonals(right)


def _with_diagonals(matrix: Any) -> Any:
    """Store a product across a size of zero by rows: SciPy cannot multiply those that are stored by no diagonals at all."""
    offsets = getattr(matrix, "offsets", None)
    return matrix if offsets is None or len(offsets) else matrix.tocsr()


def prepared(chain: JacobianChain, factors: list[Any]) -> list[Any]:
    """Bring checked factors into the form of their structures; those on a cluster are left to it.

    Raises
    ------
    ChainError
        If a matrix has a nonzero where its structure has none.
    """
    structures = chain.structures
    assert structures is not None
    return [
        matrix
        if is_operator(matrix) or structure.is_dense or isinstance(matrix, Remote)
        else in_form(matrix, structure, f"factors[{at}] ({chain.label(at)})")
        for at, (matrix, structure) in enumerate(zip(factors, structures, strict=True))
    ]


def finisher(factors: Sequence[Any]) -> Callable[[Any], Any]:
    """Return what gives the product the type that ``@`` would give: sparse where no factor was given as a dense matrix."""
    dense = [matrix for matrix in factors if not is_operator(matrix) and library_of(matrix) != "scipy" and len(matrix.shape) > 1]
    only_sparse = not dense

    def finish(result: Any) -> Any:
        if isinstance(result, Unit):
            return result.given
        if only_sparse and isinstance(result, Diagonalized):
            return scipy_sparse().diags_array(result.vector)
        return result if only_sparse else dense_form(result)

    return finish


def in_form(matrix: Any, structure: Structure, place: str) -> Any:
    """Bring one checked matrix into the form of its structure."""
    library = library_of(matrix)
    if structure.is_diagonal((matrix.shape[0], matrix.shape[-1])):
        vector = matrix if len(matrix.shape) == 1 else dask.diagonal(matrix) if library == "dask" else matrix.diagonal()
        if len(matrix.shape) > 1 and library in {"numpy", "scipy", "torch"} and _nonzeros(matrix) != _nonzeros(vector):
            raise _misfit(place, structure)
        if structure.is_identity:
            if library in {"numpy", "scipy", "torch"} and not (vector == 1).all():
                raise _misfit(place, structure)
            return Unit(matrix.shape[0], matrix)
        return Diagonalized(vector)
    if library not in {"numpy", "scipy"}:
        return matrix  # no sparse form is known there, and a dense one is right
    if structure.diagonals is not None:
        lower, upper = structure.diagonals
        if library == "scipy":
            if not _is_banded(matrix, lower, upper):
                raise _misfit(place, structure)
            return matrix
        formed = _band(matrix, lower, upper)
    else:
        pattern = places(structure.pattern(matrix.shape))
        if library == "scipy":
            formed = matrix.tocsr()
            if formed.astype(bool).multiply(pattern).count_nonzero() != formed.count_nonzero():
                raise _misfit(place, structure)
            return matrix
        rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
        formed = scipy_sparse().csr_array((matrix[rows, pattern.indices], pattern.indices, pattern.indptr), shape=pattern.shape)
    if _nonzeros(formed) != _nonzeros(matrix):
        raise _misfit(place, structure)
    return formed


def _is_banded(matrix: Any, lower: int, upper: int) -> bool:
    if matrix.format == "dia" and ((-lower <= matrix.offsets) & (matrix.offsets <= upper)).all():
        return True
    entries = matrix.tocoo()
    places = entries.col.astype(np.int64) - entries.row
    return not entries.data[(places < -lower) | (places > upper)].any()


def _band(matrix: Any, lower: int, upper: int) -> Any:
    rows, columns = matrix.shape
    offsets = range(-min(lower, max(rows - 1, 0)), min(upper, max(columns - 1, 0)) + 1)
    if 0 in matrix.shape:
        return scipy_sparse().dia_array(matrix.shape, dtype=matrix.dtype)
    diagonals = [matrix.diagonal(offset) for offset in offsets]
    return scipy_sparse().diags_array(diagonals, offsets=list(offsets), shape=matrix.shape, dtype=matrix.dtype)


def _nonzeros(matrix: Any) -> int:
    library = library_of(matrix)
    if library == "scipy":
        return int(matrix.count_nonzero())
    return int((matrix != 0).sum()) if library == "torch" else int(np.count_nonzero(matrix))


def _misfit(place: str, structure: Structure) -> ChainError:
    what = "is no identity" if structure.is_identity else "has nonzeros outside of it"
    msg = f"{place} was planned with the structure {structure!r}, but {what}: plan it with another structure, or without one"
    return ChainError(msg)


def accumulate(
    structure: Structure,
    stage: Any,
    axis: int,
    find: Callable[[Any], Any],
    chunks: Callable[[int], list[slice]],
    others: Sequence[Any],
) -> Any:
    """Build the matrix of a stage from one JVP a colour of its columns (axis 1), or one VJP a colour of its rows (axis 0).

    ``find`` takes the seed to what the stage makes of it.
    """
    shape = (int(stage.shape[0]), int(stage.shape[1]))
    coloring = coloring_of(structure, shape, axis)
    used = np.flatnonzero(coloring >= 0)
    found = []
    for part in chunks(color_count(coloring)) or [slice(0, 1)]:  # a seed of zeros, to see whose arrays come out
        inside = used[(coloring[used] >= part.start) & (coloring[used] < part.stop)]
        seed = np.zeros((shape[axis], part.stop - part.start))
        seed[inside, coloring[inside] - part.start] = 1
        found.append(find(as_library_of(seed if axis == 1 else seed.T, stage, others)))
    pattern = places(structure.pattern(shape))
    rows, columns = np.repeat(np.arange(shape[0]), np.diff(pattern.indptr)), pattern.indices
    if library_of(found[0]) != "numpy":
        return _spread_densely(found, coloring, pattern.toarray(), axis)
    compressed = np.concatenate(found, axis=axis)
    data = compressed[rows, coloring[columns]] if axis == 1 else compressed[coloring[rows], columns]
    if structure.is_diagonal(shape):
        return Diagonalized(data)
    return scipy_sparse().csr_array((data, pattern.indices, pattern.indptr), shape=shape)


def _spread_densely(found: Sequence[Any], coloring: Any, mask: Any, axis: int) -> Any:
    """Do the same for tensors of other libraries, which multiply with dense ones only."""
    from chainopt.execution.backends.dispatch import concatenate

    compressed = concatenate(found, axis)
    columns = coloring.tolist()
    spread = compressed[:, columns] if axis == 1 else compressed[columns, :]
    return spread * as_library_of(mask.astype(float), spread, [spread])
