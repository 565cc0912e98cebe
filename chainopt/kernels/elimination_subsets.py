"""Dynamic programming over which vertices have been eliminated: the kernel that proves graphs of few vertices.

What a vertex costs depends on which others have gone, not on their order. So the least cost at which a set can go is the least,
over the vertex that goes last, of what the others cost and what that one costs then. Sets are looked at in the order of their
bits as numbers, in which every set comes after those in it; what is known to lead to nothing better than an order at hand is not
looked at.

Graphs stand in the bit rows of `chainopt.kernels.elimination_order`, of one word: ``rows[plane][vertex]``, `BEHIND`, `BEFORE`,
and behind each its identities and its diagonal matrices; plane `COSTS` has what each vertex costs to eliminate, plane `BOUNDS`
what it costs at least, whatever else goes before it. In a ``stack`` of them ``stack[vertex]`` has the last one without a set
whose lowest vertex that is, ``built[vertex]`` is the set; it is made of the one without the others. At the end of both is the
whole graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    Rows: TypeAlias = Sequence[MutableSequence[int]]

BEHIND, BEFORE, COSTS, BOUNDS, PLANES = 0, 3, 6, 7, 8
UNIT, DIAGONAL = 1, 2
MOST_BITS = 62  # of a word: vertices and ends together
UNREACHED = -1


def ones(word: int) -> int:
    """Count the bits of a word that are set, at most 62: in pairs, fours and eights, and then all together."""
    word -= (word >> 1) & 0x5555555555555555
    word = (word & 0x3333333333333333) + ((word >> 2) & 0x3333333333333333)
    word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0F
    word += word >> 8
    word += word >> 16
    return (word + (word >> 32)) & 0x7F


def edges_weigh(rows: Rows, plane: int, vertex: int, sizes: Sequence[int], is_plain: int) -> int:
    """Return what the edges at one side of a vertex weigh together."""
    if is_plain:
        return ones(rows[plane][vertex])
    left = rows[plane][vertex] & ~rows[plane + 1][vertex]
    diagonal = rows[plane + 2][vertex]
    total = 0
    while left:
        bit = left & -left
        left ^= bit
        total += 1 if diagonal & bit else sizes[ones(bit - 1)]
    return total


def note_cost(rows: Rows, vertex: int, sizes: Sequence[int], is_plain: int) -> None:
    """Write down what a vertex costs to eliminate."""
    before = edges_weigh(rows, BEFORE, vertex, sizes, is_plain)
    rows[COSTS][vertex] = sizes[vertex] * before * edges_weigh(rows, BEHIND, vertex, sizes, is_plain) if before else 0


def join_rows(rows: Rows, plane: int, target: int, vertex: int, kind: int, is_plain: int) -> None:
    """Add the edges at one side of a vertex that is eliminated to those of a neighbor at its other side."""
    others = ~(1 << vertex)
    if is_plain:
        rows[plane][target] = (rows[plane][target] | rows[plane][vertex]) & others
        return
    new, unit, diagonal = rows[plane][vertex], rows[plane + 1][vertex], rows[plane + 2][vertex]
    if kind == DIAGONAL:
        diagonal, unit = diagonal | unit, 0
    elif kind != UNIT:
        diagonal, unit = 0, 0
    old = rows[plane][target] & others
    old_unit, old_diagonal = rows[plane + 1][target] & others, rows[plane + 2][target] & others
    both = (old_unit | old_diagonal) & (unit | diagonal)
    rows[plane][target] = old | new
    rows[plane + 1][target] = (old_unit & ~new) | (unit & ~old)
    rows[plane + 2][target] = (old_diagonal & ~new) | (diagonal & ~old) | both


def eliminate(source: Rows, rows: Rows, vertex: int, count: int, sizes: Sequence[int], without: Rows, is_plain: int) -> None:
    """Write down a graph without one more vertex."""
    for plane in range(PLANES):
        if plane % 3 == 0 or not is_plain:
            for node in range(len(sizes)):
                rows[plane][node] = source[plane][node]
    for node in range(count):
        rows[BOUNDS][node] = max(source[BOUNDS][node], without[vertex][node])
    for side in (BEHIND, BEFORE):
        neighbors = source[3 - side][vertex]
        while neighbors:
            bit = neighbors & -neighbors
            neighbors ^= bit
            kind = 0
            if not is_plain:
                kind = UNIT if source[4 - side][vertex] & bit else DIAGONAL if source[5 - side][vertex] & bit else 0
            join_rows(rows, side, ones(bit - 1), vertex, kind, is_plain)
    changed = (source[BEHIND][vertex] | source[BEFORE][vertex]) & ((1 << count) - 1)
    while changed:
        bit = changed & -changed
        changed ^= bit
        note_cost(rows, ones(bit - 1), sizes, is_plain)


def level_without(
    gone: int,
    stack: Sequence[Rows],
    built: MutableSequence[int],
    count: int,
    sizes: Sequence[int],
    without: Rows,
    is_plain: int,
) -> int:
    """Return where in the stack the graph without a set is, and see to it that it is there."""
    # From the lowest vertex up, until something is met that is there.
    prefix, level = gone, count
    while prefix:
        level = ones((prefix & -prefix) - 1)
        if built[level] == prefix:
            break
        prefix &= prefix - 1
        level = count
    # And down again, a vertex at a time.
    missing, vertex = gone ^ prefix, count - 1
    while missing:
        while not missing >> vertex & 1:
            vertex -= 1
        missing ^= 1 << vertex
        prefix |= 1 << vertex
        eliminate(stack[level], stack[vertex], vertex, count, sizes, without, is_plain)
        built[vertex] = prefix
        level = vertex
    return level


def order_subsets(
    stack: Sequence[Rows],
    built: MutableSequence[int],
    sizes: Sequence[int],
    alone: Sequence[int],
    without: Rows,
    is_plain: int,
    limit: int,
    least: MutableSequence[int],
    last: MutableSequence[int],
    begin: int,
    end: int,
) -> None:
    """Find the least costs of the sets that come right after those with the numbers from ``begin`` to ``end``.

    Parameters
    ----------
    stack : array of (vertices + 1, 7, vertices and ends) ints
        See above; at first the graph stands in its last place, without its costs.
    built : array of vertices + 1 ints
        The sets whose graphs without them are in the stack; 0 at first.
    sizes : sequence of int
        Of all vertices and ends.
    alone : sequence of int
        What each vertex costs at least, whatever has gone.
    without : array of (vertices, vertices) ints
        What each vertex, by columns, costs at least when another one has gone.
    is_plain : int
        1 where all sizes are 1 and all edges are dense, else 0.
    limit : int
        The cost of an order that is known: only what may become cheaper is looked at.
    least : array of 2**vertices ints
        What each set costs at least, `UNREACHED` where that is not known; of the empty one 0.
    last : array of the same length
        The vertex that goes last, for this cost.
    begin, end : int
        Sets, as numbers.
    """
    count = len(alone)
    for vertex in range(count):
        note_cost(stack[count], vertex, sizes, is_plain)
        stack[count][BOUNDS][vertex] = alone[vertex]
    for gone in range(begin, end):
        spent = least[gone]
        if spent == UNREACHED:
            continue
        rest = 0
        for vertex in range(count):
            rest += alone[vertex] * (1 - (gone >> vertex & 1))
        if spent + rest >= limit:
            continue
        rows = stack[level_without(gone, stack, built, count, sizes, without, is_plain)]
        costs, bounds = rows[COSTS], rows[BOUNDS]
        rest = 0
        for vertex in range(count):
            rest += bounds[vertex] * (1 - (gone >> vertex & 1))
        spare = limit - spent - rest
        if spare <= 0:
            continue
        for vertex in range(count):
            larger = gone | 1 << vertex
            if larger == gone or costs[vertex] - bounds[vertex] >= spare:
                continue
            total = spent + costs[vertex]
            if least[larger] == UNREACHED or total < least[larger]:
                least[larger] = total
                last[larger] = vertex
