"""Vertex elimination, one variable after the other: what it costs, and with matrices on the edges what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chainopt.costs.multiplications import Multiplications
from chainopt.graphs.edges import IDENTITY, Link, added, written_out
from chainopt.structure import patterns
from chainopt.structure.bands import Band

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.graphs.price import Price
    from chainopt.typing import Cost

    Links = dict[tuple[int, int], Link]

PRODUCT, PUSHED, PULLED = "product", "pushed", "pulled"


class Stage(NamedTuple):
    """A part of a graph: variables in, variables out, and those it computes, in an order in which they can be.

    A variable may come in and go out, or go out and be used inside.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    computed: tuple[int, ...]


class Step(NamedTuple):
    """One way to eliminate a variable: its cost, and the edges into it and out of it whose matrices it takes."""

    cost: Cost
    ins: frozenset[int] | set[int]
    outs: frozenset[int] | set[int]


NOTHING = Step(0, frozenset(), frozenset())


class Tableau:
    """The edges that are left; variables are eliminated one by one, until only inputs and outputs have edges.

    An output k is kept as a variable ~k of its own, an identity behind it, so that whatever is computed can be eliminated.

    Parameters
    ----------
    stage : Stage
    links : dict from (tail, head) to Link
        The edges into what is computed.
    sizes : sequence of int
        Of all variables.
    price : Price
    """

    def __init__(self, stage: Stage, links: Links, sizes: Sequence[int], price: Price) -> None:
        self.stage, self.sizes, self.price = stage, sizes, price
        self._dense: dict[Any, Link] = {}  # products by their entries
        self.before: dict[int, dict[int, Link]] = {node: {} for node in stage.computed}
        self.after: dict[int, dict[int, Link]] = {node: {} for node in (*stage.inputs, *stage.computed)}
        for (tail, head), link in links.items():
            self.before[head][tail] = self.after[tail][head] = link
        for node in stage.outputs:
            self.before[~node] = {}
            if node in self.after:
                self.before[~node][node] = self.after[node][~node] = IDENTITY

    def size(self, node: int) -> int:
        """Return the size of a variable, or of the output behind it."""
        return self.sizes[node if node >= 0 else ~node]

    def eliminate(self, node: int) -> Cost:
        """Multiply what goes in with what goes out, and return what that costs."""
        tails, heads = self.before.pop(node), self.after.pop(node)
        step = self.cheapest(node, tails, heads)
        for tail in tails:
            del self.after[tail][node]
        for head in heads:
            del self.before[head][node]
        if step is not NOTHING:
            tails = {tail: self.with_matrix(link, node, tail) if tail in step.ins else link for tail, link in tails.items()}
            heads = {head: self.with_matrix(link, head, node) if head in step.outs else link for head, link in heads.items()}
        for tail, right in tails.items():
            after = self.after[tail]
            for head, left in heads.items():
                if right is IDENTITY:
                    link = left
                elif left is IDENTITY:
                    link = right
                else:
                    link = self.product(node, head, left, right, tail, step)
                if head in after:
                    if link is after[head] is self._dense.get(link.jvp):
                        continue  # two dense products, whose sum is one
                    link = added(*(written_out(self.size(tail)) if part is IDENTITY else part for part in (after[head], link)))
                after[head] = self.before[head][tail] = link
        return step.cost

    def cheapest(self, node: int, tails: dict[int, Link], heads: dict[int, Link]) -> Step:
        """Return the least cost of all products at a variable, and from where and to where matrices are needed for it.

        A product of two edges needs the matrix of one of them. So either all edges that come in have matrices, and of those
        that go out as many as pays, or the reverse. A product of two matrices is formed as such, or one of them is pushed or
        pulled through the other edge, whose matrix may be needed for others only.
        """
        ins = [(tail, link) for tail, link in tails.items() if link is not IDENTITY]
        outs = [(head, link) for head, link in heads.items() if link is not IDENTITY]
        if not ins or not outs:
            return NOTHING
        forward: Cost = sum([link.accumulation for _, link in ins])
        reverse: Cost = sum([link.accumulation for _, link in outs])
        widths = [self.size(tail) for tail, _ in ins]
        heights = [self.size(head) for head, _ in outs]
        with_both = self._pairs(node, ins, outs)
        columns, rows = sum(widths), sum(heights)
        made_outs, made_ins = set(), set()
        for (head, link), costs in zip(outs, with_both, strict=True):
            matrix = link.accumulation + sum(costs)
            pushed = matrix if link.jvp is None else columns * link.jvp
            forward += min(matrix, pushed)
            if matrix <= pushed:
                made_outs.add(head)
        for at, (tail, link) in enumerate(ins):
            matrix = link.accumulation + sum([costs[at] for costs in with_both])
            pulled = matrix if link.vjp is None else rows * link.vjp
            reverse += min(matrix, pulled)
            if matrix <= pulled:
                made_ins.add(tail)
        if forward <= reverse:
            return Step(forward, {tail for tail, _ in ins}, made_outs)
        return Step(reverse, made_ins, {head for head, _ in outs})

    def _pairs(self, node: int, ins: list[tuple[int, Link]], outs: list[tuple[int, Link]]) -> list[list[Cost]]:
        """Return what the products cost of edges that all have matrices, a list for each that goes out."""
        if not isinstance(self.price.model, Multiplications) or any(link.pattern is not None for _, link in (*ins, *outs)):
            return [[self.pair(node, head, left, right, tail)[0] for tail, right in ins] for head, left in outs]
        size = self.size(node)  # the same as there, for the multitude of dense edges
        rights = []
        for tail, link in ins:
            width = self.size(tail)
            full = size * width
            rights.append((width, full if link.vjp is None else min(full, link.vjp)))
        lefts = []
        for head, link in outs:
            height = self.size(head)
            lefts.append((height, height * size if link.jvp is None else link.jvp))
        return [[min(height * pulled, width * pushed) for width, pulled in rights] for height, pushed in lefts]

    def pair(self, node: int, head: int, left: Link, right: Link, tail: int) -> tuple[Cost, str]:
        """Return what the product of two edges costs of which both have matrices, and how it is formed."""
        height, width = self.size(head), self.size(tail)
        count = None
        if left.pattern is not None or right.pattern is not None:
            size = self.size(node)
            count = patterns.multiplications(
                Band.full(height, size) if left.pattern is None else left.pattern,
                Band.full(size, width) if right.pattern is None else right.pattern,
            )
        cost, way = self.price(height, self.size(node), width, count), PRODUCT
        if left.jvp is not None and width * left.jvp < cost:
            cost, way = width * left.jvp, PUSHED
        if right.vjp is not None and height * right.vjp < cost:
            cost, way = height * right.vjp, PULLED
        return cost, way

    def with_matrix(self, link: Link, head: int, tail: int) -> Link:  # noqa: ARG002 -- for those who form it
        """Return an edge whose matrix has been paid for."""
        return link._replace(accumulation=0) if link.accumulation else link

    def product(self, node: int, head: int, left: Link, right: Link, tail: int, step: Step) -> Link:  # noqa: ARG002
        """Return the product of two edges."""
        if left.pattern is None and right.pattern is None:
            return self._made(self.size(head) * self.size(tail))
        shape = self.size(head), self.size(tail)
        pattern = patterns.product(
            Band.full(shape[0], self.size(node)) if left.pattern is None else left.pattern,
            Band.full(self.size(node), shape[1]) if right.pattern is None else right.pattern,
        )
        entries = pattern.nonzeros
        made = self._made(entries)
        return made if entries == shape[0] * shape[1] else made._replace(pattern=pattern)

    def _made(self, entries: int) -> Link:
        if entries not in self._dense:
            self._dense[entries] = Link(0, entries, entries)
        return self._dense[entries]

    def remaining(self) -> Cost:
        """Return what the matrices of the edges cost that are left when all is eliminated."""
        return sum((link.accumulation for node in self.stage.outputs for link in self.before[~node].values()), 0)
