"""Factors that are already on a cluster: they are described there, and not fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import OTHER, backend_of
from chainopt.execution.backends.remote import Remote

if TYPE_CHECKING:
    from distributed import Client

    from chainopt.typing import Array

_METHODS = ("matmat", "rmatmat", "matvec")


def described(client: Client, factors: list[Array]) -> list[Array]:
    """Replace every future by what is known of its matrix.

    Raises
    ------
    ChainError
        If a future is not of a matrix, or failed.
    """
    from distributed import Future

    futures = {position: factor for position, factor in enumerate(factors) if isinstance(factor, Future)}
    answers = [client.submit(_describe, future, pure=False) for future in futures.values()]
    known = list(factors)
    for (position, future), answer in zip(futures.items(), answers, strict=True):
        try:
            backend, type_name, shape, dtype, device, methods = answer.result()
        except Exception as error:  # whatever the task raised that the future stands for
            msg = f"factors[{position}] is a future that failed, or was lost: {type(error).__name__}: {error}"
            raise ChainError(msg) from error
        if shape is None or not (methods or dtype is not None):
            msg = f"factors[{position}] is a future of a {type_name}: give futures of matrices, or of operators"
            raise ChainError(msg)
        known[position] = Remote(future, backend, type_name, shape, dtype, device, methods)
    return known


def _describe(factor: Array) -> tuple[Array, ...]:
    backend, shape = backend_of(factor), getattr(factor, "shape", None)
    methods = [name for name in _METHODS if hasattr(factor, name)] if backend is OTHER else []
    dtype = getattr(factor, "dtype", None)
    device = factor.device if backend.stands_alone and hasattr(factor, "device") else None
    return backend, type(factor).__name__, None if shape is None else tuple(shape), dtype, device, methods
