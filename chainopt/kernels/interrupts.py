"""Ctrl-C where it would break more than the call that it ends: in imports, in compilations, where threads begin and end."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def interrupts_held(*, until_second: bool = False) -> Iterator[None]:
    """Hold the user's interrupts back until the end of the block, which is seconds away at most.

    A large library whose import is broken off cannot be imported again by the same process: of its modules some are there,
    and those that are compiled refuse to begin a second time.

    Parameters
    ----------
    until_second : bool
        Whether a second interrupt is raised at once: for blocks that run the user's own code, which may never end.
    """
    before = _handler()
    if before is None:
        yield
        return
    held: list[tuple[Any, ...]] = []

    def hold(*interrupt: Any) -> None:
        held.append(interrupt)
        if until_second and len(held) > 1:
            before(*interrupt)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        before(*held[0])


@contextmanager
def interrupts_delivered(deliver: Callable[[BaseException], object]) -> Iterator[None]:
    """Hand over what the user's interrupts raise, instead of raising it wherever this thread happens to be.

    Locks and conditions of `threading` are Python code: an interrupt that is raised inside of them leaves them locked, and the
    other threads, or the end of the process, wait for ever. What is handed over is raised by whoever gets it, later.
    """
    before = _handler()
    if before is None:
        yield
        return

    def on_interrupt(*interrupt: Any) -> None:
        try:
            before(*interrupt)
        except BaseException as error:  # noqa: BLE001 -- whatever the user's own handler raises
            deliver(error)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _handler() -> Callable[..., Any] | None:
    """Return what handles an interrupt now; None where none can come: other threads get none, and some are ignored."""
    handler = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
    return handler if callable(handler) else None
