"""Recording without what PyTorch would log of it, and in one thread at a time."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chainopt.kernels.interrupts import interrupts_held

if TYPE_CHECKING:
    from collections.abc import Iterator

ALONE = threading.RLock()
"""Held while something is recorded: PyTorch keeps what it records, and how, in variables that all threads share."""
if hasattr(os, "register_at_fork"):  # a process that is forked meanwhile would wait for a thread that it does not have
    os.register_at_fork(before=ALONE.acquire, after_in_parent=ALONE.release, after_in_child=ALONE.release)
LOGGER = logging.getLogger("torch._subclasses.fake_tensor")


@contextmanager
def undisturbed() -> Iterator[None]:
    """Record in one thread at a time, and hold the user's interrupts back meanwhile, the first of them.

    Where one is raised between PyTorch's own steps from Python to C++ and back, PyTorch ends the process.
    """
    with ALONE, interrupts_held(until_second=True):
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Keep this thread's errors of tensors without numbers out of the log: they are raised, and mostly nothing comes of them.

    No other thread records meanwhile.
    """
    thread = threading.get_ident()

    def is_other(record: logging.LogRecord) -> bool:
        return record.thread != thread

    with undisturbed():
        LOGGER.addFilter(is_other)
        try:
            yield
        finally:
            LOGGER.removeFilter(is_other)
