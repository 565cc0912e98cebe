"""Forward, reverse and the cheapest bracketing side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainopt.numbers import count, counted, ratio
from chainopt.plan.line import bracketing_line
from chainopt.plan.serialization import to_json
from chainopt.report.tables import ComparisonTable, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainopt.plan.plan import Plan
    from chainopt.typing import PlainDict


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Three plans for one chain; `compare` makes it.

    Attributes
    ----------
    forward, reverse : Plan or None
        The homogeneous plans; None where a stage lacks the mode.
    optimal : Plan
        The cheapest bracketing.

    Examples
    --------
    >>> import chainopt
    >>> comparison = chainopt.compare([(1000, 3), (3, 500), (500, 2), (2, 800)])
    >>> comparison.forward.cost, comparison.reverse.cost, comparison.optimal.cost
    (4400000, 4100000, 1609000)
    >>> round(comparison.speedup, 2)
    2.55
    """

    forward: Plan | None
    reverse: Plan | None
    optimal: Plan

    @property
    def speedup(self) -> float:
        """How many times as much the better pure mode takes as the optimum; 1.0 for 0/0, infinite without a pure mode."""
        pure = [plan.makespan for plan in (self.forward, self.reverse) if plan is not None]
        return ratio(min(pure), self.optimal.makespan) if pure else math.inf

    @property
    def full_trace(self) -> int:
        """The sum of the tapes of all stages: what reverse mode keeps if it stores them all at once."""
        costs = self.optimal.chain.stage_costs
        return 0 if costs is None else sum(costs.tape)

    @property
    def unit(self) -> str:
        """The unit of the costs, which says with several workers that they are makespans."""
        workers = self.optimal.workers
        if workers == 1:
            return self.optimal.unit
        return f"{self.optimal.unit}, the makespan on {'unlimited' if math.isinf(workers) else workers} workers"

    @property
    def table(self) -> ComparisonTable:
        """What is printed."""
        return ComparisonTable(self.rows(), self.unit, self.full_trace)

    def rows(self) -> list[Row]:
        """Return the table, a row for every plan; with several workers its cost is the makespan."""
        plans = {"forward": self.forward, "reverse": self.reverse, f"optimal ({self.optimal.mode})": self.optimal}
        return [
            Row(
                name,
                plan.makespan,
                ratio(plan.makespan, self.optimal.makespan),
                plan.peak_memory,
                None if plan.chain.stage_costs is None else plan.tape,
                bracketing_line(plan),
                plan.about,
            )
            for name, plan in plans.items()
            if plan is not None
        ]

    def to_dict(self) -> PlainDict:
        """Return the costs and the three plans as plain lists, ints and strings."""
        plans = {"forward": self.forward, "reverse": self.reverse, "optimal": self.optimal}
        return {name: None if plan is None else plan.to_dict() for name, plan in plans.items()}

    def to_json(self) -> str:
        """Return `to_dict` as JSON text.

        Raises
        ------
        ChainError
            If a number has more digits than Python is set to write.
        """
        return to_json(self.to_dict())

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the costs as bars (needs the extra ``plot``), and return the axes."""
        from chainopt.report.bars_figure import plot_bars

        return plot_bars(self.rows(), self.unit, ax)

    def __str__(self) -> str:
        return self.table.text()

    def __repr__(self) -> str:
        costs = ", ".join(f"{row.name} {row.about}{count(row.cost)}" for row in self.rows())
        return f"<Comparison of {counted(len(self.optimal.chain), 'factor')}: {costs} {self.optimal.unit}>"

    def _repr_html_(self) -> str:
        return self.table.html()
