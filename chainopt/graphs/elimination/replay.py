"""An order of elimination replayed: what each vertex costs, as exact ints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chainopt.graphs.elimination.problem import DENSE, DIAGONAL, UNIT
from chainopt.graphs.elimination.vertex_elimination import VertexElimination

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chainopt.graphs.elimination.problem import EliminationProblem
    from chainopt.typing import Cost


class Replay(Protocol):
    """A graph whose vertices are eliminated one by one."""

    def eliminate(self, vertex: int) -> Cost:
        """Eliminate a vertex, and return what that costs."""

    def degree(self, vertex: int) -> int:
        """Return the Markowitz degree of a vertex, in multiplications."""

    def neighbors(self, vertex: int) -> list[int]:
        """Return the vertices and ends that it has edges to and from."""

    def remaining(self) -> Cost:
        """Return the cost that is left when all vertices are eliminated."""


class KindReplay:
    """An elimination in which edges are identities, diagonal or dense.

    Parameters
    ----------
    problem : EliminationProblem
        Whose edges all have a kind.
    """

    def __init__(self, problem: EliminationProblem) -> None:
        assert problem.kinds is not None
        self._sizes = problem.sizes
        self._before: list[dict[int, int]] = [{} for _ in problem.names]
        self._behind: list[dict[int, int]] = [{} for _ in problem.names]
        for (tail, head), kind in problem.kinds.items():
            self._before[head][tail] = self._behind[tail][head] = kind

    def eliminate(self, vertex: int) -> int:
        """Eliminate a vertex, and return what that costs."""
        cost = self.degree(vertex)
        before, behind = self._before[vertex], self._behind[vertex]
        self._before[vertex], self._behind[vertex] = {}, {}
        for tail in before:
            del self._behind[tail][vertex]
        for head in behind:
            del self._before[head][vertex]
        for tail, right in before.items():
            row = self._behind[tail]
            for head, left in behind.items():
                kind = left if right == UNIT else right if left == UNIT else DIAGONAL if left == right == DIAGONAL else DENSE
                other = row.get(head)
                if other is not None:
                    kind = DENSE if DENSE in {kind, other} else DIAGONAL
                row[head] = self._before[head][tail] = kind
        return cost

    def degree(self, vertex: int) -> int:
        """Return what it costs to eliminate a vertex now."""
        before, behind = self._before[vertex], self._behind[vertex]
        return self._sizes[vertex] * self._weight(before) * self._weight(behind) if before and behind else 0

    def neighbors(self, vertex: int) -> list[int]:
        """Return the vertices and ends that it has edges to and from."""
        return [*self._before[vertex], *self._behind[vertex]]

    def edges_at(self, vertex: int) -> Iterator[tuple[int, int, int]]:
        """Yield the edges into and out of a vertex: tail, head and kind."""
        yield from ((tail, vertex, kind) for tail, kind in self._before[vertex].items())
        yield from ((vertex, head, kind) for head, kind in self._behind[vertex].items())

    def cost_of(self, order: Iterable[int]) -> int:
        """Return what it costs to eliminate some vertices now; the edges stay as they are."""
        before, behind = self._before, self._behind
        self._before, self._behind = [edges.copy() for edges in before], [edges.copy() for edges in behind]
        cost = sum([self.eliminate(vertex) for vertex in order])
        self._before, self._behind = before, behind
        return cost

    def components(self, vertices: Iterable[int]) -> list[list[int]]:
        """Return which of some vertices are connected through each other, in ascending order."""
        left = dict.fromkeys(vertices)
        components = []
        while left:
            component, pending = [], [left.popitem()[0]]
            while pending:
                vertex = pending.pop()
                component.append(vertex)
                for neighbor in self.neighbors(vertex):
                    if neighbor in left:
                        del left[neighbor]
                        pending.append(neighbor)
            components.append(sorted(component))
        return components

    def remaining(self) -> int:
        """Return the cost that is left when all vertices are eliminated: none."""
        return 0

    def _weight(self, edges: dict[int, int]) -> int:
        sizes = self._sizes
        return sum([sizes[end] if kind == DENSE else 1 if kind == DIAGONAL else 0 for end, kind in edges.items()])


class StructuredReplay:
    """An elimination in which edges have any structure, or are matrix-free."""

    def __init__(self, problem: EliminationProblem) -> None:
        self._elimination = VertexElimination(problem.stage, problem.edges, problem.sizes, problem.model)

    def eliminate(self, vertex: int) -> Cost:
        """Eliminate a vertex, and return what that costs."""
        return self._elimination.eliminate(vertex)

    def degree(self, vertex: int) -> int:
        """Return the Markowitz degree, in which all but identities count as dense."""
        return self._elimination.degree(vertex)

    def neighbors(self, vertex: int) -> list[int]:
        """Return the vertices and ends that it has edges to and from."""
        return [*self._elimination.before[vertex], *self._elimination.after[vertex]]

    def remaining(self) -> Cost:
        """Return the cost of the matrices of the edges that are left."""
        return sum(
            (
                partial.accumulation
                for end in self._elimination.stage.outputs
                for partial in self._elimination.before[end].values()
            ),
            0,
        )


def replay_of(problem: EliminationProblem) -> Replay:
    """Return what replays orders of a problem."""
    return StructuredReplay(problem) if problem.kinds is None else KindReplay(problem)


def cost_of(problem: EliminationProblem, order: Iterable[int], limit: Cost | None = None) -> Cost | None:
    """Return what an order costs; None where that is ``limit`` or more."""
    replay = replay_of(problem)
    total: Cost = 0
    for vertex in order:
        total += replay.eliminate(vertex)
        if limit is not None and total >= limit:
            return None
    total += replay.remaining()
    return None if limit is not None and total >= limit else total
