"""Branch and bound over the vertex that is eliminated last: the kernel of the method "exact" of vertex elimination.

What it costs to eliminate a vertex after others depends on which those are, not on their order. So of a connected set X of
intermediate vertices the one that is eliminated last, r, costs its size times the weight of the edges into it that are there
then, from the vertices around X that reach it through X, times that of the edges out of it; and X without r falls into
components that have nothing to do with each other: opt(X) is the least, over r, of the cost of r and opt of the components. Of
a path this is the interval program of the matrix chain problem. What a set costs at least, its vertex cuts say.

Graphs and sets are those of `chainopt.kernels.elimination_cuts`. What is known of sets stands in a ``table`` of open addresses:
the sets, a lower bound of each, and the vertex that is eliminated last, `UNKNOWN` as long as the bound is not known to be
reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from chainopt.kernels.elimination_cuts import BEFORE, BEHIND, cuts_bound, side_weight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.kernels.elimination_cuts import Graph, Ints

    Table: TypeAlias = tuple[Ints, Ints, Ints]

SOLVED, OUT_OF_STEPS, TABLE_FULL = 0, 1, 2
UNKNOWN = -1
# The rows of a level of the search.
SETS, LIMITS, BESTS, LASTS, CHOICES, PROMISES, COSTS, DONE, PARTS, ROWS = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
HASH, PRIME = 40503, 1000000007


def slot_of(table: Table, inside: int) -> int:
    """Return where a set stands in the table, or may be put."""
    sets = table[0]
    size = len(sets)
    slot = (inside ^ inside >> 31) % PRIME * HASH % size
    while sets[slot] != 0 and sets[slot] != inside:
        slot = (slot + 1) % size
    return slot


def move_entries(table: Table, larger: Table) -> None:
    """Put all that is known into a larger table."""
    for place in range(len(table[0])):
        if table[0][place] != 0:
            slot = slot_of(larger, table[0][place])
            for column in range(3):
                larger[column][slot] = table[column][place]


def component(neighbors: Sequence[int], inside: int) -> int:
    """Return the vertices of a set that are connected to the one with the lowest number, inside of it."""
    grown = inside & -inside
    rest, pending = inside ^ grown, grown
    while pending and rest:
        vertex, lowest = 0, pending & -pending
        pending ^= lowest
        while lowest >> vertex != 1:
            vertex += 1
        new = neighbors[vertex] & rest
        grown |= new
        pending |= new
        rest ^= new
    return grown


def prove(
    graph: Graph,
    count: int,
    neighbors: Sequence[int],
    alone: Sequence[int],
    everything: int,
    limit: int,
    table: Table,
    levels: Sequence[Sequence[Ints]],
    room: Sequence[Ints],
    reached: Ints,
    used: int,
    steps: int,
) -> tuple[int, int, int]:
    """Find out whether a connected set can be eliminated for less than ``limit``.

    Parameters
    ----------
    graph : tuple of arrays
        See above.
    count : int
        Its vertices, at most 62.
    neighbors : sequence of int
        The set of those that each has an edge to or from.
    alone : sequence of int
        What each costs at least.
    everything : int
        The set.
    limit : int
        What is of no interest.
    table : tuple of three arrays
        What is known; a search that was interrupted goes on from it.
    levels : array of (vertices + 1, 9, vertices + 2) ints
        Room for the levels of the search.
    room, reached : arrays
        Scratch of `cut_weight` and `side_weight`.
    used : int
        How many entries the table has; not more than half of its places are taken.
    steps : int
        How many sets are looked at before it gives up.

    Returns
    -------
    (int, int, int)
        `SOLVED`, `OUT_OF_STEPS` or `TABLE_FULL`; the least cost if it is below the limit, else a lower bound of at least that;
        how many entries the table has.
    """
    sets, least, lasts = table
    entered = 0
    depth = 0
    levels[0][SETS][0], levels[0][LIMITS][0] = everything, limit
    is_new = True
    value = 0
    while True:
        frame = levels[depth]
        inside, bound = frame[SETS][0], frame[LIMITS][0]
        if is_new:
            is_new = False
            slot = slot_of(table, inside)
            if sets[slot] == 0:
                if 2 * used >= len(sets):
                    return TABLE_FULL, 0, used
                sets[slot], lasts[slot] = inside, UNKNOWN
                least[slot] = cuts_bound(graph, count, inside, room)
                used += 1
            is_done = lasts[slot] != UNKNOWN or least[slot] >= bound
            value = least[slot]
            if not is_done:
                entered += 1
                if entered > steps:
                    return OUT_OF_STEPS, 0, used
                # The vertices that can be the last, those first that promise the least.
                found = 0
                for vertex in range(count):
                    if not inside >> vertex & 1:
                        continue
                    into = side_weight(graph, count, BEFORE, inside, vertex, reached, room[0])
                    cost = 0
                    if into > 0:
                        cost = graph[4][vertex] * into * side_weight(graph, count, BEHIND, inside, vertex, reached, room[0])
                    promise = cost
                    rest = inside ^ (1 << vertex)
                    while rest and promise < bound:
                        part = component(neighbors, rest)
                        rest ^= part
                        place = slot_of(table, part)
                        if sets[place] == part:
                            promise += least[place]
                        else:
                            for other in range(count):
                                if part >> other & 1:
                                    promise += alone[other]
                    if promise >= bound:
                        continue
                    place = found
                    while place > 0 and frame[PROMISES][place - 1] > promise:
                        frame[CHOICES][place] = frame[CHOICES][place - 1]
                        frame[PROMISES][place] = frame[PROMISES][place - 1]
                        frame[COSTS][place] = frame[COSTS][place - 1]
                        place -= 1
                    frame[CHOICES][place], frame[PROMISES][place], frame[COSTS][place] = vertex, promise, cost
                    found += 1
                frame[BESTS][0], frame[LASTS][0] = bound, UNKNOWN
                frame[DONE][0], frame[DONE][1] = 0, found
                frame[PARTS][0] = -1  # no vertex is being tried
        else:
            is_done = False
        if not is_done:
            # Go on with the vertex that is being tried, whose next component has the value, or with the next one.
            descend = False
            while True:
                if frame[PARTS][0] < 0:
                    if frame[DONE][0] == frame[DONE][1]:
                        break
                    choice = frame[DONE][0]
                    frame[DONE][0] += 1
                    if frame[PROMISES][choice] >= frame[BESTS][0]:
                        continue
                    frame[PARTS][0] = inside ^ (1 << frame[CHOICES][choice])  # what is left to be solved
                    frame[PARTS][1] = frame[COSTS][choice]  # what is spent
                    frame[PARTS][2] = frame[CHOICES][choice]
                else:
                    frame[PARTS][1] += value
                rest = frame[PARTS][0]
                # What is known of the other components bounds what the next one may cost.
                spare = frame[BESTS][0] - frame[PARTS][1]
                first, left = 0, rest
                while left:
                    part = component(neighbors, left)
                    left ^= part
                    if first == 0:
                        first = part
                    else:
                        place = slot_of(table, part)
                        if sets[place] == part:
                            spare -= least[place]
                        else:
                            for other in range(count):
                                if part >> other & 1:
                                    spare -= alone[other]
                if spare <= 0:
                    frame[PARTS][0] = -1
                    continue
                if rest == 0:
                    frame[BESTS][0], frame[LASTS][0] = frame[PARTS][1], frame[PARTS][2]
                    frame[PARTS][0] = -1
                    continue
                frame[PARTS][0] = rest ^ first
                levels[depth + 1][SETS][0], levels[depth + 1][LIMITS][0] = first, spare
                descend = True
                break
            if descend:
                depth += 1
                is_new = True
                continue
            slot = slot_of(table, inside)
            value = frame[BESTS][0]
            least[slot] = value
            lasts[slot] = frame[LASTS][0]
        if depth == 0:
            return SOLVED, value, used
        depth -= 1
        # A component that costs what was spared for it, or more, ends its vertex: the spending above shows that.
