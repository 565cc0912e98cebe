"""What is known of functions that compute the same, whichever objects they are: how often they were seen, and their program.

A closure that is made anew at each call finds here what was found for the one before. What is seen for the first time is left to
the library's own functions: tracing and compiling take longer than a call or two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.functions.strategy import Record

if TYPE_CHECKING:
    from collections.abc import Hashable

MOST_RECORDS = 256  # the oldest is given up
ENOUGH_SECONDS = 0.25  # in the library's own functions, after which a program would have paid


class Records:
    """A memory of records that is bounded: what was not asked for longest goes first."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Record] = {}

    def of(self, key: Hashable) -> Record:
        """Return the record under a key, a new one if there is none."""
        record = self._known.pop(key, None) or Record()
        self._known[key] = record
        while len(self._known) > MOST_RECORDS:
            self._known.pop(next(iter(self._known)), None)
        return record


PROGRAMS = Records()  # under all that decides what a function computes
HINTS = Records()  # under its code alone: of what is only a guess
