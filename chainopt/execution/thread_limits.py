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
    from collections.abc import Callable, Iterable, Iterator

    from threadpoolctl import LibController, ThreadpoolController  # type: ignore[import-untyped]

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


def _one_blas_thread() -> Callable[[], None]:
    changed = [(library, library.num_threads) for library in controller().select(user_api="blas").lib_controllers]
    # An OpenBLAS that runs on OpenMP counts for each thread apart, as OpenMP does: workers limit it themselves.
    changed = [
        (library, threads)
        for library, threads in changed
        if threads != 1 and not (library.internal_api == "openblas" and library.threading_layer == "openmp")
    ]
    _set_threads((library, 1) for library, _ in changed)
    return lambda: _set_threads(changed)


def _set_threads(wanted: Iterable[tuple[LibController, int]]) -> None:
    """Set the threads of libraries from whichever thread this is.

    From 3.8 on, threadpoolctl lets one thread control OpenBLAS as long as it lives, and ignores all others. The first
    to enter a pin and the last to leave it may be two, so that neither keeps the control.
    """
    for library, threads in wanted:
        library.set_num_threads(threads)
        if release := getattr(library, "clear_controlling_thread", None):
            release()


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
