"""What measured times hold for: the processor, the BLAS of NumPy and its threads."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chainopt.numbers import counted


class Machine(NamedTuple):
    """What the times hold for: the processor, the BLAS of NumPy and its threads."""

    processor: str
    blas: str
    threads: int

    @property
    def text(self) -> str:
        """All of it on a line."""
        return f"{self.processor}, {self.blas}, {counted(self.threads, 'thread')}"

    @property
    def file_name(self) -> str:
        """A name that other machines do not share."""
        digest = hashlib.sha256(self.processor.encode()).hexdigest()[:12]
        name = f"time-{platform.machine()}-{digest}-{self.blas}-{self.threads}.json"
        return re.sub(r"[^\w.-]+", "-", name)


def this_machine() -> Machine:
    """Say what times hold for; needs threadpoolctl."""
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    # SciPy brings a BLAS of its own, which is loaded or not: what multiplies is NumPy's.
    pools.sort(key=lambda pool: not any(part.startswith("numpy") for part in Path(pool["filepath"]).parts[-3:]))
    processor = _processor()
    if not pools:
        return Machine(processor, f"BLAS of NumPy {np.__version__}", os.cpu_count() or 1)
    return Machine(processor, f"{pools[0]['internal_api']} {pools[0]['version']}", pools[0]["num_threads"])


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        found = None
    name = found[1].strip() if found else platform.processor()
    return f"{name or platform.node()} ({counted(os.cpu_count() or 1, 'core')})"
