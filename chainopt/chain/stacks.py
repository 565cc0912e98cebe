"""Stacks of matrices broadcast as those of ``@`` do."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    Batch = tuple[int, ...]


def broadcast(one: Batch, other: Batch) -> Batch:
    """Return the leading sizes of a product of two stacks; unlike NumPy's, of any magnitude and number.

    Raises
    ------
    ValueError
        If they do not broadcast.
    """
    if one == other or not other:
        return one
    joined = []
    for left, right in zip_longest(reversed(one), reversed(other), fillvalue=1):
        if left != right and 1 not in {left, right}:
            msg = f"{left} and {right} do not broadcast"
            raise ValueError(msg)
        joined.append(right if left == 1 else left)
    return tuple(reversed(joined))


def broadcast_all(batches: Iterable[Batch]) -> Batch:
    """Return the leading sizes of a product of many stacks."""
    joined: Batch = ()
    for batch in batches:
        joined = broadcast(joined, batch)
    return joined
