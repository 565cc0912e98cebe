"""The progress of what takes seconds: a bar, or lines on standard error."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chainopt.errors import raise_missing_extra
from chainopt.numbers import count, ratio, times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.progress import Progress

    from chainopt.typing import Cost

SECONDS = 1.0  # between two lines


class ProgressBar:
    """A bar on the terminal; any thread may move it."""

    def __init__(self, bars: Progress, title: str, total: float) -> None:
        self._bars, self._task = bars, bars.add_task(title, total=total)

    def advance(self, amount: float) -> None:
        """Move the bar on by an amount."""
        self._bars.advance(self._task, amount)

    def reach(self, amount: float) -> None:
        """Move the bar to where an amount is done."""
        self._bars.update(self._task, completed=amount)


@contextmanager
def progress_bar(title: str, total: float = 1.0) -> Iterator[ProgressBar]:
    """Show a bar that is full when the total is reached.

    Raises
    ------
    ChainError
        If rich is not installed.
    """
    try:
        from rich.progress import Progress
    except ModuleNotFoundError:
        raise_missing_extra("progress", "rich", "terminal")
    with Progress() as bars:
        yield ProgressBar(bars, title, total)


@contextmanager
def progress_over(title: str, amounts: Sequence[float]) -> Iterator[Callable[[int], None]]:
    """Show a bar over steps, each as long as its amount; the function that it yields takes the step that is done."""
    with progress_bar(title, sum(amounts)) as bar:
        yield lambda position: bar.advance(amounts[position])


@contextmanager
def search_progress(what: str = "makespan") -> Iterator[Callable[[Cost, Cost], None]]:
    """Yield a function that writes a line a second: the makespan, or ``what`` is sought, the lower bound, and the gap."""
    begin = last = time.monotonic()

    def show(least: Cost, bound: Cost) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS and sys.stderr is not None:
            last = now
            gap = times(100 * (ratio(least, bound) - 1))
            print(f"{now - begin:.0f} s: {what} {count(least)}, at least {count(bound)}, gap {gap} %", file=sys.stderr)

    yield show
