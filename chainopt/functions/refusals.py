"""When a function that was refused again and again is left to the library's own for some calls, without another look at it.

That function is right whatever has changed since; that a plan would be possible now shows a few calls later.
"""

ENOUGH = 8  # calls one after the other that found a refusal
CALLS = 16  # that are left to the library then: a prime number with the next look, so that no rhythm of calls hides one kind
LONGER = (CALLS, 96, 576)  # as many, where a look takes long beside a call; all of them are
SHARE = 4  # the looks take at most one in so many seconds of the calls between them, as far as that many calls are enough


class Refusals:
    """What the last calls of one function have found."""

    def __init__(self) -> None:
        self._found = self._left = 0

    def rest(self) -> bool:
        """Whether this call is one of those that need no look."""
        if self._left <= 0:
            return False
        self._left -= 1
        return True

    def note(self, *, is_refused: bool, is_dear: bool = False, looked: float = 0.0, called: float = 0.0) -> None:
        """Remember what a look has found; one is enough where it takes long.

        Parameters
        ----------
        is_refused : bool
            Whether it found nothing that is worth the look.
        is_dear : bool
            Whether a look takes long whatever it finds.
        looked, called : float
            How many seconds it took, and how many the call of the library's function.
        """
        self._found = self._found + (ENOUGH if is_dear else 1) if is_refused else 0
        enough = (calls for calls in LONGER if looked * SHARE <= called * calls)
        self._left = next(enough, LONGER[-1]) if self._found >= ENOUGH else 0
