"""The vertices of a graph of partial derivatives eliminated, in the order that takes the least scalar operations."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from chainopt.jax.elimination.values import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chainopt.jax.elimination.code import Code
    from chainopt.jax.elimination.values import Graph

Entries = dict[tuple[int, int], int]  # the Jacobian: by row and column, the node of what is not zero


class State:
    """A graph while its vertices are eliminated; rows are vertices of their own, behind all others.

    Parameters
    ----------
    graph : Graph
    rows : sequence of int
        The vertex of each row of the Jacobian, or -1.
    """

    def __init__(self, graph: Graph, rows: Sequence[int]) -> None:
        self.code, self.sources = graph.code, graph.sources
        self.into: dict[int, dict[int, int]] = {}
        self.out_of: dict[int, dict[int, int]] = {}
        self.rows = {-2 - row: vertex for row, vertex in enumerate(rows) if vertex != ZERO}
        pending = [*self.rows.values()]
        while pending:
            vertex = pending.pop()
            if vertex not in self.into:
                self.into[vertex] = dict(graph.into[vertex])
                pending += graph.into[vertex]
        one = self.code.constant(1, "float32")
        self.into |= {row: {vertex: one} for row, vertex in self.rows.items()}
        for head, edges in self.into.items():
            self.out_of.setdefault(head, {})
            for tail, partial in edges.items():
                self.out_of.setdefault(tail, {})[head] = partial
        self.inner = sorted(vertex for vertex in self.into if vertex >= self.sources)

    def copy(self) -> State:
        """Return the same, to be eliminated in another order."""
        made = object.__new__(State)
        made.code, made.sources, made.rows, made.inner = self.code, self.sources, self.rows, list(self.inner)
        made.into = {vertex: dict(edges) for vertex, edges in self.into.items()}
        made.out_of = {vertex: dict(edges) for vertex, edges in self.out_of.items()}
        return made

    def cost(self, vertex: int) -> int:
        """Return how many products the elimination of a vertex takes: those with 1 and -1 are none."""
        left = sum(not self.code.is_unit(partial) for partial in self.into[vertex].values())
        right = sum(not self.code.is_unit(partial) for partial in self.out_of[vertex].values())
        return left * right

    def eliminate(self, vertex: int) -> None:
        """Connect the neighbors of a vertex, and take it out."""
        before, after = self.into.pop(vertex), self.out_of.pop(vertex)
        for tail in before:
            del self.out_of[tail][vertex]
        for head, second in after.items():
            edges = self.into[head]
            del edges[vertex]
            for tail, first in before.items():
                product = self.code.product(first, second)
                total = self.code.total(edges[tail], product) if tail in edges else product
                if self.code.number(total) == 0:
                    edges.pop(tail, None)
                    self.out_of[tail].pop(head, None)
                else:
                    edges[tail] = self.out_of[tail][head] = total

    def contract(self) -> None:
        """Eliminate what has one neighbor before it and one behind it, or costs nothing and adds nothing, first."""
        is_changed = True
        while is_changed:
            is_changed = False
            for vertex in list(self.inner):
                before, after = self.into[vertex], self.out_of[vertex]
                is_line = len(before) == 1 and len(after) == 1
                if is_line or (min(len(before), len(after)) == 1 and self._is_free(before, after)):
                    self.eliminate(vertex)
                    self.inner.remove(vertex)
                    is_changed = True

    def _is_free(self, before: dict[int, int], after: dict[int, int]) -> bool:
        few = before if len(before) == 1 else after
        return all(map(self.code.is_unit, few.values()))

    def entries(self) -> Entries:
        """Return the Jacobian once all is eliminated."""
        return {(-2 - row, tail): partial for row in self.rows for tail, partial in self.into[row].items()}


def forward(state: State) -> Iterable[int]:
    """Yield the vertices as they are computed."""
    return iter(state.inner)


def reverse(state: State) -> Iterable[int]:
    """Yield the vertices from the last to the first."""
    return reversed(state.inner)


def markowitz(state: State) -> Iterable[int]:
    """Yield the vertex that costs the least then."""
    costs = {vertex: state.cost(vertex) for vertex in state.inner}
    heap = [(cost, vertex) for vertex, cost in costs.items()]
    heapify(heap)
    while heap:
        cost, vertex = heappop(heap)
        if costs.get(vertex) != cost:
            continue
        del costs[vertex]
        neighbors = [*state.into[vertex], *state.out_of[vertex]]
        yield vertex
        for neighbor in neighbors:
            if neighbor in costs and (new := state.cost(neighbor)) != costs[neighbor]:
                costs[neighbor] = new
                heappush(heap, (new, neighbor))


ORDERS = {"reverse": reverse, "forward": forward, "markowitz": markowitz}


def eliminated(graph: Graph, rows: Sequence[int]) -> Entries:
    """Return the entries of the Jacobian, by the order that needs the fewest operations."""
    start = State(graph, rows)
    start.contract()
    best: tuple[int, Entries] | None = None
    for order in ORDERS.values():
        state = start.copy()
        for vertex in order(state):
            state.eliminate(vertex)
        entries = state.entries()
        count = operations(graph.code, entries)
        if best is None or count < best[0]:
            best = count, entries
    assert best is not None
    return best[1]


def operations(code: Code, entries: Entries) -> int:
    """Return how many operations the code of some entries has."""
    return sum(bool(code.nodes[node].operands) for node in code.needed(entries.values()))
