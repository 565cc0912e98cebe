"""A product by the workers of a Dask cluster."""

from __future__ import annotations

from typing import Any, NamedTuple


class Options(NamedTuple):
    """How a product is asked for."""

    chunk_size: int | None
    out: Any
    progress: bool
    gather: bool


def execute(*_: Any) -> Any:
    """Later."""
    raise NotImplementedError
