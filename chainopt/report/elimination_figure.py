"""A figure of a graph, and of the order in which its vertices are eliminated. matplotlib is imported when it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.report.axes import COLORS, GIVEN, axes_of, draw_arrow, ink

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from matplotlib.axes import Axes

LARGEST_GRAPH = 200
LONGEST_NAME = 10


def plot_elimination(
    names: Sequence[Hashable],
    columns: Sequence[Sequence[int]],
    edges: Sequence[tuple[int, int]],
    places: Mapping[int, int],
    title: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw a graph from left to right, with the place of each vertex in the order.

    Parameters
    ----------
    names : sequence of nodes
        Of all vertices and ends.
    columns : sequence of sequences of int
        Those above each other, the inputs first and the outputs last.
    edges : sequence of (tail, head)
    places : dict from int to int
        The place of each vertex in the order, from 1.
    title : str
    ax : matplotlib.axes.Axes, optional

    Raises
    ------
    ChainError
        If the graph is too large to look at.
    """
    if len(names) > LARGEST_GRAPH:
        msg = f"plot draws up to {LARGEST_GRAPH} variables, and this graph has {len(names)}: print the elimination instead"
        raise ChainError(msg)
    tallest = max(map(len, columns), default=1)
    axes = axes_of(ax, min(2 + 0.9 * len(columns), 16), min(1.5 + 0.6 * tallest, 9))
    spots = {node: (float(x), (len(nodes) - 1) / 2 - row) for x, nodes in enumerate(columns) for row, node in enumerate(nodes)}
    for tail, head in edges:
        draw_arrow(axes, spots[tail], spots[head], 9, linewidth=0.8)
    for node, (x, y) in spots.items():
        color = GIVEN if node in places else COLORS["forward"] if x == 0 else COLORS["reverse"]
        name = str(names[node]) if len(str(names[node])) <= LONGEST_NAME else str(names[node])[: LONGEST_NAME - 1] + "…"
        text = f"{name}\n{places[node]}" if node in places else name
        box = {"boxstyle": "round,pad=0.3", "facecolor": color, "edgecolor": ink(axes), "linewidth": 0.8}
        shade = "black" if node in places else "white"
        axes.text(x, y, text, ha="center", va="center", fontsize=7, color=shade, bbox=box, zorder=3, parse_math=False)
    axes.set_xlim(-0.7, len(columns) - 0.3)
    axes.set_ylim(-(tallest - 1) / 2 - 0.8, (tallest - 1) / 2 + 0.8)
    axes.set_title(f"{title}\nbelow each vertex its place in the order", fontsize=9)
    axes.set_axis_off()
    return axes
