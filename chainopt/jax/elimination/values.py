"""What stands for an array, and for a tangent, while scalar code is written, and the graph of partial derivatives of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from chainopt.jax.elimination.code import Code
    from chainopt.typing import IntArray, NumpyArray


@dataclass(frozen=True, eq=False)
class Whole:
    """An array that does not depend on the inputs, and is there as a whole when the code runs."""

    number: int


@dataclass(frozen=True, eq=False)
class Cells:
    """An array whose entries are numbers of the code."""

    ids: IntArray


@dataclass(frozen=True, eq=False)
class Slopes:
    """A tangent: its entries are vertices of the graph of partial derivatives, -1 for those that are zero."""

    ids: IntArray


Value: TypeAlias = "NumpyArray | Whole | Cells | Slopes"


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
