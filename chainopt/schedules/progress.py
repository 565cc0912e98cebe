"""What a search for several workers has found so far, on standard error."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chainopt.numbers import count, ratio, times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 1.0  # between two lines


@contextmanager
def search_progress() -> Iterator[Callable[[Any, Any], None]]:
    """Give a function that writes a line a second: the makespan, the lower bound, and the gap between them."""
    begin = last = time.monotonic()

    def show(makespan: Any, bound: Any) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS and sys.stderr is not None:
            last = now
            gap = times(100 * (ratio(makespan, bound) - 1))
            print(f"{now - begin:.0f} s: makespan {count(makespan)}, at least {count(bound)}, gap {gap} %", file=sys.stderr)

    yield show
