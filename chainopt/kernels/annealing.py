"""List scheduling of a bracketing, and a search for better ones by moves on its tree.

A bracketing is a binary tree of its gaps: each is where one operation joins its two sides.  ``tree`` holds it in six rows, by
gap: the gap above, the gaps at the left and at the right (-1 where that side is a factor), the first and the last factor of the
result, and the kind of operation.  Task g is the operation at gap g, task n - 1 + k the accumulation of factor k.  A ``stage``
holds the sizes between the factors, the prices of products (none where they cost the product of three sizes), what a JVP and a
VJP cost (-1 where there is none), what the matrix of each factor costs, and whether it has to be made.

Each tree is scheduled forward in time (of the operations that are ready, the one with the longest path to the end first: Hu's
rule) and backward from the last one; an order may be tried, too, whose paths are weighted at random.

A move rotates an edge, changes the kind of an operation, or builds a part anew as one of several interval programs would.
What makes the schedule longer is accepted by ever less: threshold accepting (Dueck and Scheuer, 1990). Random numbers are those
of Lehmer's generator, the same everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    Table: TypeAlias = Sequence[MutableSequence[int]]
    Times: TypeAlias = Sequence[float]
    Stage: TypeAlias = tuple[Times, Sequence[Sequence[Sequence[float]]], Times, Times, Times, Sequence[int]]

PRODUCT, PUSHED, PULLED = 0, 1, 2
UP, LEFT, RIGHT, FIRST, LAST, KIND, ROWS = 0, 1, 2, 3, 4, 5, 6
NONE = -1


def rise(keys: MutableSequence[float], items: MutableSequence[int], size: int, key: float, item: int) -> None:
    """Put an item on a heap of ``size``, the least key at its top."""
    at = size
    while at > 0:
        above = (at - 1) // 2
        if keys[above] <= key:
            break
        keys[at] = keys[above]
        items[at] = items[above]
        at = above
    keys[at] = key
    items[at] = item


def sink(keys: MutableSequence[float], items: MutableSequence[int], size: int) -> int:
    """Take the item with the least key off a heap of ``size``."""
    top = items[0]
    key, item = keys[size - 1], items[size - 1]
    size -= 1
    at, below = 0, 1
    while below < size:
        if below + 1 < size and keys[below + 1] < keys[below]:
            below += 1
        if key <= keys[below]:
            break
        keys[at] = keys[below]
        items[at] = items[below]
        at = below
        below = 2 * at + 1
    keys[at] = key
    items[at] = item
    return top


def build(
    tree: Table,
    splits: Sequence[Sequence[int]],
    kinds: Sequence[Sequence[int]],
    i: int,
    j: int,
    above: int,
    pending: MutableSequence[int],
) -> int:
    """Build the part of the tree that makes the factors ``i..j-1`` as a table has it; return the gap at its top."""
    top = splits[i][j] - 1
    pending[0], pending[1], pending[2] = i, j, above
    depth = 3
    while depth > 0:
        depth -= 3
        begin, end, up = pending[depth], pending[depth + 1], pending[depth + 2]
        split = splits[begin][end]
        gap = split - 1
        tree[UP][gap] = up
        tree[FIRST][gap] = begin
        tree[LAST][gap] = end - 1
        tree[KIND][gap] = kinds[begin][end]
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
    stage: Stage,
    costs: MutableSequence[float],
    above: MutableSequence[int],
    levels: MutableSequence[float],
    heights: MutableSequence[float],
    order: MutableSequence[int],
) -> int:
    """Write what each task costs, which one needs it, and the longest paths after and before it; return how many there are.

    ``order`` lists the tasks, the last first.
    """
    sizes, prices, push, pull, leaves, has_leaf = stage
    gaps = len(tree[UP])
    order[0] = root
    count = 1
    at = 0
    while at < count:
        task = order[at]
        at += 1
        if task >= gaps:
            costs[task] = leaves[task - gaps]
        else:
            first, last, kind = tree[FIRST][task], tree[LAST][task], tree[KIND][task]
            if kind == PUSHED:
                costs[task] = sizes[last + 1] * push[task]
            elif kind == PULLED:
                costs[task] = sizes[first] * pull[last]
            elif len(prices) == 0:
                costs[task] = sizes[first] * sizes[task + 1] * sizes[last + 1]
            else:
                costs[task] = prices[first][task + 1][last + 1]
            for row, without, factor in ((LEFT, PUSHED, task), (RIGHT, PULLED, task + 1)):
                side = tree[row][task]
                if side == NONE and kind != without and has_leaf[factor] != 0:
                    side = gaps + factor
                if side != NONE:
                    order[count] = side
                    above[side] = task
                    count += 1
        heights[task] = costs[task]
        if at == 1:
            above[task] = NONE
            levels[task] = costs[task]
        else:
            levels[task] = costs[task] + levels[above[task]]
    for at in range(count - 1, 0, -1):
        task = order[at]
        up = above[task]
        longest = heights[task] + costs[up]
        if longest > heights[up]:
            heights[up] = longest
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
    above: Sequence[int],
    levels: Sequence[float],
    starts: MutableSequence[float],
    waiting: MutableSequence[int],
    keys: Sequence[MutableSequence[float]],
    items: Sequence[MutableSequence[int]],
) -> float:
    """Schedule forward in time; return when the last task ends."""
    ready, running = 0, 0
    for at in range(count):
        waiting[order[at]] = 0
    for at in range(1, count):
        waiting[above[order[at]]] += 1
    for at in range(count):
        task = order[at]
        if waiting[task] == 0:
            rise(keys[0], items[0], ready, urgency(levels[task], task, noise), task)
            ready += 1
    now = 0 * costs[order[0]]
    while ready > 0 or running > 0:
        while ready > 0 and running < workers:
            task = sink(keys[0], items[0], ready)
            ready -= 1
            starts[task] = now
            rise(keys[1], items[1], running, now + costs[task], task)
            running += 1
        now = keys[1][0]
        while running > 0 and keys[1][0] <= now:
            task = above[sink(keys[1], items[1], running)]
            running -= 1
            if task != NONE:
                waiting[task] -= 1
                if waiting[task] == 0:
                    rise(keys[0], items[0], ready, urgency(levels[task], task, noise), task)
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
    gaps = len(tree[UP])
    ready, running = 1, 0
    keys[0][0], items[0][0] = -heights[root], root
    now = 0 * costs[root]
    while ready > 0 or running > 0:
        while ready > 0 and running < workers:
            task = sink(keys[0], items[0], ready)
            ready -= 1
            ends[task] = now
            rise(keys[1], items[1], running, now + costs[task], task)
            running += 1
        now = keys[1][0]
        while running > 0 and keys[1][0] <= now:
            task = sink(keys[1], items[1], running)
            running -= 1
            if task < gaps:
                for row, without, factor in ((LEFT, PUSHED, task), (RIGHT, PULLED, task + 1)):
                    side = tree[row][task]
                    if side == NONE and tree[KIND][task] != without and has_leaf[factor] != 0:
                        side = gaps + factor
                    if side != NONE:
                        rise(keys[0], items[0], ready, urgency(heights[side], side, noise), side)
                        ready += 1
    return now


def schedule(
    tree: Table,
    root: int,
    noise: int,
    workers: int,
    stage: Stage,
    times: Sequence[MutableSequence[float]],
    numbers: Sequence[MutableSequence[int]],
) -> float:
    """Return how long a tree takes; below zero where that is the schedule backward in time.

    The starts are left in ``times[3]`` (forward), or, backward, how long before the end each task ends; the tasks in
    ``numbers[0]``, with their number in its last entry. ``times`` and ``numbers`` are scratch, 6 and 5 rows of 2 n entries.
    """
    costs, levels, heights, starts = times[0], times[1], times[2], times[3]
    order, above, waiting = numbers[0], numbers[1], numbers[2]
    count = describe(tree, root, stage, costs, above, levels, heights, order)
    order[len(order) - 1] = count
    keys, items = times[4:6], numbers[3:5]
    length = forward(count, workers, noise, order, costs, above, levels, starts, waiting, keys, items)
    if length <= heights[root]:
        return length
    # `levels` is not needed any more: the other schedule is left in its place.
    other = backward(tree, root, stage[5], workers, noise, costs, heights, levels, keys, items)
    if other < length:
        for at in range(count):
            starts[order[at]] = levels[order[at]]
        return -other
    return length


def kinds_allowed(tree: Table, gap: int, stage: Stage) -> int:
    """Return what can be done at a gap: 1 a product, plus 2 a push, plus 4 a pull."""
    push, pull = stage[2], stage[3]
    allowed = 1
    if tree[LEFT][gap] == NONE and push[gap] >= 0:
        allowed += 2
    if tree[RIGHT][gap] == NONE and pull[gap + 1] >= 0:
        allowed += 4
    return allowed


def choose_kind(
    tree: Table,
    gap: int,
    number: int,
    stage: Stage,
) -> None:
    """Choose what is done at a gap: mostly what is the least work with the accumulations that it needs, sometimes at random."""
    allowed = kinds_allowed(tree, gap, stage)
    tree[KIND][gap] = PRODUCT
    if allowed == 1:
        return
    sizes, prices, push, pull, leaves, _ = stage
    first, last = tree[FIRST][gap], tree[LAST][gap]
    if number % 4 == 0:
        picked = number // 4 % 3
        if picked != PRODUCT and allowed // 2**picked % 2 == 1:
            tree[KIND][gap] = picked
        return
    left = leaves[gap] if tree[LEFT][gap] == NONE else 0 * leaves[gap]
    right = leaves[gap + 1] if tree[RIGHT][gap] == NONE else 0 * leaves[gap]
    least = sizes[first] * sizes[gap + 1] * sizes[last + 1] if len(prices) == 0 else prices[first][gap + 1][last + 1]
    least += left + right
    if allowed // 2 % 2 == 1 and sizes[last + 1] * push[gap] + right < least:
        least = sizes[last + 1] * push[gap] + right
        tree[KIND][gap] = PUSHED
    if allowed // 4 == 1 and sizes[first] * pull[gap + 1] + left < least:
        tree[KIND][gap] = PULLED


def rotate(tree: Table, gap: int) -> int:
    """Put a gap in the place of the one above it; return that one."""
    above = tree[UP][gap]
    over = tree[UP][above]
    if tree[LEFT][above] == gap:
        inner = tree[RIGHT][gap]
        tree[RIGHT][gap] = above
        tree[LEFT][above] = inner
        tree[LAST][gap] = tree[LAST][above]
        tree[FIRST][above] = gap + 1
    else:
        inner = tree[LEFT][gap]
        tree[LEFT][gap] = above
        tree[RIGHT][above] = inner
        tree[FIRST][gap] = tree[FIRST][above]
        tree[LAST][above] = gap
    if inner != NONE:
        tree[UP][inner] = above
    tree[UP][above] = gap
    tree[UP][gap] = over
    if over != NONE:
        if tree[LEFT][over] == above:
            tree[LEFT][over] = gap
        else:
            tree[RIGHT][over] = gap
    return above


def copy(source: Table, to: Table) -> None:
    """Copy a tree."""
    for row in range(ROWS):
        for gap in range(len(source[row])):
            to[row][gap] = source[row][gap]


def improve(
    rounds: int,
    threshold: float,
    target: float,
    state: MutableSequence[int],
    workers: int,
    stage: Stage,
    splits: Sequence[Sequence[Sequence[int]]],
    kinds: Sequence[Sequence[Sequence[int]]],
    tree: Table,
    kept: Table,
    best: Table,
    times: Sequence[MutableSequence[float]],
    numbers: Sequence[MutableSequence[int]],
    lengths: MutableSequence[float],
) -> None:
    """Try so many moves, from ``tree`` on; the best tree found is left in ``best``.

    ``state``: the random number, the gaps at the top of the tree and of the best, and the noise of both. ``lengths``: how long
    the tree takes, and the best. It ends early where the best takes no longer than ``target``. A move is accepted that lengthens
    the tree by up to ``threshold`` times the best, at first, and by ever less.
    """
    gaps = len(tree[UP])
    number, root, noise, length = state[0], state[1], state[3], lengths[0]
    for at in range(rounds):
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
        copy(tree, kept)
        old_root = root
        number = number * 48271 % 2147483647
        if move == 8:
            noise = number if number % 4 > 0 else 0
        elif move < 4 and gap != root:
            above = rotate(tree, gap)
            if above == root:
                root = gap
            choose_kind(tree, above, number, stage)
            choose_kind(tree, gap, number // 32, stage)
        elif move < 5:
            allowed = kinds_allowed(tree, gap, stage)
            picked = number // 32 % 3
            if allowed // 2**picked % 2 == 0 or picked == tree[KIND][gap]:
                continue
            tree[KIND][gap] = picked
        else:
            table = number // 32 % len(splits)
            over, begin, end = tree[UP][gap], tree[FIRST][gap], tree[LAST][gap] + 1
            if move < 6:
                top = build(tree, splits[table], kinds[table], begin, end, over, numbers[0])
            else:
                number = number * 48271 % 2147483647
                top = begin + number % (end - 1 - begin)
                tree[UP][top] = over
                tree[FIRST][top] = begin
                tree[LAST][top] = end - 1
                tree[LEFT][top] = tree[RIGHT][top] = NONE
                if top > begin:
                    tree[LEFT][top] = build(tree, splits[table], kinds[table], begin, top + 1, top, numbers[0])
                table = number // 32 % len(splits)
                if end - 1 > top + 1:
                    tree[RIGHT][top] = build(tree, splits[table], kinds[table], top + 1, end, top, numbers[0])
                number = number * 48271 % 2147483647
                choose_kind(tree, top, number, stage)
            if over == NONE:
                root = top
            elif tree[LEFT][over] == gap:
                tree[LEFT][over] = top
            else:
                tree[RIGHT][over] = top
        new = abs(schedule(tree, root, noise, workers, stage, times, numbers))
        if new < lengths[1]:
            lengths[1] = new
            state[2], state[4] = root, noise
            copy(tree, best)
        if new <= length or (new - length) / lengths[1] <= threshold * (rounds - at) / rounds:
            length = new
        else:
            root, noise = old_root, old_noise
            copy(kept, tree)
    state[0], state[1], state[3] = number, root, noise
    lengths[0] = length
