"""What an order of vertex elimination costs, and threshold accepting over orders: the kernel of the method "annealing".

A graph of ``n`` intermediate vertices and ``m - n`` ends is held in bit rows, ``WORD`` bits a word: of each vertex those behind
it and those before it, and among them those whose edge is an identity, and those whose edge is diagonal. ``rows`` stacks these
six planes: ``rows[plane][vertex][word]``. Eliminating a vertex joins rows, a word at a time.

A product with an identity is free, one with a diagonal matrix of size s costs s times the other side, and two dense ones cost the
product of three sizes. So an edge weighs 0, 1 or the size of its other end, and a vertex costs its size times the weight of what
goes in times the weight of what goes out. Costs are floats: whoever calls counts the order that wins exactly.

A move takes a run of vertices to another place. What makes an order dearer is accepted by ever less: threshold accepting (Dueck
and Scheuer, 1990); an order is given up as soon as it costs more. Random numbers are those of Lehmer's generator, the same
everywhere.
"""

from __future__ import annotations

from math import frexp, log
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    Rows: TypeAlias = Sequence[Sequence[MutableSequence[int]]]

WORD = 62
BEHIND, BEFORE, PLANES = 0, 3, 6  # each of the first two is followed by its planes of identities and of diagonal matrices
DENSE, UNIT, DIAGONAL = 0, 1, 2
MODULUS, MULTIPLIER = 2147483647, 48271
FAR = 4  # one move in so many may go to any place


def kind_of(rows: Rows, plane: int, vertex: int, word: int, bit: int) -> int:
    """Return what the edge is that a bit in one of the planes `BEHIND` and `BEFORE` stands for."""
    if rows[plane + 1][vertex][word] & bit:
        return UNIT
    if rows[plane + 2][vertex][word] & bit:
        return DIAGONAL
    return DENSE


def weight(rows: Rows, plane: int, vertex: int, words: int, sizes: Sequence[float]) -> float:
    """Return what the edges at one side of a vertex weigh together."""
    total = 0.0
    for word in range(words):
        left = rows[plane][vertex][word] & ~rows[plane + 1][vertex][word]
        while left:
            bit = left & -left
            left ^= bit
            if rows[plane + 2][vertex][word] & bit:
                total += 1.0
            else:
                total += sizes[word * 62 + frexp(float(bit))[1] - 1]
    return total


def join(rows: Rows, plane: int, target: int, vertex: int, kind: int, gone: int, words: int) -> None:
    """Add the edges at one side of a vertex to those of a neighbor at its other side, behind an edge of a kind.

    ``gone`` is the vertex itself, whose bit the neighbor loses.
    """
    for word in range(words):
        new = rows[plane][vertex][word]
        new_unit = rows[plane + 1][vertex][word]
        new_diagonal = rows[plane + 2][vertex][word]
        if kind == DENSE:
            new_unit = 0
            new_diagonal = 0
        elif kind == DIAGONAL:
            new_diagonal = new_diagonal | new_unit
            new_unit = 0
        old = rows[plane][target][word]
        old_unit = rows[plane + 1][target][word]
        old_diagonal = rows[plane + 2][target][word]
        if gone // 62 == word:
            bit = 1 << (gone % 62)
            old &= ~bit
            old_unit &= ~bit
            old_diagonal &= ~bit
        both = (old_unit | old_diagonal) & (new_unit | new_diagonal)
        rows[plane][target][word] = old | new
        rows[plane + 1][target][word] = (old_unit & ~new) | (new_unit & ~old)
        rows[plane + 2][target][word] = (old_diagonal & ~new) | (new_diagonal & ~old) | both


def join_dense(rows: Rows, plane: int, target: int, vertex: int, gone: int, words: int) -> None:
    """Do the same where all edges are dense."""
    for word in range(words):
        rows[plane][target][word] |= rows[plane][vertex][word]
    rows[plane][target][gone // 62] &= ~(1 << (gone % 62))


def copied(given: Rows, rows: Rows, all_dense: int) -> None:
    """Copy the rows of a graph; where all edges are dense, there are none of identities and diagonal matrices."""
    for plane in range(PLANES):
        if all_dense and plane % 3 != 0:
            continue
        for vertex in range(len(given[0])):
            for word in range(len(given[0][0])):
                rows[plane][vertex][word] = given[plane][vertex][word]


def taken_out(rows: Rows, sizes: Sequence[float], vertex: int, all_dense: int) -> float:
    """Eliminate a vertex, and return what that costs."""
    words = len(rows[0][0])
    cost = 0.0
    into = weight(rows, BEFORE, vertex, words, sizes)
    if into > 0.0:
        cost = sizes[vertex] * into * weight(rows, BEHIND, vertex, words, sizes)
    for word in range(words):
        left = rows[BEFORE][vertex][word]
        while left:
            bit = left & -left
            left ^= bit
            neighbor = word * 62 + frexp(float(bit))[1] - 1
            if all_dense:
                join_dense(rows, BEHIND, neighbor, vertex, vertex, words)
            else:
                join(rows, BEHIND, neighbor, vertex, kind_of(rows, BEFORE, vertex, word, bit), vertex, words)
        left = rows[BEHIND][vertex][word]
        while left:
            bit = left & -left
            left ^= bit
            neighbor = word * 62 + frexp(float(bit))[1] - 1
            if all_dense:
                join_dense(rows, BEFORE, neighbor, vertex, vertex, words)
            else:
                join(rows, BEFORE, neighbor, vertex, kind_of(rows, BEHIND, vertex, word, bit), vertex, words)
    return cost


def anneal_orders(
    given: Rows,
    saved: Sequence[Rows],
    rows: Rows,
    sizes: Sequence[float],
    all_dense: int,
    order: MutableSequence[int],
    trial: MutableSequence[int],
    best: MutableSequence[int],
    costs: Sequence[MutableSequence[float]],
    steps: int,
    hottest: float,
    coolest: float,
    seed: int,
) -> float:
    """Improve an order in place, and return the cost of the best that was met, which is left in ``best``.

    Which vertices have gone decides what a vertex costs, not their order. So a move changes what is between its two places alone:
    the graph is kept as it is at some places of the order, and only from the last one before a move to its end are vertices
    eliminated anew.

    Parameters
    ----------
    given : array of (6, vertices, words) ints
        The graph.
    saved : array of (places, 6, vertices, words) ints
        Room for the graph at some places of the order, evenly spaced.
    rows : array of (6, vertices, words) ints
        Scratch.
    sizes : sequence of float
        Of all vertices and ends.
    all_dense : int
        1 if no edge is an identity, or diagonal; else 0.
    order, trial, best : sequences of int
        The order to begin with, and room for two more.
    costs : array of (2, vertices) floats
        Scratch.
    steps : int
        How many orders are looked at.
    hottest, coolest : float
        By which share of its cost an order may become dearer, in the mean, at the first and the last step.
    seed : int
        From 1 to 2147483646.
    """
    count = len(order)
    spacing = (count + len(saved) - 1) // len(saved)
    cost = 0.0
    copied(given, rows, all_dense)
    for place in range(count):
        if place % spacing == 0:
            copied(rows, saved[place // spacing], all_dense)
        costs[0][place] = taken_out(rows, sizes, order[place], all_dense)
        cost += costs[0][place]
        best[place] = order[place]
    lowest = cost
    state = seed
    for step in range(steps):
        heat = hottest * (coolest / hottest) ** (step / steps)
        state = state * MULTIPLIER % MODULUS
        begin = state % count
        state = state * MULTIPLIER % MODULUS
        length = 1
        if state % 4 == 0:
            length = 1 + state // 4 % 8
        if begin + length > count:
            length = count - begin
        rest = count - length
        state = state * MULTIPLIER % MODULUS
        if state % FAR == 0:
            place = state // FAR % (rest + 1)
        else:
            place = begin - 8 + state // FAR % 17
            place = min(max(place, 0), rest)
        if place == begin:
            continue
        # The run comes to ``place`` among the others, which close the gap that it leaves.
        low, high = min(begin, place), max(begin, place) + length
        source = low
        for target in range(low, high):
            if place <= target < place + length:
                trial[target] = order[begin + target - place]
            else:
                if source == begin:
                    source += length
                trial[target] = order[source]
                source += 1
        state = state * MULTIPLIER % MODULUS
        limit = cost - cost * heat * log(state / MODULUS)
        found = cost
        for target in range(low, high):
            found -= costs[0][target]
        last = low // spacing
        copied(saved[last], rows, all_dense)
        for target in range(last * spacing, low):
            taken_out(rows, sizes, order[target], all_dense)
        target = low
        while target < high and found <= limit:
            costs[1][target] = taken_out(rows, sizes, trial[target], all_dense)
            found += costs[1][target]
            target += 1
        if found > limit:
            continue
        cost = found
        for target in range(low, high):
            order[target] = trial[target]
            costs[0][target] = costs[1][target]
        final = (high - 1) // spacing
        if final > last:
            copied(saved[last], rows, all_dense)
            for target in range(last * spacing, final * spacing):
                taken_out(rows, sizes, order[target], all_dense)
                if (target + 1) % spacing == 0:
                    copied(rows, saved[(target + 1) // spacing], all_dense)
        if cost < lowest:
            lowest = cost
            for target in range(count):
                best[target] = order[target]
    return lowest
