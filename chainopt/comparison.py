"""Forward, reverse and the cheapest bracketing side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainopt.report.text import Row, html_table, table
from chainopt.report.words import bracketing_line, ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainopt.plan import Plan


@dataclass(frozen=True, slots=True)
class Comparison:
    """Three plans for one chain; `compare` makes it.

    Attributes
    ----------
    forward, reverse : Plan or None
        The homogeneous plans; None where a stage lacks the mode.
    optimal : Plan
        The cheapest bracketing.
    """

    forward: Plan | None
    reverse: Plan | None
    optimal: Plan

    @property
    def speedup(self) -> float:
        """The cost of the cheaper pure mode over that of the optimum; 1.0 where both are zero."""
        pure = [plan.cost for plan in (self.forward, self.reverse) if plan is not None]
        return ratio(min(pure), self.optimal.cost)

    def rows(self) -> list[Row]:
        """Return the table, a row for every plan."""
        plans = {"forward": self.forward, "reverse": self.reverse, f"optimal ({self.optimal.mode})": self.optimal}
        return [
            Row(
                name,
                plan.cost,
                ratio(plan.cost, self.optimal.cost),
                plan.peak_memory,
                bracketing_line(plan.association, plan.chain),
            )
            for name, plan in plans.items()
            if plan is not None
        ]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the costs as bars (needs the extra ``plot``), and return the axes."""
        from chainopt.report.figures import plot_bars

        return plot_bars(self.rows(), ax)

    def __str__(self) -> str:
        return table(self.rows())

    def _repr_html_(self) -> str:
        return html_table(self.rows())
