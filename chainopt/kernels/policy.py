"""How all kernels run: compiled as soon as that pays, cached on disk where that is possible, in threads of their own."""

from __future__ import annotations

import functools
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainopt.kernels.interrupts import interrupts_delivered, interrupts_held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
    """Compile a kernel with Numba; ``helpers`` are the functions that it calls, and that they call.

    Numba is imported here and nowhere else, and signatures are inferred at the first call. The compiled code is kept
    beside the source or in the user's cache directory; where neither can be written, it lives as long as the process.
    """
    with interrupts_held():
        from numba import njit
        from numba.extending import register_jitable

        for helper in helpers:
            register_jitable(helper)
        try:
            quick: Any = njit(cache=True, nogil=True)(kernel)
            _watch(quick, {kernel.__code__.co_filename, *(helper.__code__.co_filename for helper in helpers)})
        except (RuntimeError, OSError, AttributeError):  # no directory to keep the code in, or no way to tell when it is stale
            quick = njit(nogil=True)(kernel)
        else:
            _forgive_cache(quick)
    return _undisturbed(quick)


def _watch(quick: Any, files: set[str]) -> None:
    """Let changes of all files that a kernel is made of make the kept code stale: Numba watches the file of the kernel alone."""
    if len(files) > 1:
        index = quick._cache._cache_file  # noqa: SLF001 -- there is no public way
        stats = [Path(file).stat() for file in sorted(files)]
        index._source_stamp = (index._source_stamp, *((stat.st_mtime, stat.st_size) for stat in stats))  # noqa: SLF001


def _forgive_cache(quick: Any) -> None:
    """Compile anew what the cache cannot give, and go on without it where it cannot keep: disks are full, files damaged."""
    cache: Any = getattr(quick, "_cache", None)  # Numba's own attribute, which a later version may call otherwise
    if not all(hasattr(cache, name) for name in ("load_overload", "save_overload", "flush")):
        return
    load, save, flush = cache.load_overload, cache.save_overload, cache.flush

    def load_or_compile(*call: Any) -> Any:
        try:
            return load(*call)
        except Exception:  # noqa: BLE001 -- what comes of reading a damaged pickle can be any
            with suppress(Exception):
                flush()  # or else nothing can be kept either
            return None

    def save_if_possible(*call: Any) -> None:
        with suppress(Exception):
            save(*call)

    cache.load_overload, cache.save_overload = load_or_compile, save_if_possible


@functools.cache
def compiled_with(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel that takes a compiled function; it is not kept on disk, where the function would be missing."""
    with interrupts_held():
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


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def side_by_side() -> Iterator[Callable[..., None]]:
    """Give a function that maps another one over arguments, in as many threads as this process may use cores.

    Kernels let go of the interpreter's lock while they run. An interrupt ends all as soon as those that run are done.
    """
    from concurrent.futures import ThreadPoolExecutor  # takes 6 ms, which few processes need

    raised: list[BaseException] = []

    def for_each(call: Callable[..., object], *arguments: Iterable[Any]) -> None:
        for _ in pool.map(lambda *each: None if raised else call(*each), *arguments):
            pass
        if raised:
            raise raised[0]

    with interrupts_delivered(raised.append), ThreadPoolExecutor(cores()) as pool:
        yield for_each
    if raised:  # after the last of them
        raise raised[0]
