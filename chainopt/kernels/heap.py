"""A heap in two arrays, the least key at its top: which task is ready, or ends, first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence


def heap_insert(keys: MutableSequence[float], items: MutableSequence[int], size: int, key: float, item: int) -> None:
    """Put an item on a heap of ``size``, the least key at its top."""
    place = size
    while place > 0:
        above = (place - 1) // 2
        if keys[above] <= key:
            break
        keys[place] = keys[above]
        items[place] = items[above]
        place = above
    keys[place] = key
    items[place] = item


def heap_pop(keys: MutableSequence[float], items: MutableSequence[int], size: int) -> int:
    """Take the item with the least key off a heap of ``size``."""
    top = items[0]
    key, item = keys[size - 1], items[size - 1]
    size -= 1
    place, below = 0, 1
    while below < size:
        if below + 1 < size and keys[below + 1] < keys[below]:
            below += 1
        if key <= keys[below]:
            break
        keys[place] = keys[below]
        items[place] = items[below]
        place = below
        below = 2 * place + 1
    keys[place] = key
    items[place] = item
    return top
