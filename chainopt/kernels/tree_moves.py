"""Moves on bracketings that are trees: an edge is rotated, two sides are joined otherwise, a part is built anew from a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.kernels.list_schedule import FIRST, JOIN, LAST, LEFT, NONE, PARENT, PRODUCT, PULLED, PUSHED, RIGHT, ROWS

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from chainopt.kernels.list_schedule import Instance, Table


def build(
    tree: Table,
    splits: Sequence[Sequence[int]],
    joins: Sequence[Sequence[int]],
    i: int,
    j: int,
    parent: int,
    pending: MutableSequence[int],
) -> int:
    """Build, below the gap ``parent``, what makes the factors ``i..j-1`` as an interval program's table says.

    ``splits`` and ``joins`` are that table, ``pending`` is scratch of 3 n entries. The gap at the top of the part is returned.
    """
    top = splits[i][j] - 1
    pending[0], pending[1], pending[2] = i, j, parent
    depth = 3
    while depth > 0:
        depth -= 3
        begin, end, above = pending[depth], pending[depth + 1], pending[depth + 2]
        split = splits[begin][end]
        gap = split - 1
        tree[PARENT][gap] = above
        tree[FIRST][gap] = begin
        tree[LAST][gap] = end - 1
        tree[JOIN][gap] = joins[begin][end]
        tree[LEFT][gap] = tree[RIGHT][gap] = NONE
        if split - begin > 1:
            tree[LEFT][gap] = splits[begin][split] - 1
            pending[depth], pending[depth + 1], pending[depth + 2] = begin, split, gap
            depth += 3
        if end - split > 1:
            tree[RIGHT][gap] = splits[split][end] - 1
            pending[depth], pending[depth + 1], pending[depth + 2] = split, end, gap
            depth += 3
    return top


def joins_allowed(tree: Table, gap: int, instance: Instance) -> int:
    """Return what can be done at a gap: 1 a product, plus 2 a push, plus 4 a pull."""
    push, pull = instance[2], instance[3]
    allowed = 1
    if tree[LEFT][gap] == NONE and push[gap] >= 0:
        allowed += 2
    if tree[RIGHT][gap] == NONE and pull[gap + 1] >= 0:
        allowed += 4
    return allowed


def choose_join(
    tree: Table,
    gap: int,
    number: int,
    instance: Instance,
) -> None:
    """Choose how a gap is joined: mostly with the least work, needed accumulations included, sometimes by a random ``number``."""
    allowed = joins_allowed(tree, gap, instance)
    tree[JOIN][gap] = PRODUCT
    if allowed == 1:
        return
    sizes, prices, push, pull, leaves, _ = instance
    first, last = tree[FIRST][gap], tree[LAST][gap]
    if number % 4 == 0:
        join = number // 4 % 3
        if join != PRODUCT and allowed // 2**join % 2 == 1:
            tree[JOIN][gap] = join
        return
    left = leaves[gap] if tree[LEFT][gap] == NONE else 0 * leaves[gap]
    right = leaves[gap + 1] if tree[RIGHT][gap] == NONE else 0 * leaves[gap]
    least = sizes[first] * sizes[gap + 1] * sizes[last + 1] if len(prices) == 0 else prices[first][gap + 1][last + 1]
    least += left + right
    if allowed // 2 % 2 == 1 and sizes[last + 1] * push[gap] + right < least:
        least = sizes[last + 1] * push[gap] + right
        tree[JOIN][gap] = PUSHED
    if allowed // 4 == 1 and sizes[first] * pull[gap + 1] + left < least:
        tree[JOIN][gap] = PULLED


def rotate(tree: Table, gap: int) -> int:
    """Put a gap in the place of its parent, which is returned."""
    parent = tree[PARENT][gap]
    grandparent = tree[PARENT][parent]
    if tree[LEFT][parent] == gap:
        inner = tree[RIGHT][gap]
        tree[RIGHT][gap] = parent
        tree[LEFT][parent] = inner
        tree[LAST][gap] = tree[LAST][parent]
        tree[FIRST][parent] = gap + 1
    else:
        inner = tree[LEFT][gap]
        tree[LEFT][gap] = parent
        tree[RIGHT][parent] = inner
        tree[FIRST][gap] = tree[FIRST][parent]
        tree[LAST][parent] = gap
    if inner != NONE:
        tree[PARENT][inner] = parent
    tree[PARENT][parent] = gap
    tree[PARENT][gap] = grandparent
    if grandparent != NONE:
        if tree[LEFT][grandparent] == parent:
            tree[LEFT][grandparent] = gap
        else:
            tree[RIGHT][grandparent] = gap
    return parent


def copy(source: Table, target: Table) -> None:
    """Copy a tree."""
    for row in range(ROWS):
        for gap in range(len(source[row])):
            target[row][gap] = source[row][gap]
