"""The trade-off between time and tape: the least cost for each tape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, overload

from chainopt.numbers import count, counted, ratio, times
from chainopt.plan.line import bracketing_line
from chainopt.report.tables import in_columns, table_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainopt.plan.plan import Plan
    from chainopt.typing import Cost, PlainDict

COLUMNS = ("tape", "cost", "times least", "bracketing")


class Corner(NamedTuple):
    """A tape, and the least cost that can be had with it."""

    tape: int
    cost: Cost


@dataclass(frozen=True, slots=True, repr=False)
class TapeFrontier(Sequence[Corner]):
    """The corners of the trade-off, the least tape first; `tape_frontier` makes it.

    Attributes
    ----------
    plans : tuple of Plan
        The cheapest plan at each corner: with less tape no plan is as cheap.

    Examples
    --------
    >>> from chainopt import Jacobian, tape_frontier
    >>> frontier = tape_frontier([(2, 50), Jacobian((50, 60), jvp_cost=100, vjp_cost=100, tape=9)])
    >>> print(frontier)
    tape    cost  times least  bracketing
       0  12,000           60  (J2 (J1 > I))
       9     200            1  (J2 < J1)
    >>> frontier[-1], frontier.plans[-1].mode.value
    (Corner(tape=9, cost=200), 'reverse')
    """

    plans: tuple[Plan, ...]

    def __len__(self) -> int:
        return len(self.plans)

    @overload
    def __getitem__(self, index: int) -> Corner: ...
    @overload
    def __getitem__(self, index: slice) -> list[Corner]: ...
    def __getitem__(self, index: int | slice) -> Corner | list[Corner]:
        """Return a corner, or a range of them."""
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        return Corner(self.plans[index].tape, self.plans[index].cost)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the least cost against the tape (needs the extra ``plot``), and return the axes."""
        from chainopt.report.frontier_figure import plot_frontier

        return plot_frontier(list(self), self.plans[0].unit, ax)

    def to_dict(self) -> PlainDict:
        """Return the corners and their plans as plain lists, ints and strings."""
        return {
            "corners": [list(corner) for corner in self],
            "plans": [plan.to_dict() for plan in self.plans],
        }

    def __str__(self) -> str:
        return in_columns(COLUMNS, self._cells())

    def __repr__(self) -> str:
        ends = f"tape {count(self.plans[0].tape)} to {count(self.plans[-1].tape)}"
        costs = f"cost {count(self.plans[0].cost)} to {count(self.plans[-1].cost)}"
        return f"<TapeFrontier of {counted(len(self), 'corner')}: {ends}, {costs} {self.plans[0].unit}>"

    def _repr_html_(self) -> str:
        return table_html(COLUMNS, self._cells(), f"cost in {self.plans[0].unit}")

    def _cells(self) -> list[tuple[str, ...]]:
        least = self.plans[-1].cost
        return [
            (count(plan.tape), count(plan.cost), times(ratio(plan.cost, least)), bracketing_line(plan)) for plan in self.plans
        ]
