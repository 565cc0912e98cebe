"""A figure of a sparse pattern and its colors. matplotlib is imported when it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.numbers import counted
from chainopt.report.axes import axes_of
from chainopt.structure.compression import sources

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainopt.structure.compression import Coloring
    from chainopt.structure.patterns import Entries
    from chainopt.typing import IntArray, NumpyArray

MOST_PIXELS = 600  # along a side; of a larger pattern several entries share one
SLENDER = 8  # times as long as wide: then the sides have no common scale
JVPS, VJPS = ("viridis", 0.0, 0.9), ("autumn", 0.1, 0.7)  # the color map of each, and the part of it that is used


def plot_pattern(entries: Entries, coloring: Coloring, ax: Axes | None = None) -> Axes:
    """Draw a point for each nonzero, in the color of the product that it is read off: JVPs from blue to yellow, VJPs in red.

    Parameters
    ----------
    entries : scipy.sparse.csr_array of bool
        The pattern.
    coloring : Coloring
        Of it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new ones by default.
    """
    rows, columns = (int(length) for length in entries.shape)
    axes = axes_of(ax, 5.0, 5.0)
    found = sources(entries, coloring)
    row = np.repeat(np.arange(rows), np.diff(entries.indptr))
    height, width = (min(max(length, 1), MOST_PIXELS) for length in (rows, columns))
    image = np.ones((height, width, 3))
    places = row * height // max(rows, 1), entries.indices.astype(np.int64) * width // max(columns, 1)
    for is_row, (name, begin, end), number in ((False, JVPS, coloring.jvps), (True, VJPS, coloring.vjps)):
        chosen = found.by_row == is_row
        image[places[0][chosen], places[1][chosen]] = _shades(name, begin, end, number, found.color[chosen])
    is_slender = max(rows, columns) > SLENDER * max(min(rows, columns), 1)
    extent = (-0.5, max(columns, 1) - 0.5, max(rows, 1) - 0.5, -0.5)
    axes.imshow(image, extent=extent, interpolation="nearest", aspect="auto" if is_slender else "equal")
    axes.xaxis.set_ticks_position("top")
    axes.set_xlabel(f"{counted(entries.nnz, 'nonzero')} of {rows:,} × {columns:,}", fontsize=9)
    one = "HVP" if coloring.is_symmetric else "JVP"
    counts = ((coloring.jvps, one), (coloring.vjps, "VJP"))
    parts = [counted(many, what) for many, what in counts if many]
    axes.set_title(" and ".join(parts) or "no product at all", fontsize=10)
    return axes


def _shades(name: str, begin: float, end: float, number: int, colors: IntArray) -> NumpyArray:
    """Return red, green and blue of each color, of ``number`` colors."""
    import matplotlib as mpl

    table = mpl.colormaps[name](np.linspace(begin, end, max(number, 1)))[:, :3]
    shades: NumpyArray = table[colors]
    return shades
