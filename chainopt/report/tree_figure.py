"""The bracketing as a tree of matrices."""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.errors import ChainError
from chainopt.numbers import count, shape_text
from chainopt.report.axes import GIVEN, NONZERO, OTHER, axes_of, ink
from chainopt.report.dot import MEANS
from chainopt.structure.patterns import places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.typing import ColorType

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.bracketing.operations import Join
    from chainopt.chain.chain import JacobianChain
    from chainopt.structure.structure import Structure
    from chainopt.typing import BoolArray

LONGEST_TREE = 200
LONGEST_LABELED, LONGEST_NAMED = 16, 60  # factors whose shapes, and whose names, have room below the tree
COLDEST, HOTTEST = 0.12, 0.78  # of the scale from yellow to brown, which has no grey: that is for what is given
LARGEST_BOX = 0.62
MOST_PIXELS = 40  # along a side of a pattern; of a larger one several entries share one
MOST_NONZEROS = 5_000_000  # of a pattern that is drawn


class Node(NamedTuple):
    """A matrix in the tree: a factor, or the product of two others."""

    x: float
    height: int
    rows: int
    columns: int


def plot_tree(
    chain: JacobianChain, bracketing: Bracketing, operations: Sequence[Join], title: str, ax: Axes | None = None
) -> Axes:
    """Draw factors and products as boxes with the proportions of the matrices, each product above its two sides.

    A factor that has a structure shows where its nonzeros are.

    Parameters
    ----------
    chain : JacobianChain
        The factors.
    bracketing : Bracketing
        Which products there are.
    operations : sequence of Join
        What each of them does and costs, in the order of the bracketing.
    title : str
        What stands above the tree.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Raises
    ------
    ChainError
        If the chain is too long to look at.
    """
    factors = len(chain)
    if factors > LONGEST_TREE:
        msg = f"plot draws up to {LONGEST_TREE} factors, and this chain has {factors}: look at operations, or plot a part"
        raise ChainError(msg)
    axes = axes_of(ax, min(2 + 1.3 * factors, 16), min(2.2 + 0.8 * factors, 9))
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch, Rectangle

    shades = colormaps["YlOrBr"]
    longest_side = math.log(1 + chain.largest) or 1.0
    has_labels = factors <= LONGEST_LABELED
    remaining = iter(operations)
    dearest = max([operation.cost for operation in operations], default=0) or 1

    structures = chain.structures

    def draw_box(node: Node, color: ColorType, structure: Structure | None = None) -> float:
        width, height = (LARGEST_BOX * max(math.log(1 + size) / longest_side, 0.06) for size in (node.columns, node.rows))
        corner = (node.x - width / 2, node.height - height / 2)
        axes.add_patch(Rectangle(corner, width, height, facecolor=color, edgecolor=ink(axes), linewidth=0.8, zorder=2))
        pixels = None if structure is None else _pixels(structure, (node.rows, node.columns))
        if pixels is not None:
            extent = (corner[0], corner[0] + width, corner[1], corner[1] + height)
            shown = np.ma.masked_where(~pixels, np.ones(pixels.shape))
            axes.imshow(shown, ListedColormap([NONZERO]), extent=extent, aspect="auto", interpolation="nearest", zorder=3)
        return width

    def join(left: Node, right: Node) -> Node:
        operation = next(remaining)
        node = Node((left.x + right.x) / 2, max(left.height, right.height) + 1, left.rows, right.columns)
        for side in (left, right):
            axes.plot([node.x, side.x], [node.height, side.height], color=OTHER, linewidth=1, zorder=1)
        width = draw_box(node, shades(COLDEST + (HOTTEST - COLDEST) * (operation.cost / dearest)))
        if has_labels:
            text = f"{shape_text(node.rows, node.columns)}\n{MEANS[type(operation)]}cost {count(operation.cost)}"
            backing = {"facecolor": axes.get_facecolor(), "edgecolor": "none", "alpha": 0.8, "pad": 1}
            axes.text(node.x + width / 2 + 0.06, node.height, text, ha="left", va="center", fontsize=8, bbox=backing)
        return node

    leaves = [Node(position, 0, int(chain.sizes[position]), int(chain.sizes[position + 1])) for position in range(factors)]
    for position, leaf in enumerate(leaves):
        draw_box(leaf, GIVEN, None if structures is None else structures[position])
        if has_labels:
            text = f"{chain.label(position)}\n{chain.shape_text(position)}"
            axes.text(position, -0.42, text, ha="center", va="top", fontsize=8, parse_math=False)
        elif factors <= LONGEST_NAMED:
            name = chain.label(position)
            axes.text(position, -0.42, name, ha="center", va="top", fontsize=7, rotation=90, parse_math=False)
    root = bracketing.fold(leaves, join)
    axes.set_xlim(-0.7, factors - 0.1)
    axes.set_ylim(-1.0, root.height + 0.6)
    if factors > 1:
        scale: list[tuple[Any, str]] = [
            (GIVEN, "given"),
            *([] if structures is None else [(NONZERO, "its nonzeros, where it has a structure")]),
            (shades(COLDEST), "product that costs little"),
            (shades(HOTTEST), f"the dearest: {count(dearest)}"),
        ]
        patches = [Patch(facecolor=color, edgecolor=ink(axes), linewidth=0.8, label=text) for color, text in scale]
        axes.legend(handles=patches, loc="upper left", fontsize=7, frameon=False)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()
    return axes


def _pixels(structure: Structure, shape: tuple[int, int]) -> BoolArray | None:
    """Return where a factor has nonzeros, in few pixels; None if it is dense or has too many, and without SciPy."""
    pattern = None if structure.is_dense or find_spec("scipy") is None else structure.pattern(shape)
    if pattern is None or not 0 < pattern.nonzeros <= MOST_NONZEROS:
        return None
    entries = places(pattern)
    row = np.repeat(np.arange(shape[0]), np.diff(entries.indptr))
    height, width = (min(size, MOST_PIXELS) for size in shape)
    pixels = np.zeros((height, width), np.bool_)
    pixels[row * height // shape[0], entries.indices.astype(np.int64) * width // shape[1]] = True
    return pixels
