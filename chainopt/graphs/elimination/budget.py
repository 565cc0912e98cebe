"""How long a search may go on: until a moment, or for as much work as takes a few seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.numbers import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.typing import Cost


SECONDS = 0.2  # in which the clock is looked at again


class Budget:
    """A limit of time, if there is one; without it work is counted, so that results repeat.

    Parameters
    ----------
    time_limit : float, optional
        In seconds, from now.
    report : callable, optional
        Called now and then with what is known: a cost, and a lower bound.
    """

    def __init__(self, time_limit: float | None, report: Callable[[Cost, Cost], None] | None = None) -> None:
        is_number = isinstance(time_limit, int | float) and not isinstance(time_limit, bool)
        if time_limit is not None and not (is_number and time_limit >= 0):
            msg = f"time_limit is {shown(time_limit)}: give seconds, at least 0, or None"
            raise ChainError(msg)
        self.begin = time.monotonic()
        self.time_limit = time_limit
        self.report = report

    @property
    def left(self) -> float | None:
        """How many seconds are left; None where there is no limit."""
        return None if self.time_limit is None else self.time_limit - (time.monotonic() - self.begin)

    def is_over(self) -> bool:
        """Whether the time is over."""
        left = self.left
        return left is not None and left <= 0

    def chunk_after(self, chunk: int, seconds: float, least: int) -> int:
        """Return how many steps are taken before the clock is looked at again; without a limit as many as before.

        Parameters
        ----------
        chunk : int
            How many were taken, and at most half as many as are taken next.
        seconds : float
            How long they took.
        least : int
            Fewer are not worth beginning.
        """
        left = self.left
        if left is None:
            return chunk
        wanted = min(SECONDS, max(left / 2, 0.0))
        return max(least, 2 * chunk if 2 * seconds <= wanted else int(chunk * wanted / seconds))

    def part(self, share: float) -> Budget:
        """Return the budget of a step that may take a share of what is left."""
        left = self.left
        return Budget(None if left is None else max(share * left, 0.0), self.report)


UNLIMITED = Budget(None)
