"""The one decorator policy for all kernels: compiled on first need, cached on disk where that is possible."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@functools.cache
def compiled(kernel: Callable[..., Any], *helpers: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel with Numba; ``helpers`` are the functions of the same file that it calls.

    Numba is imported here and nowhere else, and signatures are inferred at the first call. The compiled code is kept
    beside the source or in the user's cache directory; where neither can be written, it lives as long as the process.
    """
    from numba import njit
    from numba.extending import register_jitable

    for helper in helpers:
        register_jitable(helper)
    try:
        quick: Callable[..., Any] = njit(cache=True, nogil=True)(kernel)
    except RuntimeError:  # no directory that Numba could keep the code in
        quick = njit(nogil=True)(kernel)
    return quick


@functools.cache
def compiled_with(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel that takes a compiled function; it is not kept on disk, where the function would be missing."""
    from numba import njit

    quick: Callable[..., Any] = njit(nogil=True)(kernel)
    return quick
