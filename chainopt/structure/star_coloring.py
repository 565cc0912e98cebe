"""Colors for a symmetric matrix, each of whose nonzeros has to be found only once, at its place or at its mirror image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.kernels import policy, star_coloring
from chainopt.structure.compression import Coloring
from chainopt.structure.greedy_coloring import PATIENCE, greedy_colors

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.structure.patterns import Entries
    from chainopt.typing import IntArray

SECONDS_PER_PATH = 3e-7  # of three vertices, uncompiled
FEW_PATHS = 10_000_000  # as long as there are no more, every vertex is a vertex like all others
HUB = 20  # has so many times as many neighbors as a vertex has in the mean


def symmetric_products(entries: Entries) -> Coloring:
    """Color a symmetric pattern so that each nonzero is alone at its place or at its mirror image.

    Parameters
    ----------
    entries : scipy.sparse.csr_array of bool
        The pattern, symmetric.

    Returns
    -------
    Coloring
        The better one of a star coloring and a coloring as if the matrix were any.
    """
    size = int(entries.shape[0])
    none = np.full(size, -1, dtype=np.int64)
    stars = _star_colors(entries)
    bound = int(np.diff(entries.indptr).max(initial=0))
    if int(stars.max(initial=-1)) >= bound:
        columns = greedy_colors(entries)
        if int(columns.max(initial=-1)) <= int(stars.max(initial=-1)):
            stars = columns
    return Coloring(stars, none, is_symmetric=True)


def _star_colors(entries: Entries) -> IntArray:
    """Color the vertices greedily; those with very many neighbors get a color of their own, which never conflicts."""
    used = np.diff(entries.indptr) > 0
    graph = _without(entries, np.zeros(used.size, dtype=bool))
    counts = np.diff(graph.indptr).astype(np.int64)
    hubs = counts > HUB * max(counts.mean(), 5.0) if int((counts**2).sum()) > FEW_PATHS else np.zeros(used.size, dtype=bool)
    if hubs.any():
        graph = _without(graph, hubs)
        counts = np.diff(graph.indptr).astype(np.int64)
    best: IntArray | None = None
    compiles = policy.compiled_pays(float((counts**2).sum()) * SECONDS_PER_PATH / PATIENCE)
    for order in (np.arange(used.size), np.argsort(-counts, kind="stable")):
        colors = _greedy(graph, order, compiles=compiles)
        if best is None or int(colors.max(initial=-1)) < int(best.max(initial=-1)):
            best = colors
    assert best is not None
    best[~used] = -1
    rest = used & ~hubs
    best[rest] = np.unique(best[rest], return_inverse=True)[1]
    best[hubs] = int(best[rest].max(initial=-1)) + 1 + np.arange(int(hubs.sum()))
    return best


def _greedy(graph: Entries, order: IntArray, *, compiles: bool) -> IntArray:
    size = order.size
    kernel: Callable[..., Any] = policy.compiled(star_coloring.color_stars) if compiles else star_coloring.color_stars

    def given(array: Any) -> Any:
        array = array.astype(np.int32)
        return array if compiles else array.tolist()

    scratch = [given(np.full(size + 1, -1)) for _ in range(4)]
    colors = given(np.full(size, -1))
    kernel(given(order), given(graph.indptr), given(graph.indices), *scratch, colors)
    return np.asarray(colors, dtype=np.int64)


def _without(entries: Entries, vertices: np.ndarray) -> Entries:
    """Return the graph of a symmetric pattern, without loops and without the edges of some vertices."""
    rows = np.repeat(np.arange(entries.shape[0]), np.diff(entries.indptr))
    graph = entries.copy()
    graph.data = (rows != entries.indices) & ~vertices[rows] & ~vertices[entries.indices]
    graph.eliminate_zeros()
    return graph
