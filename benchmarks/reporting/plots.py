"""Figures of a suite: growth where cases are lengths, curves, and ratios to the first contender elsewhere."""

import io
import re
import textwrap

from benchmarks.reporting.tables import contests, seconds_text

# Of the palette of Okabe and Ito, which color-blind readers can tell apart; the first is for the first contender.
COLORS = ("#009E73", "#0072B2", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osv^DPX"
DASHES = ("-", "-", (0, (5, 3)), (0, (3, 1, 1, 1)))  # of curves without markers: one that covers another lets it be seen
FEWEST = 4  # numbers: fewer are as easily read in the table
LENGTH = re.compile(r"n = ([\d,]+)$")
UNITS = {"s": "seconds", "bytes": "bytes", "multiply-adds": "multiply-adds"}


def figures(suite, *, ratios=True):
    """Draw the figures of a suite; by title, as the text of an SVG. Those of ratios show at a glance what their table says."""
    drawn = {cells.group: contest_figure(cells, ratios=ratios) for cells in contests(suite)}
    groups = {}
    for group, *curve in suite.curves:
        groups.setdefault(group, []).append(curve)
    drawn |= {group: curves_figure(group, curves) for group, curves in groups.items()}
    return {title: svg(figure) for title, figure in drawn.items() if figure is not None}


def svg(figure):
    """Write a figure as the text of an SVG, the same for the same figure."""
    import matplotlib as mpl

    with io.BytesIO() as file, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "chainopt"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
        text = file.getvalue().decode()
    return compact(text[text.index("<svg") :])


def compact(text):
    """Cut the coordinates of an SVG to hundredths of a point, and take out the white space around its tags."""
    text = re.sub(r'="[^"]*"', lambda attribute: re.sub(r"(\.\d\d)\d+", r"\1", attribute[0]), text)
    return re.sub(r"\s*\n\s*", "\n", text)


def new_axes(width, height):
    from matplotlib.figure import Figure

    axes = Figure(figsize=(width, height), layout="constrained").add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def on_log(axis, scale="log"):
    """Give an axis a scale; on a logarithmic one ticks at 1, 2 and 5 where it is short, written as plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.axes.set(**{f"{axis.axis_name}scale": scale})
    if scale == "log":
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:.1g}")
        axis.set_minor_formatter(NullFormatter())


def finished(axes, title):
    """Put the title above and the legend below; return the figure."""
    figure = axes.figure
    figure.suptitle(textwrap.fill(title, 80), fontsize=10)
    if len(axes.get_legend_handles_labels()[0]) > 1:
        figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def contest_figure(cells, *, ratios):
    """Draw a contest, if there is anything to see: several numbers, in a unit that has ratios."""
    if cells.unit not in UNITS or sum(value is not None for value in cells.values.values()) < FEWEST:
        return None
    lengths = [LENGTH.search(case) for case in cells.cases]
    if all(lengths) and len(lengths) > 2:
        return growth_figure(cells, [int(match[1].replace(",", "")) for match in lengths])
    return ratios_figure(cells) if ratios and len(cells.peers) > 1 else None


def growth_figure(cells, lengths):
    axes = new_axes(6.5, 3.6)
    for index, who in enumerate(cells.peers):
        pairs = zip(lengths, (cells.values.get((case, who)) for case in cells.cases), strict=True)
        points = [(length, value) for length, value in pairs if value]
        if points:
            axes.plot(*zip(*points, strict=True), color=COLORS[index % 7], marker=MARKERS[index % 7], markersize=4, label=who)
    on_log(axes.xaxis)
    on_log(axes.yaxis)
    if cells.unit == "s":
        axes.yaxis.set_major_formatter(lambda value, _: seconds_text(value))
    axes.set_xlabel("n")
    axes.set_ylabel("time" if cells.unit == "s" else UNITS[cells.unit])
    return finished(axes, cells.group)


def ratios_figure(cells):
    """Draw every peer's ratio to the first contender, a line for each case."""
    first, *others = cells.peers
    cases = [case for case in cells.cases if cells.values.get((case, first))]
    values = [[cells.values.get((case, who)) for who in others] for case in cases]
    if not any(value for line in values for value in line):
        return None
    axes = new_axes(7.5, 1.5 + 0.3 * len(cases))
    axes.axvline(1, color=COLORS[0], linewidth=1.5, label=first)
    for index, who in enumerate(others, 1):
        points = [
            (line[index - 1] / cells.values[case, first], y)
            for y, (case, line) in enumerate(zip(cases, values, strict=True))
            if line[index - 1]
        ]
        if points:
            hollow = {"facecolors": "none", "edgecolors": COLORS[index % 7], "linewidths": 1.4}  # so that none hides another
            axes.scatter(*zip(*points, strict=True), marker=MARKERS[index % 7], s=30, label=who, zorder=2, **hollow)
    axes.set_yticks(range(len(cases)), cases, fontsize=8)
    axes.set_ylim(len(cases) - 0.5, -0.5)
    axes.grid(axis="y", color="#E0E0E0", linewidth=0.6)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.4), max(high, 4))
    on_log(axes.xaxis)
    axes.set_xlabel(f"{UNITS[cells.unit]}, times those of {first}")
    return finished(axes, cells.group)


def curves_figure(title, curves):
    """Draw the curves of a group in one pair of axes."""
    axes = new_axes(6.5, 3.6)
    for index, (who, xs, ys, options) in enumerate(curves):
        marker, dashes = (MARKERS[index % 7], "-") if len(xs) <= 20 else (None, DASHES[index % 4])
        axes.plot(xs, ys, color=COLORS[index % 7], linestyle=dashes, marker=marker, markersize=4, label=who)
        axes.set(**options)
    for axis in (axes.xaxis, axes.yaxis):
        on_log(axis, axis.get_scale())
    if axes.get_ylabel() == "time":
        axes.yaxis.set_major_formatter(lambda value, _: seconds_text(value))
    return finished(axes, title)
