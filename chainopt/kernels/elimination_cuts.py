"""What the edges of an eliminated graph weigh, and the least weights of vertex cuts: how cheap a vertex can become.

A vertex costs at least its size times the least weights of vertex cuts before and behind it: whatever is eliminated, its
neighbors cut it off. Weights are those of `chainopt.kernels.elimination_order`: 0 for an identity, 1 for a diagonal matrix,
else the size of the other end.

A ``graph`` has ``count`` vertices in topological order and ends behind them, and two sides, `BEFORE` and `BEHIND`. Of each side
``starts``, ``ends`` and ``kinds`` hold the neighbors of all of them as compressed rows, and ``mates`` the place of each edge
at the other side; ``sizes`` is the last of the tuple. Sets are the bits of an int, at most 62 of them; -1 is the set of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    Ints: TypeAlias = MutableSequence[int]
    Sides: TypeAlias = Sequence[Sequence[int]]
    Graph: TypeAlias = tuple[Sides, Sides, Sides, Sides, Sequence[int]]

BEFORE, BEHIND = 0, 1
DENSE, UNIT, DIAGONAL, NOTHING = 0, 1, 2, 3
UNLIMITED = 1 << 60
OWN = -2  # reached from the other half of the same vertex


def product_kind(one: int, other: int) -> int:
    """Return what the product of two edges is."""
    if one == UNIT:
        return other
    if other == UNIT:
        return one
    return DIAGONAL if one == DIAGONAL and other == DIAGONAL else DENSE


def sum_kind(one: int, other: int) -> int:
    """Return what two parallel edges are together."""
    if one == NOTHING:
        return other
    return DENSE if DENSE in (one, other) else DIAGONAL


def lighter_kind(one: int, other: int) -> int:
    """Return which of two kinds can weigh less."""
    if UNIT in (one, other):
        return UNIT
    return DIAGONAL if DIAGONAL in (one, other) else DENSE


def kind_weight(kind: int, size: int) -> int:
    """Return what an edge weighs whose other end has this size."""
    if kind == DENSE:
        return size
    return 1 if kind == DIAGONAL else 0


def holds(inside: int, vertex: int) -> bool:
    """Whether a set holds a vertex; -1 is the set of all, however many there are."""
    return inside < 0 or (inside >> vertex & 1) == 1


def side_weight(graph: Graph, count: int, side: int, inside: int, vertex: int, reached: Ints, around: Ints) -> int:
    """Return what the edges at a side of a vertex weigh when all others of a set are eliminated.

    ``reached`` is scratch, `NOTHING` everywhere, and so it is left; ``around`` has room for all vertices and ends.
    """
    starts, ends, kinds, _, sizes = graph
    found, total = 0, 0
    reached[vertex] = UNIT
    position = vertex
    while 0 <= position < count:
        kind = reached[position]
        if kind != NOTHING and (position == vertex or holds(inside, position)):
            reached[position] = NOTHING
            for index in range(starts[side][position], starts[side][position + 1]):
                neighbor = ends[side][index]
                if reached[neighbor] == NOTHING and (neighbor >= count or not holds(inside, neighbor)):
                    around[found] = neighbor
                    found += 1
                reached[neighbor] = sum_kind(reached[neighbor], product_kind(kinds[side][index], kind))
        position += 2 * side - 1
    for index in range(found):
        neighbor = around[index]
        total += kind_weight(reached[neighbor], sizes[neighbor])
        reached[neighbor] = NOTHING
    return total


def capacities(graph: Graph, count: int, side: int, inside: int, vertex: int, kind: Ints, limit: Ints) -> None:
    """Write down the least that an edge between a vertex and each other one can weigh, whatever is eliminated of a set."""
    starts, ends, kinds, _, sizes = graph
    for node in range(len(sizes)):
        kind[node] = NOTHING
    kind[vertex] = UNIT
    position = vertex
    while 0 <= position < count:
        if kind[position] != NOTHING and (position == vertex or holds(inside, position)):
            for index in range(starts[side][position], starts[side][position + 1]):
                neighbor = ends[side][index]
                new = product_kind(kinds[side][index], kind[position])
                kind[neighbor] = new if kind[neighbor] == NOTHING else lighter_kind(kind[neighbor], new)
        position += 2 * side - 1
    for node in range(len(sizes)):
        limit[node] = kind_weight(kind[node], sizes[node])


def augmenting_path(
    graph: Graph,
    count: int,
    side: int,
    inside: int,
    vertex: int,
    limit: Ints,
    flow: Ints,
    on: Ints,
    by: Sequence[Ints],
    queue: Ints,
) -> int:
    """Search for a way out of a set along which more can flow, and return its end; -1 where there is none.

    A vertex has an entry, half 0, and an exit, half 1, and between them its capacity. ``by`` says of each half along which
    edge it was reached, plus 1, or `OWN`; 0 where it was not.
    """
    starts, ends, _, mates, _ = graph
    for node in range(len(limit)):
        by[0][node] = 0
        by[1][node] = 0
    by[1][vertex] = OWN
    queue[0] = 2 * vertex + 1
    head, tail = 0, 1
    while head < tail:
        node, half = queue[head] // 2, queue[head] % 2
        head += 1
        if half == 1:
            if node != vertex and (node >= count or not holds(inside, node)):
                return node
            for index in range(starts[side][node], starts[side][node + 1]):
                neighbor = ends[side][index]
                if by[0][neighbor] == 0:
                    by[0][neighbor] = index + 1
                    queue[tail] = 2 * neighbor
                    tail += 1
            if node != vertex and flow[node] > 0 and by[0][node] == 0:
                by[0][node] = OWN
                queue[tail] = 2 * node
                tail += 1
        else:
            if flow[node] < limit[node] and by[1][node] == 0:
                by[1][node] = OWN
                queue[tail] = 2 * node + 1
                tail += 1
            for index in range(starts[1 - side][node], starts[1 - side][node + 1]):  # back along what flows here
                other, edge = ends[1 - side][index], mates[1 - side][index]
                if on[edge] > 0 and by[1][other] == 0:
                    by[1][other] = edge + 1
                    queue[tail] = 2 * other + 1
                    tail += 1
    return -1


def flow_along(
    graph: Graph, side: int, vertex: int, end: int, amount: int, limit: Sequence[int], flow: Ints, on: Ints, by: Sequence[Ints]
) -> int:
    """Return how much more can flow along the path that was found, at most ``amount``; send it where ``amount`` is negative."""
    _, ends, _, mates, _ = graph
    node, half = end, 1
    while not (node == vertex and half == 1):
        step = by[half][node]
        if step == OWN:
            if amount < 0:
                flow[node] += -amount if half == 1 else amount
            else:
                amount = min(amount, limit[node] - flow[node] if half == 1 else flow[node])
            half = 1 - half
        elif half == 1:  # against an edge out of this vertex
            if amount < 0:
                on[step - 1] += amount
            else:
                amount = min(amount, on[step - 1])
            node, half = ends[side][step - 1], 0
        else:
            if amount < 0:
                on[step - 1] -= amount
            node, half = ends[1 - side][mates[side][step - 1]], 1
    return amount


def cut_weight(graph: Graph, count: int, side: int, inside: int, vertex: int, room: Sequence[Ints]) -> int:
    """Return the least weight of vertices that cut a vertex off from what is around a set: a maximum flow by shortest paths.

    ``room`` is scratch: seven rows, each of twice as many places as there are vertices, ends and edges.
    """
    limit, flow, on, queue, kind = room[0], room[1], room[2], room[3], room[4]
    by = room[5:7]
    capacities(graph, count, side, inside, vertex, kind, limit)
    for node in range(len(graph[4])):
        flow[node] = 0
    for index in range(len(graph[1][side])):
        on[index] = 0
    total = 0
    while True:
        end = augmenting_path(graph, count, side, inside, vertex, limit, flow, on, by, queue)
        if end < 0:
            return total
        amount = flow_along(graph, side, vertex, end, UNLIMITED, limit, flow, on, by)
        flow_along(graph, side, vertex, end, -amount, limit, flow, on, by)
        total += amount


def cuts_bound(graph: Graph, count: int, inside: int, room: Sequence[Ints]) -> int:
    """Return what eliminating a set costs at least, by the vertex cuts of each of its vertices."""
    total = 0
    for vertex in range(count):
        if holds(inside, vertex):
            before = cut_weight(graph, count, BEFORE, inside, vertex, room)
            if before > 0:
                total += graph[4][vertex] * before * cut_weight(graph, count, BEHIND, inside, vertex, room)
    return total
