"""What all figures share: their axes and their colors. matplotlib is imported when something is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainopt.errors import ChainError, raise_missing_extra
from chainopt.kernels.interrupts import interrupts_held
from chainopt.numbers import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from chainopt.typing import Cost

# Of the palette of Okabe and Ito, which color-blind readers can tell apart.
COLORS = {"forward": "#0072B2", "reverse": "#D55E00", "optimal": "#009E73"}
OTHER = "#808080"
BEND = 0.35  # of an edge that would run through what stands between its ends
GIVEN = "#D9D9D9"  # of what is given, not computed
NONZERO = "#404040"  # of its nonzeros


def new_axes(width: float, height: float) -> Axes:
    """Make a figure of the given size in inches, with one pair of axes.

    Raises
    ------
    ChainError
        If matplotlib is not installed.
    """
    try:
        with interrupts_held():
            import matplotlib.pyplot as plt
            from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise_missing_extra("plot", "matplotlib", "plot")
    if plt.get_backend().lower() == "agg":  # nobody will show it, so pyplot need not hold it
        return Figure(figsize=(width, height), layout="constrained").add_subplot()
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def axes_of(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the axes that the user gave, or new ones of the given size in inches.

    Raises
    ------
    ChainError
        If ``ax`` is not axes: a figure is written to a file by its `savefig`.
    """
    if ax is None:
        return new_axes(width, height)
    if not hasattr(ax, "add_patch"):
        msg = f"ax is {shown(ax)}: give axes of matplotlib, or None; .plot().figure.savefig(...) writes a file"
        raise ChainError(msg)
    return ax


def ink(axes: Axes) -> Any:
    """Return the color of what is written: dark on light, and light on dark."""
    return axes.xaxis.label.get_color()


def line_grey(axes: Axes) -> str:
    """Return the gray of lines that matter less than what they join: dark on light, and light on dark."""
    from matplotlib.colors import to_rgb

    return "#606060" if sum(to_rgb(ink(axes))) < 1.5 else "#A8A8A8"


def draw_arrow(axes: Axes, tail: tuple[float, float], head: tuple[float, float], shrink: float, **style: Any) -> None:
    """Draw an edge of a graph, bent where it would run through what stands between its ends.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    tail, head : tuple of two floats
        Where it begins and ends.
    shrink : float
        How many points it keeps away from both.
    **style
        What differs from most edges.
    """
    is_long = head[0] - tail[0] > 1 and abs(head[1] - tail[1]) < 1
    arrow = {
        "arrowstyle": "-|>",
        "color": line_grey(axes),
        "linewidth": 1.0,
        "shrinkA": shrink,
        "shrinkB": shrink,
        "connectionstyle": f"arc3,rad={-BEND if is_long else 0.0}",
    }
    axes.annotate("", xy=head, xytext=tail, arrowprops=arrow | style, zorder=2)


def shorten_ticks(axis: Axis, largest: Cost) -> None:
    """Write large numbers at an axis with a prefix, as in "80 M"."""
    from matplotlib.ticker import EngFormatter

    if 10**3 < largest < 10**24:
        axis.set_major_formatter(EngFormatter(sep=" "))
