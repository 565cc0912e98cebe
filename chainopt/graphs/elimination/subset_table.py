"""The best order of a component of up to 25 vertices: a table of all sets of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.graphs.elimination.problem import DENSE, UNIT
from chainopt.kernels import elimination_subsets as kernel
from chainopt.kernels.policy import compiled

if TYPE_CHECKING:
    from chainopt.graphs.elimination.budget import Budget
    from chainopt.graphs.elimination.component_graph import ComponentGraph
    from chainopt.typing import NumpyArray

MOST_VERTICES = 25  # whose table takes 160 MiB
CHUNK, TIMED_CHUNK, SMALLEST_CHUNK = 1 << 18, 1 << 16, 1 << 12  # sets, between which the clock is looked at
LARGEST = 2**31 - 1  # cost in the table


class Answer(NamedTuple):
    """What the table says: an order that costs less than the one known, if there is one, and what that costs."""

    order: list[int] | None
    cost: int


def fits(part: ComponentGraph, known: int) -> bool:
    """Whether a component has a table."""
    return part.count <= MOST_VERTICES and len(part.sizes) <= kernel.MOST_BITS and known <= LARGEST


def by_table(part: ComponentGraph, known: int, budget: Budget) -> Answer | None:
    """Return the best order; None where time ran out before.

    Parameters
    ----------
    part : ComponentGraph
        One that `fits`.
    known : int
        The cost of a known order.
    budget : Budget
        How long it may take.
    """
    count, everything = part.count, len(part.sizes)
    stack = np.zeros((count + 1, kernel.PLANES, everything), np.int64)
    for tail, head, kind in part.listed_edges:
        for plane, vertex, neighbor in ((kernel.BEHIND, tail, head), (kernel.BEFORE, head, tail)):
            stack[count, plane, vertex] |= 1 << neighbor
            if kind != DENSE:
                stack[count, plane + (kernel.UNIT if kind == UNIT else kernel.DIAGONAL), vertex] |= 1 << neighbor
    is_plain = bool((part.sizes == 1).all()) and all(kind == DENSE for *_, kind in part.listed_edges)
    least = np.full(1 << count, kernel.UNREACHED, np.int32)
    last = np.zeros(1 << count, np.uint8)
    least[0] = 0
    built = np.zeros(count + 1, np.int64)
    run = compiled(kernel.order_subsets, *_HELPERS)
    begin, chunk = 0, CHUNK if budget.time_limit is None else SMALLEST_CHUNK
    while begin < 1 << count:
        if budget.is_over():
            return None
        start, end = time.monotonic(), min(begin + chunk, 1 << count)
        run(stack, built, part.sizes, part.alone, part.alone_without, int(is_plain), known, least, last, begin, end)
        begin, chunk = end, budget.chunk_after(chunk, time.monotonic() - start, SMALLEST_CHUNK)
        chunk = chunk if budget.time_limit is None else min(chunk, TIMED_CHUNK)  # for sets take very different times
    cost = int(least[-1])
    return Answer(None, known) if cost == kernel.UNREACHED else Answer(_order(part, last), cost)


def _order(part: ComponentGraph, last: NumpyArray) -> list[int]:
    """Return the vertices in the order that leads to the set of all."""
    gone, order = part.everything, []
    while gone:
        vertex = int(last[gone])
        order.append(part.vertices[vertex])
        gone ^= 1 << vertex
    return order[::-1]


_HELPERS = (
    kernel.ones,
    kernel.edges_weigh,
    kernel.note_cost,
    kernel.join_rows,
    kernel.eliminate,
    kernel.level_without,
)
