"""Threshold accepting over bracketings, each of them scheduled by a list: the kernel of the method "heuristic".

`chainopt.schedules.annealing` runs it. A move rotates an edge, changes how two sides are joined, or builds a part anew as one
of several interval programs would. What makes the schedule longer is accepted by ever less: threshold accepting (Dueck and
Scheuer, 1990). Random numbers are those of Lehmer's generator, the same everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.kernels.list_schedule import FIRST, JOIN, LAST, LEFT, NONE, PARENT, RIGHT, schedule
from chainopt.kernels.tree_moves import build, choose_join, copy, joins_allowed, rotate

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from chainopt.kernels.list_schedule import Instance, Table


def improve(
    rounds: int,
    threshold: float,
    target: float,
    state: MutableSequence[int],
    workers: int,
    instance: Instance,
    splits: Sequence[Sequence[Sequence[int]]],
    joins: Sequence[Sequence[Sequence[int]]],
    tree: Table,
    previous: Table,
    best: Table,
    times: Sequence[MutableSequence[float]],
    numbers: Sequence[MutableSequence[int]],
    lengths: MutableSequence[float],
) -> None:
    """Try so many moves, from ``tree`` on; the best tree of all is left in ``best``.

    ``state``: the random number, the gaps at the top of the tree and of the best, and the noise of both. ``lengths``: how long
    the tree takes, and the best. It ends early where the best takes no longer than ``target``. A move is accepted that lengthens
    the tree by up to ``threshold`` times the best, at first, and by ever less. ``splits`` and ``joins`` hold a table for each
    interval program; ``previous`` is scratch for a tree, ``times`` and ``numbers`` are that of `schedule`.
    """
    gaps = len(tree[PARENT])
    number, root, noise, length = state[0], state[1], state[3], lengths[0]
    for turn in range(rounds):
        if lengths[1] <= target:
            break
        number = number * 48271 % 2147483647
        gap = number % gaps
        number = number * 48271 % 2147483647
        if number % 2 == 0:  # one on the longest path
            heights = times[2]
            steps = gap % 8 if gaps > 8 else gap
            gap = root
            while steps > 0:
                left, right = tree[LEFT][gap], tree[RIGHT][gap]
                if left == NONE and right == NONE:
                    break
                gap = left if right == NONE or (left != NONE and heights[left] >= heights[right]) else right
                steps -= 1
        number = number * 48271 % 2147483647
        move = number // 16 % 9
        old_noise = noise
        copy(tree, previous)
        old_root = root
        number = number * 48271 % 2147483647
        if move == 8:
            noise = number if number % 4 > 0 else 0
        elif move < 4 and gap != root:
            below = rotate(tree, gap)
            if below == root:
                root = gap
            choose_join(tree, below, number, instance)
            choose_join(tree, gap, number // 32, instance)
        elif move < 5:
            allowed = joins_allowed(tree, gap, instance)
            join = number // 32 % 3
            if allowed // 2**join % 2 == 0 or join == tree[JOIN][gap]:
                continue
            tree[JOIN][gap] = join
        else:
            table = number // 32 % len(splits)
            parent, begin, end = tree[PARENT][gap], tree[FIRST][gap], tree[LAST][gap] + 1
            if move < 6:
                top = build(tree, splits[table], joins[table], begin, end, parent, numbers[0])
            else:
                number = number * 48271 % 2147483647
                top = begin + number % (end - 1 - begin)
                tree[PARENT][top] = parent
                tree[FIRST][top] = begin
                tree[LAST][top] = end - 1
                tree[LEFT][top] = tree[RIGHT][top] = NONE
                if top > begin:
                    tree[LEFT][top] = build(tree, splits[table], joins[table], begin, top + 1, top, numbers[0])
                table = number // 32 % len(splits)
                if end - 1 > top + 1:
                    tree[RIGHT][top] = build(tree, splits[table], joins[table], top + 1, end, top, numbers[0])
                number = number * 48271 % 2147483647
                choose_join(tree, top, number, instance)
            if parent == NONE:
                root = top
            elif tree[LEFT][parent] == gap:
                tree[LEFT][parent] = top
            else:
                tree[RIGHT][parent] = top
        new = abs(schedule(tree, root, noise, workers, instance, times, numbers))
        if new < lengths[1]:
            lengths[1] = new
            state[2], state[4] = root, noise
            copy(tree, best)
        if new <= length or (new - length) / lengths[1] <= threshold * (rounds - turn) / rounds:
            length = new
        else:
            root, noise = old_root, old_noise
            copy(previous, tree)
    state[0], state[1], state[3] = number, root, noise
    lengths[0] = length
