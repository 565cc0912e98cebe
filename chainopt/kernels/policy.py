"""How all kernels run: compiled as soon as that pays, cached on disk where that is possible, in threads of their own."""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor

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


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_pool() -> ThreadPoolExecutor:
    """Make a pool of as many threads as this process may use cores; kernels let go of the interpreter's lock while they run."""
    from concurrent.futures import ThreadPoolExecutor  # takes 6 ms, which few processes need

    return ThreadPoolExecutor(cores())
