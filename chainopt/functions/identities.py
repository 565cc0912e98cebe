"""Arrays that are the same, and not only equal, in a key."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Array


class Identities:
    """Arrays that stay what they are, in a key: equal to others where they are the same ones, and alive."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        self._addresses = tuple(map(id, arrays))
        self._references = tuple(map(weakref.ref, arrays))

    def __hash__(self) -> int:
        return hash(self._addresses)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Identities):
            return NotImplemented
        pairs = zip(self._references, other._references, strict=True)
        return self._addresses == other._addresses and all(one() is two() is not None for one, two in pairs)
