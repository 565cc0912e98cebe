"""A price list by a function that the user compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, MutableSequence, Sequence


def price_all(
    function: Callable[[int, int, int], float],
    m: Sequence[int],
    k: Sequence[int],
    n: Sequence[int],
    costs: MutableSequence[float],
) -> None:
    """Write what products of m x k and k x n matrices cost."""
    for at in range(len(costs)):
        costs[at] = function(m[at], k[at], n[at])
