"""Whose arrays the factors are. No library is imported here: whoever holds one of its arrays has imported it."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

import numpy as np

from chainopt.execution.backends import base, numpy
from chainopt.execution.backends.array_api import backend_for
from chainopt.execution.backends.remote import Remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainopt.execution.backends.base import Backend
    from chainopt.typing import Array

# For each library the module that whoever holds one of its arrays has imported, and the file here that answers for it. A new
# library is one line more; one that follows the array API standard needs none, unless it does something in its own way.
_FILES = {"torch": "torch", "jax": "jax", "scipy.sparse": "scipy", "dask.array": "dask"}


NUMPY, OTHER = numpy.BACKEND, base.BACKEND
MOST_TYPES = 256
_BY_TYPE: dict[type, Backend] = {}


def backend_of(factor: Array) -> Backend:
    """Return the library whose array a factor is."""
    backend = _BY_TYPE.get(type(factor))
    if backend is None:
        if isinstance(factor, Remote):
            return factor.backend
        owners = (backend for backend in imported_backends() if backend.owns(factor))
        backend = next(owners, None) or backend_for(factor) or OTHER
        if len(_BY_TYPE) >= MOST_TYPES:
            _BY_TYPE.clear()  # classes that are made in functions are not held for ever
        _BY_TYPE[type(factor)] = backend
    return backend


def imported_backends() -> Iterator[Backend]:
    """Return the libraries known by name that this process has imported, NumPy first."""
    yield NUMPY
    for module, file in _FILES.items():
        if sys.modules.get(module) is not None:
            yield _backend_in(file)


@cache
def _backend_in(file: str) -> Backend:
    return cast("Backend", import_module(f"chainopt.execution.backends.{file}").BACKEND)


def is_operator(factor: Array) -> bool:
    """Whether a factor is known by what it does to a matrix, not by its entries."""
    if backend_of(factor) is not OTHER or hasattr(factor, "__array__"):
        return False
    return hasattr(factor, "matmat") or hasattr(factor, "rmatmat") or hasattr(factor, "matvec")


def becomes_numpy(factor: Array) -> bool:
    """Whether NumPy has to make an array of it, as of a list or a DataFrame; arrays of other libraries answer themselves."""
    return backend_of(factor) is OTHER and (not hasattr(factor, "shape") or is_array_like(factor))


def labels_of(factor: Array) -> str | None:
    """Say which labels a factor has, as in pandas and xarray, that no product here would keep or align; None for others."""
    if hasattr(factor, "dims") and (hasattr(factor, "coords") or hasattr(factor, "sizes")):
        return "names of its dimensions"
    axes = getattr(factor, "axes", None)
    if not hasattr(factor, "iloc") or not isinstance(axes, list):
        return None
    return None if all(map(is_numbered, axes)) else "labels of its rows or columns"


def has_unit(factor: Array) -> bool:
    """Whether an array has a unit of measurement, as in astropy and pint."""
    return not backend_of(factor).stands_alone and (hasattr(factor, "unit") or hasattr(factor, "units"))


def has_mask(factor: Array) -> bool:
    """Whether an array has a mask, or holds one beside its unit: NumPy's masked arrays, and those of astropy."""
    if backend_of(factor).stands_alone:  # as JAX and PyTorch, which know of no masks
        return False
    held = factor if isinstance(factor, np.ndarray) else getattr(factor, "magnitude", factor)
    return np.ma.isMaskedArray(held) or (hasattr(held, "unmasked") and hasattr(held, "mask"))


def loss(factor: Array) -> str | None:
    """Say what a NumPy array of something, or of what a list holds, would lose; None where that is nothing."""
    if isinstance(factor, list | tuple):
        return next((lost for entry in factor if (lost := loss(entry)) is not None), None)
    labels = labels_of(factor)
    if labels is not None:
        return labels
    return "a unit" if has_unit(factor) else "a mask" if has_mask(factor) else None


def is_numbered(axis: object) -> bool:
    """Whether the labels of a table are those that pandas gives by default: 0, 1, 2 and so on."""
    return getattr(axis, "start", None) == 0 and getattr(axis, "step", None) == 1


def is_array_like(factor: Array) -> bool:
    """Whether NumPy would make an array of it, where a library of arrays would answer itself."""
    return hasattr(factor, "__array__") and not hasattr(factor, "__array_function__")


def type_name(factor: Array) -> str:
    """Return the name of a factor's type, on a cluster too."""
    return f"future of a {factor.type_name}" if isinstance(factor, Remote) else type(factor).__name__
