"""The matrix of a matrix-free stage: seeds go through it, all at once or some columns at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.execution.backends.dispatch import NUMPY, backend_of
from chainopt.execution.backends.seeds import identity, seed_for
from chainopt.execution.forms import DiagonalForm
from chainopt.structure.coloring import color_count, coloring_of
from chainopt.structure.patterns import places, scipy_sparse

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chainopt.structure.structure import Structure
    from chainopt.typing import Array, NumpyArray


def accumulate(
    stage: Array,
    structure: Structure,
    axis: int,
    through: Callable[[Array], Array],
    sample: Array = None,
    chunk_size: int | None = None,
) -> Array:
    """Build the matrix of a stage from JVPs or VJPs: one per column or row, or, where it is not dense, per color of those.

    Parameters
    ----------
    stage : operator
        With its ``shape``, and its ``dtype`` if it has one.
    structure : Structure
        Where its matrix has nonzeros.
    axis : int
        1 to push columns forward through it, 0 to pull rows back.
    through : callable
        Returns what the stage makes of a seed.
    sample : array, optional
        Shows the library, dtype and device that seeds must have, as `seed_sample` returns it.
    chunk_size : int, optional
        How many columns or rows go through at once; all of them by default.
    """
    shape = (int(stage.shape[0]), int(stage.shape[1]))
    if structure.is_dense:
        parts = [through(identity(stage, sample, part, axis)) for part in chunks(shape[axis], chunk_size)]
        if len(parts) == 1:
            return parts[0]
        return backend_of(parts[0]).concatenate(parts, axis) if parts else np.zeros(shape)
    coloring = coloring_of(structure, shape, axis)
    parts = []
    for part in chunks(color_count(coloring), chunk_size) or [slice(0, 1)]:  # a seed of zeros, to see whose arrays come out
        seed = _seed(coloring, part)
        parts.append(through(seed_for(stage, sample, seed if axis == 1 else seed.T)))
    compressed = parts[0] if len(parts) == 1 else backend_of(parts[0]).concatenate(parts, axis)
    return _decompressed(compressed, coloring, structure, shape, axis)


def chunks(size: int, chunk_size: int | None) -> list[slice]:
    """Cut columns, or rows, into parts of at most ``chunk_size``; one part where that is None."""
    chunk = max(size if chunk_size is None else min(chunk_size, size), 1)
    return [slice(begin, min(begin + chunk, size)) for begin in range(0, size, chunk)]


def _seed(coloring: NumpyArray, part: slice) -> NDArray[np.float64]:
    """Return a column for each color of a part, with ones where the columns or rows of the color are."""
    colored = np.flatnonzero((coloring >= part.start) & (coloring < part.stop))
    seed = np.zeros((coloring.size, part.stop - part.start))
    seed[colored, coloring[colored] - part.start] = 1
    return seed


def _decompressed(compressed: Array, coloring: NumpyArray, structure: Structure, shape: tuple[int, int], axis: int) -> Array:
    """Bring each nonzero to its place from the column (axis 1), or row (axis 0), of its color."""
    if structure.is_diagonal(shape):  # of one color
        return DiagonalForm(compressed[:, 0] if axis == 1 else compressed[0, :])
    pattern = places(structure.pattern(shape))
    library = backend_of(compressed)
    if library is not NUMPY:  # its arrays multiply with dense ones only
        spread = library.take(compressed, np.maximum(coloring, 0), axis)
        return library.masked(spread, pattern.toarray())
    rows, columns = np.repeat(np.arange(shape[0]), np.diff(pattern.indptr)), pattern.indices
    data = compressed[rows, coloring[columns]] if axis == 1 else compressed[coloring[rows], columns]
    return scipy_sparse().csr_array((data, pattern.indices, pattern.indptr), shape=shape)
