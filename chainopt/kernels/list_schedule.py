"""Bracketings as trees, scheduled by a list: of those that the kernel `chainopt.kernels.annealing` tries, and of any other.

A bracketing is a binary tree of its gaps: each is where one operation joins its two sides.  ``tree`` holds it in six rows, by
gap: the gap above, the gaps at the left and at the right (-1 where that side is a factor), the first and the last factor of the
result, and how the sides are joined.  Task g is the operation at gap g, task n - 1 + k the accumulation of factor k.  An
``instance`` holds the sizes between the factors, the prices of products (none where they cost the product of three sizes), what
a JVP and a VJP cost (-1 where there is none), what the matrix of each factor costs, and whether it has to be made.

Each tree is scheduled forward in time (of the operations that are ready, the one with the longest path to the end first: Hu's
rule) and backward from the last one; a third order may be tried, whose paths are weighted at random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from chainopt.kernels.heap import heap_insert, heap_pop

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    Table: TypeAlias = Sequence[MutableSequence[int]]
    Times: TypeAlias = Sequence[float]
    Instance: TypeAlias = tuple[Times, Sequence[Sequence[Sequence[float]]], Times, Times, Times, Sequence[int]]

PRODUCT, PUSHED, PULLED = 0, 1, 2
PARENT, LEFT, RIGHT, FIRST, LAST, JOIN, ROWS = 0, 1, 2, 3, 4, 5, 6
NONE = -1


def describe(
    tree: Table,
    root: int,
    instance: Instance,
    costs: MutableSequence[float],
    parents: MutableSequence[int],
    levels: MutableSequence[float],
    heights: MutableSequence[float],
    order: MutableSequence[int],
) -> int:
    """Write what each task costs, which one needs it, and the longest paths after and before it; return how many there are.

    ``order`` lists the tasks, the last first; ``levels`` are the paths from a task to the end, ``heights`` those up to it.
    """
    sizes, prices, push, pull, leaves, has_leaf = instance
    gaps = len(tree[PARENT])
    order[0] = root
    count = 1
    index = 0
    while index < count:
        task = order[index]
        index += 1
        if task >= gaps:
            costs[task] = leaves[task - gaps]
        else:
            first, last, join = tree[FIRST][task], tree[LAST][task], tree[JOIN][task]
            if join == PUSHED:
                costs[task] = sizes[last + 1] * push[task]
            elif join == PULLED:
                costs[task] = sizes[first] * pull[last]
            elif len(prices) == 0:
                costs[task] = sizes[first] * sizes[task + 1] * sizes[last + 1]
            else:
                costs[task] = prices[first][task + 1][last + 1]
            for row, without, factor in ((LEFT, PUSHED, task), (RIGHT, PULLED, task + 1)):
                side = tree[row][task]
                if side == NONE and join != without and has_leaf[factor] != 0:
                    side = gaps + factor
                if side != NONE:
                    order[count] = side
                    parents[side] = task
                    count += 1
        heights[task] = costs[task]
        if index == 1:
            parents[task] = NONE
            levels[task] = costs[task]
        else:
            levels[task] = costs[task] + levels[parents[task]]
    for index in range(count - 1, 0, -1):
        task = order[index]
        parent = parents[task]
        longest = heights[task] + costs[parent]
        if longest > heights[parent]:
            heights[parent] = longest
    return count


def urgency(length: float, task: int, noise: int) -> float:
    """Return the key of a task with so long a path; the least goes first. Noise, if not 0, makes it up to half less urgent."""
    if noise == 0:
        return -length
    return -(length * (64 - noise * (task + 1) % 2147483647 * 48271 % 2147483647 % 32))


def forward(
    count: int,
    workers: int,
    noise: int,
    order: Sequence[int],
    costs: Sequence[float],
    parents: Sequence[int],
    levels: Sequence[float],
    starts: MutableSequence[float],
    missing: MutableSequence[int],
    keys: Sequence[MutableSequence[float]],
    items: Sequence[MutableSequence[int]],
) -> float:
    """Schedule forward in time; return when the last task ends. ``missing`` counts the operands a task still waits for."""
    ready, running = 0, 0
    for index in range(count):
        missing[order[index]] = 0
    for index in range(1, count):
        missing[parents[order[index]]] += 1
    for index in range(count):
        task = order[index]
        if missing[task] == 0:
            heap_insert(keys[0], items[0], ready, urgency(levels[task], task, noise), task)
            ready += 1
    now = 0 * costs[order[0]]
    while ready > 0 or running > 0:
        while ready > 0 and running < workers:
            task = heap_pop(keys[0], items[0], ready)
            ready -= 1
            starts[task] = now
            heap_insert(keys[1], items[1], running, now + costs[task], task)
            running += 1
        now = keys[1][0]
        while running > 0 and keys[1][0] <= now:
            task = parents[heap_pop(keys[1], items[1], running)]
            running -= 1
            if task != NONE:
                missing[task] -= 1
                if missing[task] == 0:
                    heap_insert(keys[0], items[0], ready, urgency(levels[task], task, noise), task)
                    ready += 1
    return now


def backward(
    tree: Table,
    root: int,
    has_leaf: Sequence[int],
    workers: int,
    noise: int,
    costs: Sequence[float],
    heights: Sequence[float],
    ends: MutableSequence[float],
    keys: Sequence[MutableSequence[float]],
    items: Sequence[MutableSequence[int]],
) -> float:
    """Schedule backward in time, and leave for each task how long before the end it ends; return how long everything takes."""
    gaps = len(tree[PARENT])
    ready, running = 1, 0
    keys[0][0], items[0][0] = -heights[root], root
    now = 0 * costs[root]
    while ready > 0 or running > 0:
        while ready > 0 and running < workers:
            task = heap_pop(keys[0], items[0], ready)
            ready -= 1
            ends[task] = now
            heap_insert(keys[1], items[1], running, now + costs[task], task)
            running += 1
        now = keys[1][0]
        while running > 0 and keys[1][0] <= now:
            task = heap_pop(keys[1], items[1], running)
            running -= 1
            if task < gaps:
                for row, without, factor in ((LEFT, PUSHED, task), (RIGHT, PULLED, task + 1)):
                    side = tree[row][task]
                    if side == NONE and tree[JOIN][task] != without and has_leaf[factor] != 0:
                        side = gaps + factor
                    if side != NONE:
                        heap_insert(keys[0], items[0], ready, urgency(heights[side], side, noise), side)
                        ready += 1
    return now


def schedule(
    tree: Table,
    root: int,
    noise: int,
    workers: int,
    instance: Instance,
    times: Sequence[MutableSequence[float]],
    numbers: Sequence[MutableSequence[int]],
) -> float:
    """Return how long a tree takes; below zero where that is the schedule backward in time.

    The starts are left in ``times[3]`` (forward), or, backward, how long before the end each task ends; the tasks in
    ``numbers[0]``, with their number in its last entry. ``root`` is the gap at the top of the tree; ``noise`` seeds the weights
    of the paths, 0 for none; ``times`` and ``numbers`` are scratch, 6 and 5 rows of 3 n entries and a few.
    """
    costs, levels, heights, starts = times[0], times[1], times[2], times[3]
    order, parents, missing = numbers[0], numbers[1], numbers[2]
    count = describe(tree, root, instance, costs, parents, levels, heights, order)
    order[len(order) - 1] = count
    keys, items = times[4:6], numbers[3:5]
    length = forward(count, workers, noise, order, costs, parents, levels, starts, missing, keys, items)
    if length <= heights[root]:
        return length
    # `levels` is not needed any more: the other schedule is left in its place.
    other = backward(tree, root, instance[5], workers, noise, costs, heights, levels, keys, items)
    if other < length:
        for index in range(count):
            starts[order[index]] = levels[order[index]]
        return -other
    return length
