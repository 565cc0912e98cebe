"""The trade-off between time and tape: the least cost for each tape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, overload

from chainopt.numbers import count, ratio, times
from chainopt.report.tables import in_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainopt.plan.plan import Plan
    from chainopt.typing import Cost, PlainDict


class Corner(NamedTuple):
    """A tape, and the least cost that can be had with it."""

    tape: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class TapeFrontier(Sequence[Corner]):
    """The corners of the trade-off, the least tape first; `tape_frontier` makes it.

    Attributes
    ----------
    plans : tuple of Plan
        The cheapest plan at each corner: with less tape there is no plan that is as cheap.
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
        """Draw the least cost over the tape (needs the extra ``plot``), and return the axes."""
        from chainopt.report.frontier_figure import plot_frontier

        return plot_frontier(list(self), self.plans[0].unit, ax)

    def to_dict(self) -> PlainDict:
        """Return the corners and their plans as plain lists, ints and texts."""
        return {
            "corners": [list(corner) for corner in self],
            "plans": [plan.to_dict() for plan in self.plans],
        }

    def __str__(self) -> str:
        least = self.plans[-1].cost
        lines = [
            (count(plan.tape), count(plan.cost), times(ratio(plan.cost, least)), plan.bracketing_line) for plan in self.plans
        ]
        return in_columns(("tape", "cost", "times least", "bracketing"), lines)
