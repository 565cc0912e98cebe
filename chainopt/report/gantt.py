"""A schedule as a Gantt chart: a line a worker, a bar an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.bracketing.operations import Accumulation, Multiplication, Pushforward
from chainopt.errors import ChainError
from chainopt.numbers import count
from chainopt.report.axes import new_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from chainopt.bracketing.operations import Operation
    from chainopt.typing import Cost

LARGEST = 10**300
MOST_WORKERS = 200
LEAST_LABELLED = 0.07  # of the makespan: a shorter bar has no room for a text
# Of the palette of Okabe and Ito; each kind has a hatch of its own too, for prints without colours.
KINDS = {
    "accumulation": ("#E69F00", ""),
    "product": ("#56B4E9", ""),
    "JVPs": ("#009E73", "//"),
    "VJPs": ("#CC79A7", "\\\\"),
}


def side_by_side(factors: int, ax: Axes | None) -> tuple[Axes, Axes]:
    """Make axes for the tree and, beside them, for the chart; those given are shared out among the two."""
    if ax is None:
        ax = new_axes(min(7 + 1.3 * factors, 20), min(2.2 + 0.8 * factors, 9))
    place = ax.get_subplotspec()
    if place is None:  # put there by its corners
        left, bottom, width, height = ax.get_position().bounds
        ax.set_position((left, bottom, 0.45 * width, height))
        return ax, ax.figure.add_axes((left + 0.55 * width, bottom, 0.45 * width, height))
    halves = place.subgridspec(1, 2)
    ax.set_subplotspec(halves[0])
    return ax, ax.figure.add_subplot(halves[1])


def kind_of(operation: Operation) -> str:
    """Name what an operation does."""
    if isinstance(operation, Accumulation):
        return "accumulation"
    if isinstance(operation, Multiplication):
        return "product"
    return "JVPs" if isinstance(operation, Pushforward) else "VJPs"


def plot_gantt(
    operations: Sequence[Operation], makespan: Cost, lower_bound: Cost, labels: Sequence[str], unit: str, axes: Axes
) -> Axes:
    """Draw each operation as a bar from its start on, on its worker's line; a bar names the factors that its result spans."""
    if makespan > LARGEST:
        msg = "plot draws makespans up to 1e300, which this one exceeds: look at operations instead"
        raise ChainError(msg)
    workers = 1 + max((operation.worker or 0 for operation in operations), default=0)
    if workers > MOST_WORKERS:
        msg = f"plot draws up to {MOST_WORKERS} workers, and this plan keeps {workers} busy: look at operations instead"
        raise ChainError(msg)
    named: set[str] = set()
    for operation in operations:
        kind = kind_of(operation)
        colour, hatch = KINDS[kind]
        start: Cost = operation.start or 0
        axes.barh(
            operation.worker or 0,
            float(operation.cost),
            left=float(start),
            height=0.7,
            color=colour,
            hatch=hatch,
            edgecolor="black",
            linewidth=0.6,
            label="_" if kind in named else kind,
        )
        named.add(kind)
        if makespan and float(operation.cost) / float(makespan) >= LEAST_LABELLED:
            first, last = labels[operation.first], labels[operation.last]
            text = first if operation.first == operation.last else f"{first}..{last}"
            middle = float(start) + float(operation.cost) / 2
            backing = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
            axes.text(middle, operation.worker or 0, text, ha="center", va="center", fontsize=8, bbox=backing, parse_math=False)
    if 0 < lower_bound < makespan:
        axes.axvline(float(lower_bound), color="black", linestyle="--", linewidth=1, label="lower bound")
    from matplotlib.ticker import EngFormatter, MaxNLocator

    if 10**3 < makespan < 10**24:
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlim(0, float(makespan) * 1.02 or 1)
    axes.set_ylim(workers - 0.5, -0.5)
    axes.yaxis.set_major_locator(MaxNLocator(min(workers, 10), integer=True))
    axes.set_ylabel("worker")
    axes.set_xlabel(unit)
    axes.set_title(f"makespan {count(makespan)}", fontsize=10)
    if operations:
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=len(named) + 1, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
