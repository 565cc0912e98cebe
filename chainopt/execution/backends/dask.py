"""Dask arrays: in chunks throughout, and nothing is computed here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.execution.backends.dispatch import Remote


def pass_through(step: Callable[[Any, Any], Any], stage: Any, matrix: Any, axis: int) -> Any:
    """Take a Dask array through a stage: blocks of whole columns (axis 1) or of whole rows (axis 0), each by itself."""
    from dask.array import map_blocks

    whole = matrix.rechunk({1 - axis: -1, axis: "auto"})
    chunks = ((stage.shape[0],), whole.chunks[1]) if axis == 1 else (whole.chunks[0], (stage.shape[1],))
    dtype = np.result_type(getattr(stage, "dtype", None) or float, matrix.dtype)
    return map_blocks(partial(step, stage), whole, chunks=chunks, dtype=dtype, meta=np.empty((0, 0), dtype=dtype))


def identity(size: int, dtype: Any, part: slice, axis: int) -> Any:
    """Return some columns (axis 1) or rows (axis 0) of the identity."""
    from dask.array import eye

    unit = eye(size, dtype=dtype or float)
    return unit[:, part] if axis == 1 else unit[part]


def diagonal(matrix: Any) -> Any:
    """Return the diagonal as a vector."""
    from dask.array import diagonal

    return diagonal(matrix)


def from_array(matrix: Any) -> Any:
    """Cut a NumPy array into chunks."""
    from dask.array import from_array

    return from_array(matrix, name=False)  # a name of its own: to hash the entries takes longer than to send them


def from_future(factor: Remote) -> Any:
    """Take a matrix that is on a cluster as an array of one chunk."""
    from dask import delayed
    from dask.array import from_delayed

    return from_delayed(delayed(factor.future), shape=factor.shape, dtype=factor.dtype)
