"""What a function writes while it is traced is put back: into a cache of its own it would put tensors without numbers."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chainopt.functions.backend import UnplannableError
from chainopt.functions.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chainopt.functions.backend import Backend
    from chainopt.typing import Array

_PRESENT = threading.local()
CHANGES_ITSELF = "it changes what it reads"


class Tracing:
    """What a function does while it is traced.

    Parameters
    ----------
    backend : Backend
        Which says what an array is.
    roots : sequence
        The function, and what it is given besides arrays.
    """

    def __init__(self, backend: Backend, roots: Iterable[Array]) -> None:
        self.backend, self.roots = backend, [*roots]
        self.snapshot: Snapshot | None = None  # of what was there before; None where it cannot be put back
        self.is_kept = False  # what it wrote, but for tracers: what was traced is a program

    def keep(self, record: Callable[[], object]) -> None:
        """Let stay what was written, as a count of calls, or what is computed once: a function that ignores it is a program.

        Parameters
        ----------
        record : callable
            Traces the function again; what it returns is equal where the same is computed.

        Raises
        ------
        UnplannableError
            If it computes something else after what it wrote.
        """
        snapshot = self.snapshot
        if snapshot is not None and not (self.backend.must_read or snapshot.is_unchanged()):
            is_left, is_overwritten = snapshot.traces_left()
            if is_overwritten or (is_left and snapshot.changes_numbers()):
                raise UnplannableError(CHANGES_ITSELF)
            snapshot.put_back()
            with restored(self.backend, self.roots) as tracing:
                first, tracing.is_kept = record(), True
            with restored(self.backend, self.roots):
                second = record()
            if first != second:
                raise UnplannableError(CHANGES_ITSELF)
        self.is_kept = True

    def end(self) -> None:
        """Put back what has to be."""
        snapshot = self.snapshot
        if snapshot is None:
            return
        if not self.backend.must_read:
            is_left, _ = snapshot.traces_left()
            if not is_left and (self.is_kept or snapshot.has_only_more()):
                snapshot.empty_caches(of_tracers=True)
                return
        snapshot.put_back()


@contextmanager
def restored(backend: Backend, roots: Iterable[Array]) -> Iterator[Tracing]:
    """Put back, at the end, what can be reached from some objects, unless a program has come of it.

    What a function of JAX's writes while its program is traced stays, as in `jax.jit`, but not where it is a tracer: JAX's own
    Jacobian, which traces nothing but derivatives, would have put numbers there, as the next key of random numbers, or a grid
    that is kept.

    Parameters
    ----------
    backend : Backend
        Which says what an array is: what arrays hold is left alone.
    roots : iterable
        A function, and what it is given besides arrays.
    """
    tracing = Tracing(backend, roots)
    try:
        tracing.snapshot = Snapshot(backend, tracing.roots)
    except (UnplannableError, RuntimeError):  # too much, or another thread changes it
        yield tracing
        return
    outer, _PRESENT.put_back = getattr(_PRESENT, "put_back", None), tracing.end
    try:
        yield tracing
    finally:
        _PRESENT.put_back = outer
        tracing.end()


def put_back() -> None:
    """Do so now, where this thread traces: the function is traced again, and would meet what it wrote."""
    put_all_back = getattr(_PRESENT, "put_back", None)
    if put_all_back is not None:
        put_all_back()
