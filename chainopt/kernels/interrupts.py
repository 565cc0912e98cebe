"""Ctrl-C where it would break more than the call that it ends: in an import, and in a compilation."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold the user's interrupts back until the end of the block, which is seconds away at most.

    A large library whose import is broken off cannot be imported again by the same process: of its modules some are there,
    and those that are compiled refuse to begin a second time.
    """
    before = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
    if not callable(before):  # another thread gets none, and none that is ignored comes
        yield
        return
    held: list[tuple[Any, ...]] = []
    signal.signal(signal.SIGINT, lambda *interrupt: held.append(interrupt))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        before(*held[0])
