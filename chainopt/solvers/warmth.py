"""Whether a kernel runs compiled: the import of Numba has to pay."""

from __future__ import annotations

import sys

# Importing Numba and loading a compiled kernel takes about 0.8 s, compiling it for the first time about 3 s. A process that has
# spent this much on uncompiled kernels, a hundred chains of ten factors, is taken to be one that will order many more.
UNCOMPILED_SECONDS = 2.5e-3

_spent = 0.0


def compiled_pays(seconds: float) -> bool:
    """Whether a kernel that would take about so many seconds uncompiled is to run compiled."""
    if "numba" in sys.modules:  # somebody has paid already
        return True
    global _spent  # noqa: PLW0603 -- what this process has done so far is state of the process
    _spent += seconds
    return _spent > UNCOMPILED_SECONDS
