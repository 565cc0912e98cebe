"""Factors that are on a cluster already: what they are is asked for, they are not fetched."""

from __future__ import annotations

from typing import Any

from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import Remote, library_of

_METHODS = ("matmat", "rmatmat", "matvec")


def described(client: Any, factors: list[Any]) -> list[Any]:
    """Put in the place of every future what is known of its matrix.

    Raises
    ------
    ChainError
        If a future is of no matrix, or failed.
    """
    from distributed import Future

    places = [at for at, factor in enumerate(factors) if isinstance(factor, Future)]
    asked = [client.submit(_describe, factors[at], pure=False) for at in places]
    found = list(factors)
    for at, answer in zip(places, asked, strict=True):
        try:
            library, kind, shape, dtype, device, methods = answer.result()
        except Exception as error:
            msg = f"factors[{at}] is a future that failed, or was lost: {type(error).__name__}: {error}"
            raise ChainError(msg) from error
        if shape is None or not (methods or dtype is not None):
            msg = f"factors[{at}] is a future of a {kind}: give futures of matrices, or of operators"
            raise ChainError(msg)
        found[at] = Remote(factors[at], library, kind, shape, dtype, device, methods)
    return found


def _describe(factor: Any) -> tuple[Any, ...]:
    library, kind = library_of(factor), type(factor).__name__
    shape = getattr(factor, "shape", None)
    methods = [name for name in _METHODS if hasattr(factor, name)] if library == "other" else []
    dtype = getattr(factor, "dtype", None)
    device = str(factor.device) if library == "torch" else None
    return library, kind, None if shape is None else tuple(shape), dtype, device, methods
