"""The graph of partial derivatives: a vertex for each number that a tangent goes through, edges by the code of the partials."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from chainopt.jax.elimination.code import Code

ZERO = -1  # the tangent that is zero


class Graph:
    """Vertices by number, each behind those that it depends on.

    Attributes
    ----------
    into : list of dict
        For each vertex the partial derivative by each of those that it is computed from.
    sources : int
        How many inputs there are: the first vertices.
    """

    def __init__(self, code: Code) -> None:
        self.code = code
        self.into: list[dict[int, int]] = []
        self.sources = 0
        self._known: dict[Hashable, int] = {}

    def source(self) -> int:
        """Add an input."""
        self.into.append({})
        self.sources = len(self.into)
        return self.sources - 1

    def vertex(self, terms: Iterable[tuple[int, int]]) -> int:
        """Add the sum of some vertices, each times a number of the code; what is one vertex itself is that one."""
        edges: dict[int, int] = {}
        for tail, partial in terms:
            if tail != ZERO:
                edges[tail] = self.code.total(edges[tail], partial) if tail in edges else partial
        edges = {tail: partial for tail, partial in edges.items() if self.code.number(partial) != 0}
        if not edges:
            return ZERO
        if len(edges) == 1:
            ((tail, partial),) = edges.items()
            if self.code.number(partial) == 1:
                return tail
        key = frozenset(edges.items())
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = len(self.into)
            self.into.append(edges)
        return known
