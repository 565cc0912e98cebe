"""One thread for every worker: BLAS, OpenMP and the libraries are limited to it, and get back what they had."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from chainopt.errors import raise_missing_extra
from chainopt.execution.backends.dispatch import imported_backends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    from chainopt.execution.backends.base import Backend


class Pin:
    """A setting of the whole process: the first to enter changes it, the last to leave restores it.

    Parameters
    ----------
    change : callable
        Changes the setting, and returns what restores it; None where there is nothing to restore.
    """

    def __init__(self, change: Callable[[], Callable[[], object] | None]) -> None:
        self._change = change
        self._restore: Callable[[], object] | None = None
        self._holders = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._holders == 0:
                self._restore = self._change()
            self._holders += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0 and self._restore is not None:
                self._restore()
                self._restore = None


def controller() -> ThreadpoolController:
    """Find libraries that have threads of their own; again, which takes a millisecond, if modules have been imported since.

    Raises
    ------
    ChainError
        If threadpoolctl is not installed.
    """
    try:
        import threadpoolctl  # noqa: F401
    except ModuleNotFoundError:
        raise_missing_extra("workers", "threadpoolctl", "threads")
    return _controller(len(sys.modules))


@lru_cache(maxsize=1)
def _controller(_: int) -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _one_blas_thread() -> Callable[[], object]:
    restore: Callable[[], object] = controller().limit(limits=1, user_api="blas").restore_original_limits
    return restore


_BLAS = Pin(_one_blas_thread)
_LIBRARIES: dict[Backend, Pin] = {}


@contextmanager
def one_thread_each() -> Iterator[Callable[[], None]]:
    """Limit BLAS to one thread; every worker then calls what this yields, once, in its own thread.

    OpenMP counts for each thread apart, and so does PyTorch, so that the calling thread keeps what it had.
    """
    libraries = controller()
    backends = [*imported_backends()]

    def limit() -> None:
        libraries.limit(limits=1, user_api="openmp")
        for backend in backends:
            backend.limit_threads()

    with ExitStack() as stack:
        stack.enter_context(_BLAS)
        for backend in backends:
            stack.enter_context(_LIBRARIES.setdefault(backend, Pin(backend.restore_threads)))
        yield limit
