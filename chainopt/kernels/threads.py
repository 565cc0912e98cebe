"""Threads for kernels, which let go of the interpreter's lock while they run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_pool() -> ThreadPoolExecutor:
    """Make a pool of as many threads as this process may use cores."""
    from concurrent.futures import ThreadPoolExecutor  # takes 6 ms, which few processes need

    return ThreadPoolExecutor(cores())
