"""Colours: columns that share no row can be found with one JVP, rows that share no column with one VJP.

Reference: A. R. Curtis, M. J. D. Powell and J. K. Reid, "On the estimation of sparse Jacobian matrices", IMA J. Appl.
Math. 13 (1974).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.structure.bands import Band
from chainopt.structure.patterns import Pattern, Rectangle, places, transposed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainopt.structure.structures import Structure

    Ints = NDArray[np.int64]

STRATEGIES = ("largest_first", "smallest_last")
MOST_PAIRS = 5_000_000  # of columns that share a row; beyond them every column has a colour of its own


def column_colours(structure: Structure, shape: tuple[int, int]) -> int:
    """Return how many JVPs find the matrix."""
    pattern = structure.pattern(shape)
    return pattern.widest_row if isinstance(pattern, Band) else count(_kept(structure, shape, 1))


def row_colours(structure: Structure, shape: tuple[int, int]) -> int:
    """Return how many VJPs find the matrix."""
    pattern = structure.pattern(shape)
    return pattern.transposed().widest_row if isinstance(pattern, Band) else count(_kept(structure, shape, 0))


def colours(structure: Structure, shape: tuple[int, int], axis: int) -> Ints:
    """Return the colour of each column (axis 1) or row (axis 0); -1 where it is empty."""
    return _kept(structure, shape, axis)


def count(colouring: Ints) -> int:
    """Return how many colours there are."""
    return int(colouring.max(initial=-1)) + 1


@lru_cache(maxsize=256)
def _kept(structure: Structure, shape: tuple[int, int], axis: int) -> Ints:
    pattern = structure.pattern(shape)
    found = colour_columns(pattern if axis == 1 else transposed(pattern))
    found.setflags(write=False)
    return found


def colour_columns(pattern: Pattern) -> Ints:
    """Give columns that share a row different colours, few of them.

    Of a band they are as few as can be: the columns of a row are neighbours, so that counting them off repeatedly does.
    Else the better of two greedy orders of networkx is taken, which may need more than the fullest row has places.
    """
    columns = np.arange(pattern.shape[1], dtype=np.int64)
    used = pattern.column_counts() > 0
    if isinstance(pattern, Band):
        return np.where(used, columns % max(pattern.widest_row, 1), -1)
    if isinstance(pattern, Rectangle):
        return np.where(used, np.cumsum(used) - 1, -1)
    return np.where(used, _greedy(places(pattern)), -1)


def _greedy(entries: Any) -> Ints:
    import networkx as nx

    columns = int(entries.shape[1])
    widths = np.diff(entries.indptr)
    if int((widths.astype(np.int64) * (widths - 1) // 2).sum()) > MOST_PAIRS:
        return np.arange(columns, dtype=np.int64)
    graph = nx.empty_graph(columns)
    for begin, end in zip(entries.indptr[:-1], entries.indptr[1:], strict=True):
        graph.add_edges_from(combinations(entries.indices[begin:end].tolist(), 2))
    best: Ints = np.arange(columns, dtype=np.int64)
    for strategy in STRATEGIES:
        found = nx.greedy_color(graph, strategy=strategy)
        colouring = np.array([found[column] for column in range(columns)], dtype=np.int64)
        if count(colouring) < count(best):
            best = colouring
        if count(best) <= widths.max(initial=0):
            break
    return best
