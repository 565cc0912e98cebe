"""Recording without what PyTorch would log of it."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGER = logging.getLogger("torch._subclasses.fake_tensor")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep this thread's errors of tensors without numbers out of the log: they are raised, and mostly nothing comes of them."""
    thread = threading.get_ident()

    def is_other(record: logging.LogRecord) -> bool:
        return record.thread != thread

    LOGGER.addFilter(is_other)
    try:
        yield
    finally:
        LOGGER.removeFilter(is_other)
