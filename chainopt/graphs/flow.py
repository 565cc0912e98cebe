"""Which variables each is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator

    from chainopt.graphs.edges import Edge


class Flow:
    """The edges between numbered variables, from both ends.

    Attributes
    ----------
    tails : dict from int to list of int
        The variables that each is computed from.
    heads : dict from int to list of int
        The variables that are computed from each.
    """

    def __init__(self, nodes: Iterable[int], edges: Iterable[Edge] = ()) -> None:
        self.tails: dict[int, list[int]] = {node: [] for node in nodes}
        self.heads: dict[int, list[int]] = {node: [] for node in self.tails}
        for tail, head in edges:
            self.tails[head].append(tail)
            self.heads[tail].append(head)

    def __len__(self) -> int:
        return len(self.tails)

    def __contains__(self, node: int) -> bool:
        return node in self.tails

    def edges(self) -> Iterator[Edge]:
        """Yield the edges."""
        return ((tail, head) for tail, heads in self.heads.items() for head in heads)

    def beyond(self, nodes: Iterable[int]) -> set[int]:
        """Return these nodes and all that is computed from them."""
        return _reached(self.heads, nodes)

    def before(self, nodes: Iterable[int]) -> set[int]:
        """Return these nodes and all that they are computed from."""
        return _reached(self.tails, nodes)

    def restricted(self, nodes: Collection[int]) -> Flow:
        """Return the flow between some of the nodes."""
        if len(nodes) == len(self):
            return self
        return Flow(
            (node for node in self.tails if node in nodes),
            ((tail, head) for tail, head in self.edges() if tail in nodes and head in nodes),
        )

    def without(self, edges: Collection[Edge], ends: Container[int]) -> Flow:
        """Return the flow without some edges, and without those of their ends that these leave alone."""
        if not edges:
            return self
        kept = [edge for edge in self.edges() if edge not in edges]
        joined = {node for edge in kept for node in edge}
        return Flow((node for node in self.tails if node in joined or node not in ends), kept)


def _reached(neighbors: dict[int, list[int]], nodes: Iterable[int]) -> set[int]:
    reached = set(nodes)
    waiting = list(reached)
    while waiting:
        for node in neighbors[waiting.pop()]:
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return reached
