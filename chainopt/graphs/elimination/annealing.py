"""Orders of elimination, improved by threshold accepting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.graphs.elimination.problem import DENSE, DIAGONAL, UNIT
from chainopt.graphs.elimination.replay import cost_of
from chainopt.kernels import elimination_order as kernel
from chainopt.kernels.policy import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.graphs.elimination.budget import Budget
    from chainopt.graphs.elimination.problem import EliminationProblem
    from chainopt.typing import IntArray, NumpyArray

WORK = 200_000_000  # words of bit rows that the orders are looked at for, all together, where there is no limit of time
MOST_ORDERS, LEAST_ORDERS = 200_000, 50
MOST_VERTICES = 6_000  # whose bit rows fit into memory
RUNS = 3
MOST_SAVED, SAVED_BYTES = 32, 64 << 20  # graphs as they are at places of an order, which moves are judged from
CHUNKS = 20  # of a run, between which the clock is looked at
HOTTEST, COOLEST = 0.3, 0.015  # by which share of what a vertex costs, in the mean, an order may become dearer


def annealed(
    problem: EliminationProblem, order: Sequence[int], seed: int, budget: Budget, lower_bound: int, *, is_long: bool = True
) -> list[int]:
    """Return the best order that is met on several runs from one; that itself, if it is the best.

    Parameters
    ----------
    problem : EliminationProblem
        Its edges all have a kind, and are few enough for bit rows.
    order : sequence of int
        The vertices.
    seed : int
        The seed of the random numbers.
    budget : Budget
        How long it may take.
    lower_bound : int
        No order can be below it: the search ends there.
    is_long : bool
        Whether it goes on as long as there is time.
    """
    graph, sizes = _bit_rows(problem), np.array([float(size) for size in problem.sizes])
    all_dense = int(set((problem.kinds or {}).values()) <= {DENSE})
    helpers = (kernel.kind_of, kernel.weight, kernel.join, kernel.join_dense)
    anneal = compiled(kernel.anneal_orders, *helpers, kernel.copied, kernel.taken_out)
    scratch, costs = np.zeros_like(graph), np.zeros((2, problem.count))
    saved = np.zeros((max(1, min(MOST_SAVED, SAVED_BYTES // graph.nbytes, problem.count)), *graph.shape), graph.dtype)
    steps = _orders(problem) // (RUNS * CHUNKS) + 1
    chance = np.random.default_rng(seed)
    best = np.array(order, np.int64)
    least = np.inf
    cooling = (COOLEST / HOTTEST) ** (1 / CHUNKS)
    run = 0
    while run < RUNS or (is_long and budget.time_limit is not None and not budget.is_over()):
        # First from the beginning, for runs end in different valleys; then, if there is time, by turns from the best.
        current = best.copy() if run >= RUNS and run % 2 else np.array(order, np.int64)
        trial, found = current.copy(), current.copy()
        for chunk in range(CHUNKS):
            if budget.is_over() or least <= lower_bound:
                return _better(problem, order, best)
            heat = HOTTEST / problem.count * cooling**chunk
            start = int(chance.integers(1, kernel.MODULUS))
            cost = anneal(
                graph, saved, scratch, sizes, all_dense, current, trial, found, costs, steps, heat, heat * cooling, start
            )
            if cost < least:
                least, best = cost, found.copy()
            if budget.report is not None:
                budget.report(int(least), lower_bound)
        run += 1
    return _better(problem, order, best)


def _better(problem: EliminationProblem, order: Sequence[int], other: IntArray) -> list[int]:
    """Return the better of two orders, counted exactly: the kernel's floats round what is large."""
    improved = [int(vertex) for vertex in other]
    return list(order) if cost_of(problem, improved, cost_of(problem, order)) is None else improved


def can_anneal(problem: EliminationProblem) -> bool:
    """Whether there is something to be ordered, in a form that the kernel knows."""
    return problem.kinds is not None and 1 < problem.count <= MOST_VERTICES


def _orders(problem: EliminationProblem) -> int:
    words = -(-len(problem.names) // kernel.WORD)
    return min(max(WORK // (problem.count * words), LEAST_ORDERS), MOST_ORDERS)


def _bit_rows(problem: EliminationProblem) -> NumpyArray:
    """Return the six planes of bit rows that the kernel knows a graph by."""
    everything = len(problem.names)
    rows = np.zeros((kernel.PLANES, everything, -(-everything // kernel.WORD)), np.int64)
    for (tail, head), kind in (problem.kinds or {}).items():
        for plane, vertex, neighbor in ((kernel.BEHIND, tail, head), (kernel.BEFORE, head, tail)):
            word, bit = neighbor // kernel.WORD, 1 << neighbor % kernel.WORD
            rows[plane, vertex, word] |= bit
            if kind == UNIT:
                rows[plane + 1, vertex, word] |= bit
            elif kind == DIAGONAL:
                rows[plane + 2, vertex, word] |= bit
    return rows
