"""Figures: the bracketing as a tree of matrices, a comparison as bars. matplotlib is imported here only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from chainopt.errors import ChainError, raise_missing_extra
from chainopt.numbers import count, shape_text, times
from chainopt.report.dot import MEANS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.bracketing.operations import Join
    from chainopt.chain.chain import JacobianChain
    from chainopt.report.tables import Row
    from chainopt.typing import Cost

LONGEST_TREE = 200
LONGEST_LABELLED = 16
LARGEST_BOX = 0.62
# Of the palette of Okabe and Ito, which colour-blind readers can tell apart.
COLOURS = {"forward": "#0072B2", "reverse": "#D55E00", "optimal": "#009E73"}
GIVEN = "#D9D9D9"


class Node(NamedTuple):
    """A matrix in the tree: a factor, or the product of two others."""

    x: float
    height: int
    rows: int
    columns: int


def new_axes(width: float, height: float) -> Axes:
    """Make a figure with one pair of axes."""
    try:
        import matplotlib.pyplot as plt
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise_missing_extra("plot", "matplotlib", "plot")
    if plt.get_backend().lower() == "agg":  # nobody will show it, so pyplot need not hold it
        return Figure(figsize=(width, height), layout="constrained").add_subplot()
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def plot_tree(
    chain: JacobianChain, bracketing: Bracketing, operations: Sequence[Join], title: str, ax: Axes | None = None
) -> Axes:
    """Draw factors and products as boxes with the proportions of the matrices, each product above its two sides."""
    factors = len(chain)
    if factors > LONGEST_TREE:
        msg = f"plot draws up to {LONGEST_TREE} factors, and this chain has {factors}: look at operations, or plot a part"
        raise ChainError(msg)
    axes = new_axes(min(2 + 1.3 * factors, 16), min(2.2 + 0.8 * factors, 9)) if ax is None else ax
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    shades = colormaps["cividis_r"]
    largest = math.log(1 + chain.largest) or 1.0
    labelled = factors <= LONGEST_LABELLED
    remaining = iter(operations)
    most = max([operation.cost for operation in operations], default=0) or 1

    def box(node: Node, colour: Any) -> float:
        width, height = (LARGEST_BOX * max(math.log(1 + size) / largest, 0.06) for size in (node.columns, node.rows))
        corner = (node.x - width / 2, node.height - height / 2)
        axes.add_patch(Rectangle(corner, width, height, facecolor=colour, edgecolor="black", linewidth=0.8, zorder=2))
        return width

    def join(left: Node, right: Node) -> Node:
        operation = next(remaining)
        node = Node((left.x + right.x) / 2, max(left.height, right.height) + 1, left.rows, right.columns)
        for side in (left, right):
            axes.plot([node.x, side.x], [node.height, side.height], color="#808080", linewidth=1, zorder=1)
        width = box(node, shades(0.1 + 0.8 * (operation.cost / most)))
        if labelled:
            text = f"{shape_text(node.rows, node.columns)}\n{MEANS[type(operation)]}cost {count(operation.cost)}"
            backing = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
            axes.text(node.x + width / 2 + 0.06, node.height, text, ha="left", va="center", fontsize=8, bbox=backing)
        return node

    leaves = []
    for at in range(factors):
        leaf = Node(at, 0, int(chain.sizes[at]), int(chain.sizes[at + 1]))
        leaves.append(leaf)
        box(leaf, GIVEN)
        if labelled:
            text = f"{chain.label(at)}\n{chain.shape_text(at)}"
            axes.text(at, -0.42, text, ha="center", va="top", fontsize=8, parse_math=False)
    root = bracketing.fold(leaves, join)
    axes.set_xlim(-0.7, factors - 0.1)
    axes.set_ylim(-1.0, root.height + 0.6)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()
    return axes


def plot_bars(rows: Sequence[Row], unit: str, ax: Axes | None = None) -> Axes:
    """Draw the costs of a comparison as bars."""
    axes = new_axes(6.5, 0.6 + 0.55 * len(rows)) if ax is None else ax
    from matplotlib.ticker import EngFormatter

    costs = [row.cost for row in rows]
    if max(costs) > 10**300:
        msg = "plot draws costs up to 1e300, which these exceed: print the comparison instead"
        raise ChainError(msg)
    names = [row.name for row in rows]
    colours = [COLOURS.get(name.split()[0], "#808080") for name in names]
    bars = axes.barh(names, [float(cost) for cost in costs], color=colours)
    axes.bar_label(bars, [f" {count(row.cost)}, {times(row.times_optimal)}×" for row in rows], fontsize=8)
    axes.invert_yaxis()
    if max(costs) > 50 * min(costs) > 0:
        axes.set_xscale("log")
    elif 10**3 < max(costs) < 10**24:
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.set_xlabel(unit)
    axes.margins(x=0.35)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def plot_frontier(corners: Sequence[tuple[int, Cost]], unit: str, ax: Axes | None = None) -> Axes:
    """Draw the least cost over the tape as steps: with any tape between two corners, the left one is what can be had."""
    axes = new_axes(6.5, 3.6) if ax is None else ax
    tapes, costs = [float(tape) for tape, _ in corners], [float(cost) for _, cost in corners]
    end = tapes[-1] * 1.1 or 1.0
    axes.step([*tapes, end], [*costs, costs[-1]], where="post", color=COLOURS["forward"], zorder=1)
    axes.scatter(tapes, costs, color=COLOURS["reverse"], zorder=2)
    from matplotlib.ticker import EngFormatter

    for axis, most in ((axes.xaxis, end), (axes.yaxis, max(costs, default=0))):
        if 10**3 < most < 10**24:
            axis.set_major_formatter(EngFormatter(sep=" "))
    axes.set_xlabel("tape, the largest that a reverse sweep of one stage needs")
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
