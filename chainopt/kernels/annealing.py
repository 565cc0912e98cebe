"""Threshold accepting over bracketings, each of them scheduled by a list: the kernel of the method "heuristic".

`chainopt.schedules.tree_search` runs it; `schedule` alone also serves the plans of "exact", of "interval" for unlimited workers,
and of the pure modes.

A bracketing is a binary tree of its gaps: each is where one operation joins its two sides.  ``tree`` holds it in six rows, by
gap: the gap above, the gaps at the left and at the right (-1 where that side is a factor), the first and the last factor of the
result, and how the sides are joined.  Task g is the operation at gap g, task n - 1 + k the accumulation of factor k.  An
``instance`` holds the sizes between the factors, the prices of products (none where they cost the product of three sizes), what
a JVP and a VJP cost (-1 where there is none), what the matrix of each factor costs, and whether it has to be made.

Each tree is scheduled forward in time (of the operations that are ready, the one with the longest path to the end first: Hu's
rule) and backward from the last one; a third order may be tried, whose paths are weighted at random.

A move rotates an edge, changes how two sides are joined, or builds a part anew as one of several interval programs would.
What makes the schedule longer is accepted by ever less: threshold accepting (Dueck and Scheuer, 1990). Random numbers are those
of Lehmer's generator, the same everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    Table: TypeAlias = Sequence[MutableSequence[int]]
    Times: TypeAlias = Sequence[float]
    Instance: TypeAlias = tuple[Times, Sequence[Sequence[Sequence[float]]], Times, Times, Times, Sequence[int]]

PRODUCT, PUSHED, PULLED = 0, 1, 2
PARENT, LEFT, RIGHT, FIRST, LAST, JOIN, ROWS = 0, 1, 2, 3, 4, 5, 6
NONE = -1


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
