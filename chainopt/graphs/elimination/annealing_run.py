"""One run of threshold accepting over orders of elimination."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.graphs.elimination.problem import DENSE, DIAGONAL, UNIT
from chainopt.kernels import elimination_order as kernel
from chainopt.kernels.policy import compiled

if TYPE_CHECKING:
    from chainopt.graphs.elimination.problem import EliminationProblem
    from chainopt.typing import IntArray, NumpyArray

MOST_SAVED, SAVED_BYTES = 32, 64 << 20  # graphs as they are at places of an order, which moves are judged from


class Graph:
    """A graph in the bit rows that the kernel knows it by.

    Parameters
    ----------
    problem : EliminationProblem
        Its edges all have a kind.
    """

    def __init__(self, problem: EliminationProblem) -> None:
        kinds = problem.kinds or {}
        self.count = problem.count
        self.sizes = np.array([float(size) for size in problem.sizes])
        self.all_dense = int(set(kinds.values()) <= {DENSE})
        everything = len(problem.names)
        self.rows: NumpyArray = np.zeros((kernel.PLANES, everything, -(-everything // kernel.WORD)), np.int64)
        for (tail, head), kind in kinds.items():
            for plane, vertex, neighbor in ((kernel.BEHIND, tail, head), (kernel.BEFORE, head, tail)):
                word, bit = neighbor // kernel.WORD, 1 << neighbor % kernel.WORD
                self.rows[plane, vertex, word] |= bit
                if kind == UNIT:
                    self.rows[plane + 1, vertex, word] |= bit
                elif kind == DIAGONAL:
                    self.rows[plane + 2, vertex, word] |= bit


class Run:
    """A run, with all the room that it needs, so that others can go on beside it.

    Parameters
    ----------
    graph : Graph
    order : array of int
        Of whatever vertices; see `start`.
    width : int
        How many runs there are, which share the memory for what is kept.

    Attributes
    ----------
    least : float
        What the best order costs that was met in the last steps.
    found : array of int
        That order.
    """

    def __init__(self, graph: Graph, order: IntArray, width: int) -> None:
        self.graph = graph
        self.order, self.trial, self.found = order.copy(), order.copy(), order.copy()
        self.least = np.inf
        rows = graph.rows
        kept = max(1, min(MOST_SAVED, SAVED_BYTES // width // rows.nbytes, graph.count))
        self._scratch, self._costs = np.zeros_like(rows), np.zeros((2, graph.count))
        self._saved = np.zeros((kept, *rows.shape), rows.dtype)
        helpers = (kernel.kind_of, kernel.weight, kernel.join, kernel.join_dense)
        self._anneal = compiled(kernel.anneal_orders, *helpers, kernel.copied, kernel.taken_out)

    def start(self, order: IntArray) -> None:
        """Begin at an order."""
        self.order[:] = order

    def advance(self, steps: int, heat: float, cooled: float, start: int) -> None:
        """Look at so many orders, while the heat falls; ``start`` seeds the random numbers."""
        graph, scratch = self.graph, (self._saved, self._scratch)
        orders = self.order, self.trial, self.found
        self.least = self._anneal(
            graph.rows, *scratch, graph.sizes, graph.all_dense, *orders, self._costs, steps, heat, cooled, start
        )
