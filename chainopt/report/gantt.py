"""A schedule as a Gantt chart: a row per worker, a bar per operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.bracketing.operations import Accumulation, Multiplication, Pushforward
from chainopt.errors import ChainError
from chainopt.numbers import count
from chainopt.report.axes import axes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from chainopt.bracketing.operations import Operation
    from chainopt.typing import Cost

LARGEST = 10**300
MOST_WORKERS = 200
LEAST_LABELED = 0.07  # of the makespan: a shorter bar has no room for a text
# Of the palette of Okabe and Ito; each has a hatch of its own too, for prints without colors.
STYLES = {
    "accumulation": ("#E69F00", ""),
    "product": ("#56B4E9", ""),
    "JVPs": ("#009E73", "//"),
    "VJPs": ("#CC79A7", "\\\\"),
}


def side_by_side(factors: int, ax: Axes | None) -> tuple[Axes, Axes]:
    """Make axes for the tree and, beside them, for the chart; given axes are divided between the two."""
    ax = axes_of(ax, min(7 + 1.3 * factors, 20), min(2.2 + 0.8 * factors, 9))
    place = ax.get_subplotspec()
    if place is None:  # put there by its corners
        left, bottom, width, height = ax.get_position().bounds
        ax.set_position((left, bottom, 0.45 * width, height))
        return ax, ax.figure.add_axes((left + 0.55 * width, bottom, 0.45 * width, height))
    halves = place.subgridspec(1, 2)
    ax.set_subplotspec(halves[0])
    return ax, ax.figure.add_subplot(halves[1])


def style_of(operation: Operation) -> str:
    """Return the name of an operation's style, which the legend shows."""
    if isinstance(operation, Accumulation):
        return "accumulation"
    if isinstance(operation, Multiplication):
        return "product"
    return "JVPs" if isinstance(operation, Pushforward) else "VJPs"


def plot_gantt(
    operations: Sequence[Operation], makespan: Cost, lower_bound: Cost, labels: Sequence[str], unit: str, axes: Axes
) -> Axes:
    """Draw each operation as a bar from its start on, in its worker's row; a bar names the factors that its result spans.

    Parameters
    ----------
    operations : sequence of Operation
        With their workers and starts.
    makespan, lower_bound : int or float
        When the last of them ends, and the least that any plan takes; where that is less, it is a dashed line.
    labels : sequence of str, length n
        The names of the factors.
    unit : str
        The unit of times.
    axes : matplotlib.axes.Axes
        Where the chart goes.

    Raises
    ------
    ChainError
        If times or workers are too many to be drawn.
    """
    if makespan > LARGEST:
        msg = "plot draws makespans up to 1e300, which this one exceeds: look at operations instead"
        raise ChainError(msg)
    workers = 1 + max((operation.worker or 0 for operation in operations), default=0)
    if workers > MOST_WORKERS:
        msg = f"plot draws up to {MOST_WORKERS} workers, and this plan keeps {workers} busy: look at operations instead"
        raise ChainError(msg)
    in_legend: set[str] = set()
    for operation in operations:
        style = style_of(operation)
        _draw_bar(operation, "_" if style in in_legend else style, axes)
        in_legend.add(style)
        if makespan and float(operation.cost) / float(makespan) >= LEAST_LABELED:
            _draw_label(operation, labels, axes)
    if 0 < lower_bound < makespan:
        axes.axvline(float(lower_bound), color=axes.xaxis.label.get_color(), linestyle="--", linewidth=1, label="lower bound")
    from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator

    if 10**3 < makespan < 10**24:
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlim(0, float(makespan) * 1.02 or 1)
    axes.set_ylim(workers - 0.5, -0.5)
    axes.yaxis.set_major_locator(FixedLocator([0]) if workers == 1 else MaxNLocator(min(workers, 10), integer=True))
    axes.set_ylabel("worker")
    axes.set_xlabel(unit)
    axes.set_title(f"makespan {count(makespan)}", fontsize=10)
    if operations:
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=len(in_legend) + 1, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _draw_bar(operation: Operation, legend: str, axes: Axes) -> None:
    """Draw an operation; matplotlib leaves a legend that begins with an underscore out."""
    color, hatch = STYLES[style_of(operation)]
    axes.barh(
        operation.worker or 0,
        float(operation.cost),
        left=float(operation.start or 0),
        height=0.7,
        color=color,
        hatch=hatch,
        edgecolor="black",
        linewidth=0.6,
        label=legend,
    )


def _draw_label(operation: Operation, labels: Sequence[str], axes: Axes) -> None:
    """Write on a bar which factors its result spans."""
    first, last = labels[operation.first], labels[operation.last]
    text = first if operation.first == operation.last else f"{first}..{last}"
    middle = float(operation.start or 0) + float(operation.cost) / 2
    backing = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    axes.text(
        middle, operation.worker or 0, text, ha="center", va="center", fontsize=8, color="black", bbox=backing, parse_math=False
    )
