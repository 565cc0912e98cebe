"""Stages of traced code whose Jacobian is known: a matrix that the program holds, between entrywise functions."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chainopt.graphs.computation_graph import ComputationGraph
    from chainopt.graphs.edges import Edge
    from chainopt.graphs.liveness import Line, Stage


class ScaledMatrix(NamedTuple):
    """A stage from one variable to one other: ``last(W first(x))``, with ``first`` and ``last`` entrywise.

    Its Jacobian is W with its columns and rows scaled by the slopes of the two. Without a product it is diagonal.

    Attributes
    ----------
    first, last : tuple of int
        The variables that are computed before and behind the product.
    product : (int, int), optional
        The edge whose matrix is W.
    """

    first: tuple[int, ...]
    product: Edge | None
    last: tuple[int, ...]


class _Follower:
    """Follows what is computed from one variable, as long as the Jacobian by it is a scaled matrix."""

    def __init__(self, graph: ComputationGraph, begin: int) -> None:
        assert graph.operations is not None
        self.flow, self.operations = graph.flow, graph.operations
        self.alike = {begin}  # what is known by its entries alone, from the beginning or from the product on
        self.product: Edge | None = None
        self.first: list[int] = []
        self.last: list[int] = []

    def follows(self, node: int) -> bool:
        """Take one more variable in, if the Jacobian of what is followed stays a scaled matrix."""
        tails = self.flow.tails[node]
        if not self.alike.issuperset(tails):
            return False
        if all((tail, node) in self.operations.entrywise for tail in tails):
            self.alike.add(node)
            (self.first if self.product is None else self.last).append(node)
            return True
        if self.product is None and len(tails) == 1 and (tails[0], node) in self.operations.matrices:
            self.product, self.alike = (tails[0], node), {node}
            return True
        return False

    def scaled_matrix(self) -> ScaledMatrix:
        return ScaledMatrix(tuple(self.first), self.product, tuple(self.last))


def scaled_matrix(graph: ComputationGraph, stage: Stage) -> ScaledMatrix | None:
    """Recognize a stage whose Jacobian is known; None for any other."""
    if len(stage.inputs) != 1 or len(stage.outputs) != 1 or not stage.computed:
        return None
    follower = _Follower(graph, stage.inputs[0])
    if all(map(follower.follows, stage.computed)) and stage.outputs[0] in follower.alike:
        return follower.scaled_matrix()
    return None


def known_runs(line: Line, begin: int, end: int) -> Iterator[tuple[int, int, ScaledMatrix | None]]:
    """Take a stage apart: yield the ranges of the longest parts with a known Jacobian, and of what is between them.

    Parameters
    ----------
    line : Line
    begin, end : int
        The positions of the cuts around the stage.
    """
    positions = [begin, *(position for position in line.positions if begin < position < end), end]
    cuts = [position for position in positions if 0 < position < len(line.order)]
    states = dict(zip((0, *cuts, len(line.order)), line.states(cuts), strict=True))
    start = unknown = 0
    while start < len(positions) - 1:
        stop, known = _longest(line, positions[start:], states)
        if known is None:
            start += 1
            continue
        if unknown < start:
            yield positions[unknown], positions[start], None
        yield positions[start], positions[start + stop], known
        start = unknown = start + stop
    if unknown < start:
        yield positions[unknown], end, None


def _longest(line: Line, positions: Sequence[int], states: dict[int, tuple[int, ...]]) -> tuple[int, ScaledMatrix | None]:
    """Return how many steps the longest part with a known Jacobian has that begins at the first position, and this Jacobian."""
    if len(states[positions[0]]) != 1:
        return 0, None
    follower = _Follower(line.graph, states[positions[0]][0])
    longest: tuple[int, ScaledMatrix | None] = 0, None
    for steps, (begin, end) in enumerate(pairwise(positions), 1):
        if not all(map(follower.follows, line.order[begin:end])):
            break
        if len(states[end]) == 1 and states[end][0] in follower.alike:
            longest = steps, follower.scaled_matrix()
    return longest
