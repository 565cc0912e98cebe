"""What every solver returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chainopt.bracketing import Bracketing


class Solution(NamedTuple):
    """A bracketing and its exact cost."""

    bracketing: Bracketing
    cost: int
