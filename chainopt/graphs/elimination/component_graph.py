"""A component of what is left to be eliminated, as the kernel of the proof knows it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from chainopt.graphs.elimination.budget import UNLIMITED
from chainopt.graphs.elimination.problem import DENSE
from chainopt.graphs.elimination.replay import KindReplay
from chainopt.kernels import elimination_cuts as kernel
from chainopt.kernels.policy import compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.graphs.elimination.budget import Budget
    from chainopt.graphs.elimination.problem import EliminationProblem
    from chainopt.typing import IntArray

MOST_VERTICES = 62  # of which sets are the bits of an int
MOST_CUTS = 1_500  # vertices up to which all cuts are found
FEW_CUTS = 100  # which are found whatever the time
EVERYTHING = -1
UNCUTTABLE = 1 << 40  # size of a vertex that is dearer than all cuts together
LARGEST = 1 << 60  # costs beyond which ints of the kernel could wrap: no proof then


class ComponentGraph:
    """Vertices that are connected, and the ends around them.

    Parameters
    ----------
    vertices : sequence of int
        In topological order.
    replay : KindReplay
        Whose edges they have now.
    sizes : sequence of int
        Of all vertices and ends.
    budget : Budget, optional
        How long the search for cuts may take.

    Attributes
    ----------
    listed_edges : list of (int, int, int)
        Tail, head and kind of each edge, vertices and ends numbered from 0 here.
    """

    def __init__(self, vertices: Sequence[int], replay: KindReplay, sizes: Sequence[int], budget: Budget = UNLIMITED) -> None:
        self.budget = budget
        self.vertices = list(vertices)
        self.count = len(self.vertices)
        place = {vertex: number for number, vertex in enumerate(self.vertices)}
        self.listed_edges: list[tuple[int, int, int]] = []
        for vertex in self.vertices:
            for tail, head, kind in replay.edges_at(vertex):
                if tail == vertex and head in place and place[head] < self.count:
                    continue  # it is listed at its head
                numbers = [place.setdefault(node, len(place)) for node in (tail, head)]
                self.listed_edges.append((numbers[0], numbers[1], kind))
        self.sizes = np.array([sizes[node] for node in place], np.int64)
        self.edges = len(self.listed_edges)
        self.everything = (1 << self.count) - 1

    @cached_property
    def arrays(self) -> tuple[IntArray, ...]:
        """The neighbors of all at both sides, as compressed rows, and the sizes."""
        everything = len(self.sizes)
        starts = np.zeros((2, everything + 1), np.int64)
        ends, kinds, mates, places = (np.zeros((2, max(self.edges, 1)), np.int64) for _ in range(4))
        for side, own, other in ((kernel.BEFORE, 1, 0), (kernel.BEHIND, 0, 1)):
            by_vertex = sorted(range(self.edges), key=lambda edge, own=own: self.listed_edges[edge][own])  # type: ignore[misc]
            for index, edge in enumerate(by_vertex):
                starts[side, self.listed_edges[edge][own] + 1] += 1
                ends[side, index], kinds[side, index] = self.listed_edges[edge][other], self.listed_edges[edge][2]
                places[side, edge] = index
            starts[side] = np.cumsum(starts[side])
        for edge in range(self.edges):
            for side in (kernel.BEFORE, kernel.BEHIND):
                mates[side, places[side, edge]] = places[1 - side, edge]
        return starts, ends, kinds, mates, self.sizes

    @cached_property
    def neighbors(self) -> IntArray:
        """Of each vertex the set of those that it has an edge to or from."""
        sets = np.zeros(self.count, np.int64)
        for tail, head, _ in self.listed_edges:
            if tail < self.count and head < self.count:
                sets[tail] |= 1 << head
                sets[head] |= 1 << tail
        return sets

    @cached_property
    def alone(self) -> IntArray:
        """What each vertex costs at least, by vertex cuts; once the time is over, nothing."""
        return self._alone(compiled(kernel.cut_weight, *CUT_HELPERS), self.sizes)

    @cached_property
    def alone_without(self) -> IntArray:
        """What each vertex costs at least when another one has gone, at which nothing can be cut: rows by the one that has.

        Once the time is over, nothing.
        """
        cut = compiled(kernel.cut_weight, *CUT_HELPERS)
        costs = np.zeros((self.count, self.count), np.int64)
        for gone in range(self.count):
            if self.budget.is_over():
                break
            sizes = self.sizes.copy()
            sizes[gone] = UNCUTTABLE
            costs[gone] = self._alone(cut, sizes)
        np.fill_diagonal(costs, 0)
        return costs

    def room(self) -> IntArray:
        """Return scratch for the kernels of vertex cuts."""
        return np.zeros((7, 2 * (len(self.sizes) + max(self.edges, 1)) + 4), np.int64)

    def _alone(self, cut: Callable[..., int], sizes: IntArray) -> IntArray:
        room = self.room()
        arrays = (*self.arrays[:-1], sizes)
        weights = np.zeros((self.count, 2), np.int64)
        for vertex in range(self.count):
            if vertex >= FEW_CUTS and self.budget.is_over():
                break
            for side in (kernel.BEFORE, kernel.BEHIND):
                weights[vertex, side] = cut(arrays, self.count, side, EVERYTHING, vertex, room)
        costs: IntArray = self.sizes[: self.count] * np.prod(weights, axis=1)
        return costs

    def cuts_bound(self) -> int:
        """Return what eliminating all of them costs at least."""
        if self.count <= MOST_CUTS:
            return int(self.alone.sum())
        costs_something = bool(self.sizes.all()) and all(kind == DENSE for *_, kind in self.listed_edges)
        return self.count if costs_something else 0

    def uncompiled_cuts_bound(self) -> int:
        """Return the same for few vertices, without a compiler."""
        return int(self._alone(kernel.cut_weight, self.sizes).sum())


def uncompiled_bound(problem: EliminationProblem) -> int:
    """Return what eliminating a few vertices costs at least, by vertex cuts; 0 where the costs are too large for that."""
    if is_too_large(problem):
        return 0
    return ComponentGraph(range(problem.count), KindReplay(problem), problem.sizes).uncompiled_cuts_bound()


def is_too_large(problem: EliminationProblem) -> bool:
    """Whether costs could be beyond the ints of the kernel."""
    return sum(problem.sizes) ** 2 * max(problem.sizes, default=0) * max(problem.count, 1) >= LARGEST


CUT_HELPERS: tuple[Callable[..., object], ...] = (
    kernel.holds,
    kernel.product_kind,
    kernel.lighter_kind,
    kernel.kind_weight,
    kernel.capacities,
    kernel.augmenting_path,
    kernel.flow_along,
)
