"""The one decorator policy for all kernels: compiled on first need, cached on disk where that is possible."""

from __future__ import annotations

import functools
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
    return _undisturbed(quick)


@functools.cache
def compiled_with(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel that takes a compiled function; it is not kept on disk, where the function would be missing."""
    from numba import njit

    return _undisturbed(njit(nogil=True)(kernel))


def _undisturbed(quick: Any) -> Callable[..., Any]:
    """Let no interrupt fall into a compilation: raised in a callback of LLVM it is lost, and Numba fails for want of code."""
    compile_for = quick.compile

    def compile_undisturbed(signature: Any) -> Any:
        with interrupts_held():
            return compile_for(signature)

    quick.compile = compile_undisturbed
    undisturbed: Callable[..., Any] = quick
    return undisturbed


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold the user's interrupts back until the end of the block, which is seconds away at most."""
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
