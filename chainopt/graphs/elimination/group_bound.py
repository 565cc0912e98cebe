"""A lower bound by groups of vertices: whatever the order is, one of each group goes after the others of it.

A vertex cut bounds what a vertex costs, and what has gone before can no longer be cut at. So a group costs at least the least,
over its orders, of the sum of these bounds, and groups that have no vertex in common cost the sum. The bound is raised by pairs
in which either is expensive after the other: such vertices are put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.graphs.elimination.component_graph import CUT_HELPERS, EVERYTHING, UNCUTTABLE
from chainopt.kernels import elimination_cuts as kernel
from chainopt.kernels.policy import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.graphs.elimination.budget import Budget
    from chainopt.graphs.elimination.component_graph import ComponentGraph
    from chainopt.typing import IntArray

MOST_VERTICES = 150  # of a component: above that the cuts of all pairs take too long
SIZES = range(3, 10)  # of groups; of each size the grouping is another one, and the best bound counts
PAIR, ONE, EDGE = 1000, 10, 1  # what counts for two vertices being in one group: dear in both orders, in one, an edge


def grouped_bound(part: ComponentGraph, budget: Budget) -> int:
    """Return what eliminating a component costs at least, by the best of several groupings.

    Parameters
    ----------
    part : ComponentGraph
    budget : Budget
        How long it may take.
    """
    best = part.cuts_bound()
    if not 1 < part.count <= MOST_VERTICES or budget.is_over():
        return best
    affinity = _affinity(part)
    for size in SIZES:
        total = 0
        for group in _groups(affinity, size):
            if budget.is_over():
                return best
            total += _least_of_orders(part, group)
        best = max(best, total)
    return best


def _affinity(part: ComponentGraph) -> IntArray:
    """Return how much is gained by having two vertices in one group."""
    dearer = np.maximum(part.alone_without - part.alone, 0)
    np.fill_diagonal(dearer, 0)
    edges = np.zeros_like(dearer)
    for tail, head, _ in part.listed_edges:
        if tail < part.count and head < part.count:
            edges[tail, head] = edges[head, tail] = EDGE
    affinity: IntArray = PAIR * np.minimum(dearer, dearer.T) + ONE * (dearer + dearer.T) + edges
    return affinity


def _groups(affinity: IntArray, size: int) -> list[list[int]]:
    """Return groups of at most so many vertices: each grows from the one with the most in common with those that are left."""
    left = list(range(len(affinity)))
    groups = []
    while left:
        first = left[int(affinity[np.ix_(left, left)].sum(1).argmax())]
        group = [first]
        left.remove(first)
        while left and len(group) < size:
            common = affinity[np.ix_(group, left)].sum(0)
            if not common.any():
                break
            group.append(left.pop(int(common.argmax())))
        groups.append(group)
    return groups


def _least_of_orders(part: ComponentGraph, group: Sequence[int]) -> int:
    """Return what the vertices of a group cost at least together, by dynamic programming over which of them have gone."""
    if len(group) == 1:
        return int(part.alone[group[0]])
    cut = compiled(kernel.cut_weight, *CUT_HELPERS)
    room = part.room()
    least: list[int | None] = [0, *[None] * ((1 << len(group)) - 1)]
    for gone in range(len(least) - 1):
        if part.budget.is_over():
            return int(part.alone[group].sum())
        sizes = part.sizes.copy()
        sizes[[vertex for place, vertex in enumerate(group) if gone >> place & 1]] = UNCUTTABLE
        arrays = (*part.arrays[:-1], sizes)
        spent = least[gone]
        assert spent is not None
        for place, vertex in enumerate(group):
            if not gone >> place & 1:
                before, behind = (
                    cut(arrays, part.count, side, EVERYTHING, vertex, room) for side in (kernel.BEFORE, kernel.BEHIND)
                )
                total, after = spent + int(part.sizes[vertex]) * int(before) * int(behind), gone | 1 << place
                known = least[after]
                least[after] = total if known is None else min(known, total)
    last = least[-1]
    assert last is not None
    return last
