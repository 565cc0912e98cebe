"""A figure of a computation graph and where it is cut into stages. matplotlib and networkx are imported here when it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.numbers import count
from chainopt.report.axes import COLORS, GIVEN, axes_of, draw_arrow, ink

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from matplotlib.axes import Axes

    from chainopt.typing import Graph

LARGEST_GRAPH = 200
LONGEST_NAME = 12


def plot_cuts(
    graph: Graph,
    stages: Sequence[Sequence[Hashable]],
    sizes: Sequence[int],
    skips: Sequence[tuple[Hashable, Hashable]],
    ax: Axes | None = None,
) -> Axes:
    """Draw variables from left to right as they are computed, and a dashed line at each cut with the size of what is live there.

    ``stages`` and the ``sizes`` between them come in evaluation order. Variables that no stage computes or takes as input are
    left out.
    """
    columns = _columns(graph, stages, skips)
    nodes = [node for column in columns for node in column]
    if len(nodes) > LARGEST_GRAPH:
        msg = f"plot draws up to {LARGEST_GRAPH} variables, and this graph has {len(nodes)}: plot the chain's plan instead"
        raise ChainError(msg)
    tallest = max(map(len, columns), default=1)
    axes = axes_of(ax, min(2 + 1.1 * len(columns), 16), min(2.2 + 0.7 * tallest, 9))
    places = {
        node: (float(x), (len(column) - 1) / 2 - row) for x, column in enumerate(columns) for row, node in enumerate(column)
    }
    skipped = set(skips)
    for tail, head in dict.fromkeys((tail, head) for tail, head in graph.edges() if tail in places and head in places):
        style = {"color": COLORS["optimal"], "linestyle": "dashed"} if (tail, head) in skipped else {}
        draw_arrow(axes, places[tail], places[head], 12, **style)
    for node, (x, y) in places.items():
        is_end = not any(head in places for head in graph.successors(node))
        color = COLORS["forward"] if node in columns[0] else COLORS["reverse"] if is_end else GIVEN
        text = str(node) if len(str(node)) <= LONGEST_NAME else str(node)[: LONGEST_NAME - 1] + "…"
        box = {"boxstyle": "round,pad=0.35", "facecolor": color, "edgecolor": ink(axes), "linewidth": 0.8}
        shade = "black" if color == GIVEN else "white"
        axes.text(x, y, text, ha="center", va="center", fontsize=8, color=shade, bbox=box, zorder=3, parse_math=False)
    _cut_lines(axes, _ends(columns, stages), sizes, (tallest - 1) / 2 + 0.75)
    axes.set_xlim(-0.8, len(columns) - 0.2)
    axes.set_ylim(-(tallest - 1) / 2 - 0.9, (tallest - 1) / 2 + 1.2)
    axes.set_title("dotted: cuts, and the size of what is live there", fontsize=9)
    axes.set_axis_off()
    return axes


def _columns(
    graph: Graph, stages: Sequence[Sequence[Hashable]], skips: Sequence[tuple[Hashable, Hashable]]
) -> list[list[Hashable]]:
    """Return what stands above each other: the inputs, then of each stage what can be computed at the same time."""
    import networkx as nx

    computed = {node for stage in stages for node in stage}
    before = {tail for node in computed for tail in graph.predecessors(node) if tail not in computed}
    aside = {node for skip in skips for node in skip} - computed
    columns = [[node for node in graph if node in before | aside]]
    for stage in stages:
        columns += [list(generation) for generation in nx.topological_generations(graph.subgraph(stage))]
    return columns


def _ends(columns: list[list[Hashable]], stages: Sequence[Sequence[Hashable]]) -> list[float]:
    """Return where each stage but the last one ends."""
    stage_of = {node: number for number, stage in enumerate(stages) for node in stage}
    last = {stage_of[node]: x for x, column in enumerate(columns) for node in column if node in stage_of}
    return [last[number] + 0.5 for number in range(len(stages) - 1) if number in last]


def _cut_lines(axes: Axes, ends: Sequence[float], sizes: Sequence[int], top: float) -> None:
    narrowest = min(sizes)
    for x, size in zip(ends, sizes[1:-1], strict=False):
        is_narrowest = size == narrowest
        axes.plot([x, x], [-top, top], color=ink(axes), linestyle=":", linewidth=2 if is_narrowest else 1, zorder=1)
        axes.text(x, top + 0.08, count(size), ha="center", va="bottom", fontsize=9, weight="bold" if is_narrowest else "normal")
