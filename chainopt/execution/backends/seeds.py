"""The seeds that go through stages: of the library, the dtype and the device that the stage and the factors take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.execution.backends.dispatch import NUMPY, backend_of, imported_backends

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chainopt.execution.backends.base import Backend
    from chainopt.typing import Array, NumpyArray


def seed_sample(factors: Iterable[Array]) -> Array:
    """Return an empty array of the library that the factors need seeds of, on their device; None where NumPy's serve."""
    samples = (backend_of(factor).sample(factor) for factor in factors)
    return next((sample for sample in samples if sample is not None), None)


def seed_for(stage: Array, sample: Array, matrix: NumpyArray) -> Array:
    """Hand a seed over as the stage takes it, and the factors, of which ``sample`` is one."""
    return _library_for(stage, sample).seed(matrix, getattr(stage, "dtype", None), sample)


def identity(stage: Array, sample: Array, part: slice, axis: int) -> Array:
    """Return some columns (axis 1) or rows (axis 0) of the identity, as a stage takes it.

    Parameters
    ----------
    stage : operator
        What the seed goes through; it makes the seed itself where it has an ``identity_seed``.
    sample : array or None
        As `seed_sample` returns it.
    part : slice
        Which columns or rows.
    axis : int
        1 for what is pushed through the stage, 0 for what is pulled back.
    """
    size = stage.shape[axis]
    width = len(range(size)[part])
    shape, offset = ((size, width), -part.start) if axis == 1 else ((width, size), part.start)
    library = _library_for(stage, sample)
    if hasattr(stage, "identity_seed") and not library.in_chunks:
        return stage.identity_seed(*shape, offset)
    return library.eye(shape, offset, getattr(stage, "dtype", None), sample)


def _library_for(stage: Array, sample: Array) -> Backend:
    if sample is not None:
        return backend_of(sample)
    dtype = getattr(stage, "dtype", None)
    return next((backend for backend in imported_backends() if backend.owns_dtype(dtype)), NUMPY)
