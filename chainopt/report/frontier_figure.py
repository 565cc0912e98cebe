"""The least cost for each tape, as steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.report.axes import COLORS, axes_of, shorten_ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from chainopt.typing import Cost


def plot_frontier(corners: Sequence[tuple[int, Cost]], unit: str, ax: Axes | None = None) -> Axes:
    """Draw the least cost against the tape: between two corners the cost is that of the left one.

    Parameters
    ----------
    corners : sequence of (int, int or float)
        A tape, and the least cost with it, the least tape first.
    unit : str
        What the costs count.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.
    """
    axes = axes_of(ax, 6.5, 3.6)
    tapes, costs = [float(tape) for tape, _ in corners], [float(cost) for _, cost in corners]
    end = tapes[-1] * 1.1 or 1.0
    axes.step([*tapes, end], [*costs, costs[-1]], where="post", color=COLORS["forward"], zorder=1)
    axes.scatter(tapes, costs, color=COLORS["reverse"], zorder=2)
    shorten_ticks(axes.xaxis, end)
    shorten_ticks(axes.yaxis, max(costs, default=0))
    axes.set_xlabel("tape, the largest that a reverse sweep of one stage needs")
    axes.set_ylabel(unit)
    axes.set_ylim(0, 1.08 * max(costs, default=0) or 1)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
