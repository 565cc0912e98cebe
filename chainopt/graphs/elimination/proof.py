"""The best order of elimination, proved: component by component, by the vertex that is eliminated last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.graphs.elimination.component_graph import CUT_HELPERS, MOST_VERTICES, ComponentGraph, is_too_large
from chainopt.graphs.elimination.group_bound import grouped_bound
from chainopt.graphs.elimination.problem import DENSE
from chainopt.graphs.elimination.replay import KindReplay
from chainopt.graphs.elimination.subset_table import by_table, fits
from chainopt.kernels import elimination_cuts as cuts
from chainopt.kernels import elimination_proof as kernel
from chainopt.kernels.policy import compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.graphs.elimination.budget import Budget
    from chainopt.graphs.elimination.problem import EliminationProblem
    from chainopt.typing import NumpyArray

STEPS, FEWEST_STEPS = 500, 4  # sets that are looked at at once
FEW_EDGES = 3  # for each vertex: with twice as many, a set takes eight times as long
SMALLEST_TABLE, LARGEST_TABLE = 1 << 13, 1 << 23


class Proof(NamedTuple):
    """What is known of the best order: the best that was found, and the least that any order can cost."""

    order: list[int]
    lower_bound: int


def proved(
    problem: EliminationProblem, order: Sequence[int], budget: Budget, most_work: int | None = None, *, is_last: bool = True
) -> Proof:
    """Improve an order until it is proved to be the best, or time is over.

    Parameters
    ----------
    problem : EliminationProblem
        Its edges all have a kind.
    order : sequence of int
        The best known order.
    budget : Budget
        How long it may take.
    most_work : int, optional
        How much is looked at for each component: sets times the square of its vertices, fewer if it has many edges.
    is_last : bool
        Whether no search for better orders follows: then components of few vertices are solved in any case, and a time limit, if
        there is one, alone ends the search.

    Notes
    -----
    Among scalars whose edges are all dense a vertex with one predecessor and one successor is eliminated first: it costs one
    multiplication then, never less, and joins two edges into one. What is left falls into components without a common edge.
    """
    if is_too_large(problem):
        return Proof(list(order), 0)
    replay = KindReplay(problem)
    first = _single_file(problem, replay)
    gone = set(first)
    position = {vertex: place for place, vertex in enumerate(order)}
    cost, lower = len(first), len(first)
    best = list(first)
    for component in replay.components(vertex for vertex in range(problem.count) if vertex not in gone):
        ordered = sorted(component, key=position.__getitem__)
        part = ComponentGraph(component, replay, problem.sizes, budget)
        found = _prove(part, replay.cost_of(ordered), budget, most_work, is_last=is_last)
        best += ordered if found.order is None else found.order
        cost += found.cost
        lower += found.lower_bound
        if budget.report is not None:
            budget.report(cost, lower)
    return Proof(best, lower)


class _Found(NamedTuple):
    """Of a component: an order that is better than the one known, if there is one, what the best costs, and the least."""

    order: list[int] | None
    cost: int
    lower_bound: int


def _single_file(problem: EliminationProblem, replay: KindReplay) -> list[int]:
    """Eliminate scalars with one predecessor and one successor, again and again, where all edges are dense."""
    if set(problem.sizes) != {1} or set((problem.kinds or {}).values()) != {DENSE}:
        return []
    order = []
    waiting = list(range(problem.count))[::-1]
    while waiting:
        vertex = waiting.pop()
        neighbors = replay.neighbors(vertex)
        if replay.degree(vertex) == 1:
            replay.eliminate(vertex)
            order.append(vertex)
            waiting += [neighbor for neighbor in neighbors if neighbor < problem.count]
    return order


def _prove(part: ComponentGraph, known: int, budget: Budget, most_work: int | None, *, is_last: bool) -> _Found:
    """Raise the lower bound of a component until it meets what is known."""
    lower = part.cuts_bound()
    if is_last and lower < known:
        answer = by_table(part, known, budget) if fits(part, known) else None
        if answer is not None:
            return _Found(answer.order, answer.cost, answer.cost)
        lower = grouped_bound(part, budget)
    if lower >= known or part.count > MOST_VERTICES:
        return _Found(None, known, lower)
    search = _Search(part, SMALLEST_TABLE)
    density = max(1.0, part.edges / (FEW_EDGES * part.count)) ** 3
    # Without a limit of time the same is found again.
    steps, chunk = 0, max(int(STEPS / density), FEWEST_STEPS) if budget.time_limit is None else FEWEST_STEPS
    while lower < known and not budget.is_over():
        limit = min(known, lower + max(1, (known - lower) // 3))
        begin = time.monotonic()
        state, value = search.run(limit, chunk)
        steps += chunk
        chunk = budget.chunk_after(chunk, time.monotonic() - begin, FEWEST_STEPS)
        if state == kernel.SOLVED:
            if value < limit:
                return _Found(search.order(), value, value)
            lower = value
        elif (state == kernel.TABLE_FULL and not search.grow()) or (
            most_work is not None and (budget.time_limit is None or not is_last) and steps * density * part.count**2 > most_work
        ):
            break
    return _Found(None, known, lower)


class _Search:
    """The kernel's search, which can be interrupted."""

    def __init__(self, part: ComponentGraph, places: int) -> None:
        self.part = part
        self.table: tuple[NumpyArray, ...] = tuple(np.zeros(places, np.int64) for _ in range(3))
        self.used = 0
        count = part.count
        self._room = part.room()
        self._levels = np.zeros((count + 2, kernel.ROWS, count + 3), np.int64)
        self._reached = np.full(len(part.sizes), cuts.NOTHING, np.int64)
        self._prove = compiled(kernel.prove, *_HELPERS)

    def run(self, limit: int, steps: int) -> tuple[int, int]:
        """Go on for a while: the state of the search, and the value that it found."""
        part = self.part
        state, value, self.used = self._prove(
            part.arrays,
            part.count,
            part.neighbors,
            part.alone,
            part.everything,
            limit,
            self.table,
            self._levels,
            self._room,
            self._reached,
            self.used,
            steps,
        )
        return int(state), int(value)

    def grow(self) -> bool:
        """Make the table larger, if that is allowed."""
        sets, least, lasts = self.table
        if len(sets) >= LARGEST_TABLE:
            return False
        table: tuple[NumpyArray, ...] = tuple(np.zeros(4 * len(sets), np.int64) for _ in range(3))
        compiled(kernel.move_entries, kernel.slot_of)((sets, least, lasts), table)
        self.table = table
        return True

    def order(self) -> list[int]:
        """Return the best order, once it is found."""
        sets, _, lasts = self.table
        last = {int(inside): int(vertex) for inside, vertex in zip(sets[sets != 0], lasts[sets != 0], strict=True)}
        neighbors = [int(set_) for set_ in self.part.neighbors]
        pending, order = [self.part.everything], []
        while pending:  # the last one first
            inside = pending.pop()
            vertex = last[inside]
            order.append(self.part.vertices[vertex])
            rest = inside ^ (1 << vertex)
            while rest:
                component = kernel.component(neighbors, rest)
                rest ^= component
                pending.append(component)
        return order[::-1]


_HELPERS: tuple[Callable[..., object], ...] = (
    *CUT_HELPERS,
    cuts.sum_kind,
    cuts.side_weight,
    cuts.cut_weight,
    cuts.cuts_bound,
    kernel.slot_of,
    kernel.component,
)
