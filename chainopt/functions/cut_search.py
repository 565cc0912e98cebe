"""The equations of a program in one order, and the chains that it makes, cut here or there."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from chainopt.chain.chain import JacobianChain
from chainopt.chain.jacobian import Jacobian
from chainopt.functions.elementals import Elemental, elemental, pieces
from chainopt.ordering.order import optimal_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.trace import Equation, Trace

MOST_CUTS = 40
WORTH_A_CUT = 0.9  # of the cost may be left with it at most: each stage is work for the compiler, too
# Of a section without JVP and VJP: so dear that no plan uses it where there is another.
IMPOSSIBLE = 10**30


class Section(NamedTuple):
    """Equations between two cuts, the variables that are alive at both, and their Jacobian where it is known."""

    equations: tuple[Equation, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    known: Elemental | None
    parts: tuple[Section, ...] = ()  # those with known Jacobians, and what is between them


class Line:
    """Equations in an order in which they can be evaluated, and what is alive before, between and after them."""

    def __init__(self, trace: Trace, equations: Sequence[Equation], varying: set[int], states: Sequence[tuple[int, ...]]) -> None:
        self.trace, self.equations, self.varying, self.states = trace, equations, varying, states
        self.sizes = [sum(map(trace.size, state)) for state in states]
        prices = [equation.price for equation in equations]
        self.jvps = [0, *accumulate(price.jvp or 0 for price in prices)]
        self.vjps = [0, *accumulate(price.vjp or 0 for price in prices)]
        self.known: dict[tuple[int, int], Elemental | None] = {}
        self.without_jvp = [0, *accumulate(price.jvp is None for price in prices)]
        self.without_vjp = [0, *accumulate(price.vjp is None for price in prices)]

    def section(self, begin: int, end: int) -> Section:
        """Return what is between two cuts."""
        equations, before, after = tuple(self.equations[begin:end]), self.states[begin], self.states[end]
        if (begin, end) not in self.known:
            self.known[begin, end] = elemental(self.trace, self.varying, equations, before, after)
        return Section(equations, before, after, self.known[begin, end])

    def parted(self, begin: int, end: int) -> Section:
        """Return what is between two cuts, with its parts."""
        found = pieces(self.trace, self.varying, self.equations[begin:end], self.states[begin : end + 1])
        parts = [
            Section(
                tuple(self.equations[begin + first : begin + last]), self.states[begin + first], self.states[begin + last], known
            )
            for first, last, known in found
        ]
        return self.section(begin, end)._replace(parts=tuple(parts))

    def cuts(self, *, at_narrowest: bool = False) -> list[int]:
        """Return the narrowest places, and those around matrices at the ends, without which the plan would cost more.

        The narrowest of all can be demanded, if it is narrower than both ends.
        """
        end, sizes = len(self.equations), self.sizes
        narrow = [at for at in range(1, end) if sizes[at] < sizes[at - 1] and sizes[at] <= sizes[at + 1]]
        narrow = sorted(narrow, key=lambda at: (sizes[at], at))[:MOST_CUTS]
        products = [at for at, equation in enumerate(self.equations) if equation.matrices]
        around = {products[0] + 1, products[-1]} - {0, end} if products else set()
        cuts = [0, *sorted({*narrow, *around}), end]
        needed = min(narrow, key=lambda at: (sizes[at], at), default=0) if at_narrowest else 0
        starts = [cuts, [0, *sorted(narrow), end], sorted({0, needed, end})]  # what is pruned ends in a local minimum
        enough = min(map(self.cost, starts))
        pruned = [self._pruned(start, needed, enough) for start in starts]
        return min(pruned, key=lambda cuts: (self.cost(cuts) * WORTH_A_CUT > enough, len(cuts), self.cost(cuts)))

    def _pruned(self, cuts: list[int], needed: int, enough: int) -> list[int]:
        """Drop the cuts without which the plan costs not much more than enough, but for the needed one."""
        for at in sorted({*cuts[1:-1]} - {needed}, key=lambda at: (-self.sizes[at], at)):
            fewer = [other for other in cuts if other != at]
            if self.cost(fewer) * WORTH_A_CUT <= enough:
                cuts = fewer
        return cuts

    def cost(self, cuts: Sequence[int]) -> int:
        """Return what the cheapest order costs with these cuts."""
        return int(optimal_order(self.chain(cuts)).cost)

    def chain(self, cuts: Sequence[int], *, known: bool = True) -> JacobianChain:
        """Return the chain with these cuts; with or without what is known of the Jacobians."""
        return JacobianChain.from_stages([self._jacobian(begin, end, known=known) for begin, end in pairwise(cuts)])

    def _jacobian(self, begin: int, end: int, *, known: bool) -> Jacobian:
        rows, columns = shape = self.sizes[end], self.sizes[begin]
        jvp = None if self.without_jvp[end] - self.without_jvp[begin] else self.jvps[end] - self.jvps[begin]
        vjp = None if self.without_vjp[end] - self.without_vjp[begin] else self.vjps[end] - self.vjps[begin]
        found = self.section(begin, end).known if known else None
        accumulation = IMPOSSIBLE if jvp is None and vjp is None else None
        if found is not None:
            accumulation = found.cost(rows * columns)
        structure = None if found is None else found.structure
        return Jacobian(shape, jvp_cost=jvp, vjp_cost=vjp, accumulation_cost=accumulation, tape=columns, structure=structure)
