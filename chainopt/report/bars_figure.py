"""A comparison as bars."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.numbers import count, times
from chainopt.report.axes import COLORS, OTHER, axes_of, shorten_ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from chainopt.report.tables import Row


def plot_bars(rows: Sequence[Row], unit: str, ax: Axes | None = None) -> Axes:
    """Draw the costs of a comparison as bars.

    Parameters
    ----------
    rows : sequence of Row
        A bar each, from top to bottom.
    unit : str
        What the costs count.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Raises
    ------
    ChainError
        If a cost is too large for a float.
    """
    axes = axes_of(ax, 6.5, 0.6 + 0.55 * len(rows))
    costs = [row.cost for row in rows]
    if max(costs) > 10**300:
        msg = "plot draws costs up to 1e300, which these exceed: print the comparison instead"
        raise ChainError(msg)
    names = [row.name for row in rows]
    colors = [COLORS.get(name.split()[0], OTHER) for name in names]
    bars = axes.barh(names, [float(cost) for cost in costs], color=colors)
    axes.bar_label(bars, [_label(row) for row in rows], padding=3, fontsize=8)
    axes.invert_yaxis()
    if max(costs) > 50 * min(costs) >= 50:  # of what begins at 1; of seconds lengths are compared
        axes.set_xscale("log")
        axes.set_xlim(1, 10 ** min(1.35 * math.log10(max(costs)), 305))  # with room for the labels
        axes.set_xlabel(f"{unit}, on a logarithmic scale")
    else:
        shorten_ticks(axes.xaxis, max(costs))
        axes.set_xlabel(unit)
        axes.margins(x=0.35)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _label(row: Row) -> str:
    return f"{count(row.cost)}" + ("" if math.isinf(row.times_optimal) else f", {times(row.times_optimal)}×")
