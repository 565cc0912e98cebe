"""How a Jacobian is computed for one signature of the arguments, and what is known of functions that compute the same.

A closure that is made anew at each call finds here what was found for the one before. What is seen for the first time is left to
the library's own functions: tracing and compiling take longer than a call or two.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.functions.blockwise import Blockwise
from chainopt.functions.refusals import Refusals

if TYPE_CHECKING:
    from collections.abc import Hashable

    from chainopt.functions.environment import Environment
    from chainopt.functions.options import Mode, Options
    from chainopt.functions.prepared import Prepared
    from chainopt.typing import Array

PROGRAM_MODES: tuple[Mode, ...] = ("planned", "elimination")  # those that are not the library's own
LOGGER = logging.getLogger(__name__)
RAISED = "tracing it raised"  # where the reason may be a fault of the function


class Strategy:
    """How a Jacobian is computed: by a program, or, for a reason, by the library's own function."""

    def __init__(self, prepared: Prepared | Blockwise | None, mode: str, reason: str = "") -> None:
        self.prepared, self.mode, self.reason = prepared, mode, reason
        self.environment: Environment | None = None  # in which that was found; None where it holds in all
        self.besides: tuple[Array, ...] = ()  # arrays that the function reads, where only watching it keeps them
        self.cause: Exception | None = None
        self.has_run = self.is_first = self.is_settled = False
        self.writes = False  # something that the function reads, such as a list of what was computed
        self.is_unread = False  # what the function reads is too much to be looked at
        self.called = ""  # the pure mode that is quicker where nothing is compiled, as far as that is another one
        self.record: Record | None = None  # of a first call: where to note what it takes,
        self.key: tuple[Hashable, int] = None, 0  # and under what it is known
        self.uses = self.changes = 0
        self.seconds = 0.0  # that calls have taken which nobody compiles

    @property
    def runs_a_program(self) -> bool:
        """Whether what runs is not the library's own function, whatever is asked for."""
        return isinstance(self.prepared, Blockwise) or (self.prepared is not None and self.mode in PROGRAM_MODES)

    @property
    def is_early(self) -> bool:
        """Whether to compile the program would take longer than all calls until now."""
        return isinstance(self.prepared, Blockwise) and self.seconds < self.prepared.compilation

    @property
    def called_mode(self) -> str:
        """The mode of a call that nobody compiles."""
        return self.called or self.mode

    def is_current(self) -> bool:
        """Whether what the function reads is as it was."""
        self.uses += 1
        return self.environment is None or self.environment.is_unchanged()

    def refuse(self, error: Exception, options: Options, suited: str) -> None:
        """Remember that nothing can be planned, and why; the error itself only where it is raised at once."""
        lines = str(error).splitlines()
        self.reason = (
            str(error) if isinstance(error, UnplannableError) else f"{RAISED} {type(error).__name__}: {''.join(lines[:1])}"
        )
        if not isinstance(error, UnplannableError):  # of the user's function, of the library, or ours: its traceback tells
            LOGGER.debug("a function was not planned", exc_info=error)
        self.prepared, self.mode, self.called = None, options.library_mode(getattr(error, "mode", "") or suited), ""
        self.cause = error if options.must_plan else None

    def refusal(self) -> ChainError:
        """Return the error that says why."""
        error = refusal(self.reason)
        error.__cause__, self.cause = self.cause, None
        return error


def refusal(reason: str) -> ChainError:
    """Return the error that says why a function cannot be planned."""
    remedy = "if it works when it is called, take mode" if reason.startswith(RAISED) else "take mode"
    return ChainError(f'the function cannot be planned, for {reason.rstrip(":.")}: {remedy} "forward", "reverse" or "auto"')


class Record:
    """What is known of functions that compute the same."""

    def __init__(self) -> None:
        self.strategy: Strategy | None = None
        self.seconds = 0.0  # that the library's own functions have taken
        self.planning: float | None = None  # about what planning takes where it has to pay before; None where it is not known
        self.inputs = 0  # how many entries those have,
        self.results: int | None = None  # and the results, as far as it is known
        self.usual: Hashable = None  # the options and the signature of the last call that was left to the library,
        self.mode, self.latest = "", 0.0  # in which mode, and how many seconds it took
        self.looks = Refusals()  # those at what new ones read
        self.traced = 0  # the hash of the options and the signature of the last that was traced,
        self.tracings, self.tracing = 0, 0.0  # how many were, one after the other, and how many seconds the last took


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
