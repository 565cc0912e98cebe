"""What one function reads besides its arguments, call after call: looked at again only where something may have changed."""

from __future__ import annotations

from itertools import count
from operator import is_
from typing import TYPE_CHECKING, NamedTuple

from chainopt.functions.environment import Environment
from chainopt.functions.signature import ARRAY, SCALARS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.backend import Backend, Reads
    from chainopt.functions.signature import Call
    from chainopt.typing import Array, Function

MOST_STATES = 128  # that are remembered
UNREAD = -1  # in the place of the number of a state that is only watched


class _Read(NamedTuple):
    """What was read besides the arguments of the last call."""

    roots: Sequence[object]
    environment: Environment
    state: Reads
    number: int

    def is_current(self, roots: Sequence[object]) -> bool:
        """Whether the same is read from the same roots now."""
        return len(roots) == len(self.roots) and all(map(is_, roots, self.roots)) and self.environment.is_unchanged()


class Reading:
    """The states that one function has read."""

    def __init__(self, backend: Backend, function: Function) -> None:
        self.backend, self.function = backend, function
        self.is_known = True  # what is read, and not only watched
        self._last: _Read | None = None
        self._numbers: dict[tuple[object, ...], int] = {}  # of the states: those are long, and compared on each call
        self._supply = count()

    def roots(self, call: Call) -> list[Array]:
        """Return what may read something: the function, and what it is given besides arrays and numbers."""
        return [self.function, *(leaf for leaf in call.rest if leaf is not ARRAY and type(leaf) not in SCALARS)]

    def state(self, call: Call) -> tuple[Reads | None, int]:
        """Return what is read besides the arguments, and a number of that state; as at the last call if nothing has changed."""
        roots, last = self.roots(call), self._last
        if last is not None and last.is_current(roots):
            return last.state, last.number
        state = self.backend.read_by(roots) if self.is_known else None
        if state is None:
            self.is_known = False
            return None, UNREAD
        number = self._numbers.get(state.key)
        if number is not None:  # it is seen again, and may be often
            self._last = _Read(roots, Environment(self.backend, roots), state, number)
            return state, number
        if len(self._numbers) >= MOST_STATES:
            self._numbers.clear()
        number = self._numbers[state.key] = next(self._supply)
        return state, number
