"""A factor that is on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Future

    from chainopt.execution.backends.base import Backend
    from chainopt.typing import DType


class Remote:
    """What is known here of a factor on a cluster; it has its methods' names, and nothing more.

    Parameters
    ----------
    future : distributed.Future
    backend : Backend
        Of whose arrays it is.
    type_name : str
        Of which type it is there.
    shape : tuple of int
    dtype, device
        As its library gives them; None where it has none.
    methods : sequence of str
        What it can do, if it is known by that and not by its entries.
    """

    def __init__(
        self,
        future: Future,
        backend: Backend,
        type_name: str,
        shape: tuple[int, ...],
        dtype: DType,
        device: object,
        methods: Sequence[str],
    ) -> None:
        self.future, self.backend, self.type_name = future, backend, type_name
        self.shape, self.dtype, self.device = shape, dtype, device
        self._methods = frozenset(methods)

    def __getattr__(self, name: str) -> None:
        if name.startswith("_") or name not in self._methods:
            raise AttributeError(name)
