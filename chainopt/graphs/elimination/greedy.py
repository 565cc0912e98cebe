"""The classic orders of elimination: forward, reverse, and by the lowest degree."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from chainopt.graphs.elimination.replay import replay_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.graphs.elimination.budget import Budget
    from chainopt.graphs.elimination.problem import EliminationProblem

LOOKS = 500  # vertices between two looks at the clock


def forward(problem: EliminationProblem, _budget: Budget | None = None) -> list[int]:
    """Return the vertices as they are computed."""
    return list(range(problem.count))


def reverse(problem: EliminationProblem, _budget: Budget | None = None) -> list[int]:
    """Return the vertices from the last to the first."""
    return list(range(problem.count))[::-1]


def markowitz(problem: EliminationProblem, budget: Budget) -> list[int]:
    """Return, again and again, the vertex of lowest degree; of equal ones the first in topological order.

    The degree is what it costs to eliminate the vertex then.
    """
    return _lowest(problem, [0] * problem.count, budget)


def relative_markowitz(problem: EliminationProblem, budget: Budget) -> list[int]:
    """Do the same with the degree less what the vertex would cost if it were eliminated last.

    Then its neighbors are all inputs and outputs that it is connected to.
    """
    into = _reach(problem, range(problem.count, problem.count + problem.inputs), forwards=True)
    out_of = _reach(problem, problem.outputs, forwards=False)
    last = [problem.sizes[vertex] * into[vertex] * out_of[vertex] for vertex in range(problem.count)]
    return _lowest(problem, last, budget)


def _lowest(problem: EliminationProblem, subtracted: Sequence[int], budget: Budget) -> list[int]:
    """Return the order; as soon as the time is over, the rest as it stands."""
    replay = replay_of(problem)
    degrees = [replay.degree(vertex) - subtracted[vertex] for vertex in range(problem.count)]
    heap = [(degree, vertex) for vertex, degree in enumerate(degrees)]
    heapify(heap)
    gone = [False] * problem.count
    order = []
    while heap:
        degree, vertex = heappop(heap)
        if gone[vertex] or degree != degrees[vertex]:
            continue
        gone[vertex] = True
        order.append(vertex)
        if len(order) % LOOKS == 0 and budget.is_over():
            return [*order, *(vertex for vertex in range(problem.count) if not gone[vertex])]
        changed = [neighbor for neighbor in replay.neighbors(vertex) if 0 <= neighbor < problem.count]
        replay.eliminate(vertex)
        for neighbor in changed:
            degree = replay.degree(neighbor) - subtracted[neighbor]
            if degree != degrees[neighbor]:
                degrees[neighbor] = degree
                heappush(heap, (degree, neighbor))
    return order


def _reach(problem: EliminationProblem, ends: Sequence[int], *, forwards: bool) -> list[int]:
    """Return for each vertex the total size of the ends that it is connected to."""
    neighbors: list[list[int]] = [[] for _ in problem.names]
    for tail, head in problem.edges:
        neighbors[head if forwards else tail].append(tail if forwards else head)
    reached = [0] * len(problem.names)  # sets, a bit for each end
    for bit, end in enumerate(ends):
        reached[end] = 1 << bit
    vertices = range(problem.count)
    for vertex in vertices if forwards else vertices[::-1]:
        for neighbor in neighbors[vertex]:
            reached[vertex] |= reached[neighbor]
    sizes = [problem.sizes[end] for end in ends]
    return [sum(size for bit, size in enumerate(sizes) if reached[vertex] >> bit & 1) for vertex in vertices]


CLASSIC: dict[str, Callable[[EliminationProblem, Budget], list[int]]] = {
    "forward": forward,
    "reverse": reverse,
    "markowitz": markowitz,
    "relative-markowitz": relative_markowitz,
}
