"""What is to be eliminated: the intermediate vertices of a graph, its ends, and the kinds of its edges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from chainopt.graphs.edges import IDENTITY
from chainopt.graphs.liveness import Stage

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from chainopt.costs.model import CostModel
    from chainopt.graphs.computation_graph import ComputationGraph
    from chainopt.graphs.edges import Edge, Partial
    from chainopt.graphs.flow import Flow

DENSE, UNIT, DIAGONAL = 0, 1, 2  # as in the kernels: a product with a unit is free, one with a diagonal costs a row or a column


@dataclass(frozen=True, eq=False)
class EliminationProblem:
    """A graph whose intermediate vertices are to be eliminated.

    Attributes
    ----------
    names : list of nodes
        The intermediate vertices in topological order, then the inputs, then the outputs. An output that is used further on, and
        an input that depends on another one, is a vertex, too: as an end it stands after an identity.
    sizes : list of int
        Of all of them.
    count, inputs : int
        How many vertices there are, and how many inputs.
    edges : dict from (tail, head) to Partial
        By position.
    beside : list of nodes
        Vertices on no path from an input to an output, in an order in which they cost nothing.
    ignored : set of (tail, head)
        Edges on no such path, by their nodes.
    model : CostModel
        What the costs are in.
    """

    names: list[Hashable]
    sizes: list[int]
    count: int
    inputs: int
    edges: dict[Edge, Partial]
    beside: list[Hashable]
    ignored: frozenset[tuple[Hashable, Hashable]]
    model: CostModel

    @cached_property
    def kinds(self) -> dict[Edge, int] | None:
        """The kinds of all edges; None where one has another structure, or is matrix-free."""
        kinds = {}
        for (tail, head), partial in self.edges.items():
            kind = _kind(partial, (self.sizes[head], self.sizes[tail]))
            if kind is None:
                return None
            kinds[tail, head] = kind
        return kinds

    @cached_property
    def key(self) -> tuple[object, ...]:
        """What two equal problems share: all but the matrices on the edges."""
        edges = frozenset((edge, partial.given, partial.structure) for edge, partial in self.edges.items())
        return tuple(self.names), tuple(self.sizes), self.count, self.inputs, edges, tuple(self.beside), self.model

    @property
    def stage(self) -> Stage:
        """The whole as a stage, in which the outputs are computed last."""
        ends = range(self.count + self.inputs, len(self.names))
        return Stage(tuple(range(self.count, self.count + self.inputs)), tuple(ends), (*range(self.count), *ends))

    @property
    def outputs(self) -> range:
        """The positions of the outputs."""
        return range(self.count + self.inputs, len(self.names))

    @property
    def is_matrix_free(self) -> bool:
        """Whether an edge is known by its JVPs and VJPs: then what a product costs depends on which matrices there are."""
        return any(set(partial.given) != {None} for partial in self.edges.values())

    def columns(self) -> list[list[int]]:
        """Return what stands above each other in a figure: the inputs, vertices by their longest path from those, the outputs."""
        depths = [0] * len(self.names)
        for tail, head in sorted(self.edges, key=lambda edge: (edge[1], edge[0])):
            if head < self.count:
                depths[head] = max(depths[head], depths[tail] + 1)
        deepest = max(depths, default=0)
        inner = [[vertex for vertex in range(self.count) if depths[vertex] == depth] for depth in range(1, deepest + 1)]
        return [list(range(self.count, self.count + self.inputs)), *inner, list(self.outputs)]


def problem_of(
    graph: ComputationGraph, beside: Sequence[Hashable], pairs: Iterable[tuple[Hashable, Hashable]]
) -> EliminationProblem:
    """Return what is to be eliminated, numbered.

    Parameters
    ----------
    graph : ComputationGraph
        Without skips: identities from inputs to outputs are edges like others.
    beside : sequence of nodes
        Vertices on no path from an input to an output, in an order in which they cost nothing.
    pairs : iterable of (tail, head)
        All edges of the user's graph, by their nodes.
    """
    flow, targets = graph.flow, set(graph.targets)
    inner = {node for node in flow.tails if flow.tails[node] and (flow.heads[node] or node not in targets)}
    vertices = _topological(flow, inner)
    place = {node: position for position, node in enumerate((*vertices, *graph.sources))}
    names = [graph.names[node] for node in (*vertices, *graph.sources, *graph.targets)]
    sizes = [graph.sizes[node] for node in (*vertices, *graph.sources, *graph.targets)]
    heads = dict(place)
    edges: dict[Edge, Partial] = {}
    for position, target in enumerate(graph.targets, len(place)):
        if target in place:  # it is used further on, or an input
            edges[place[target], position] = IDENTITY
        else:
            heads[target] = position
    for (tail, head), partial in graph.partials.items():
        edges[place[tail], heads[head]] = partial
    ignored = frozenset(pairs) - {(graph.names[tail], graph.names[head]) for tail, head in graph.partials}
    return EliminationProblem(names, sizes, len(vertices), len(graph.sources), edges, list(beside), ignored, graph.model)


def _kind(partial: Partial, shape: tuple[int, int]) -> int | None:
    if partial is IDENTITY:
        return UNIT
    if set(partial.given) != {None}:
        return None
    if partial.pattern is None:
        return DENSE
    structure = partial.structure
    return DIAGONAL if structure is not None and structure.is_diagonal(shape) else None


def _topological(flow: Flow, inner: set[int]) -> list[int]:
    """Return vertices, each after those that it is computed from, else as the graph lists them."""
    waiting = {node: sum(tail in inner for tail in flow.tails[node]) for node in inner}
    ready = [node for node, number in waiting.items() if number == 0]
    heapify(ready)
    order = []
    while ready:
        node = heappop(ready)
        order.append(node)
        for head in flow.heads[node]:
            if head in waiting:
                waiting[head] -= 1
                if waiting[head] == 0:
                    heappush(ready, head)
    return order
