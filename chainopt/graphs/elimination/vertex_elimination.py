"""Vertex elimination, one variable after the other: what it costs, and with matrices on the edges what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chainopt.bracketing.operations import PRODUCT, PULLED, PUSHED
from chainopt.costs.multiplications import Multiplications
from chainopt.graphs.edges import IDENTITY, Partial, added, written_out
from chainopt.structure import patterns
from chainopt.structure.bands import Band

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.costs.model import CostModel
    from chainopt.graphs.edges import Edge
    from chainopt.graphs.liveness import Stage
    from chainopt.typing import Cost

    Partials = dict[Edge, Partial]


class Step(NamedTuple):
    """One way to eliminate a variable: its cost, and the edges into it and out of it whose matrices it takes."""

    cost: Cost
    ins: frozenset[int] | set[int]
    outs: frozenset[int] | set[int]


NOTHING = Step(0, frozenset(), frozenset())


def product_cost(model: CostModel, sizes: tuple[int, int, int], count: int | None = None) -> Cost:
    """Return what a product of an m x k and a k x n matrix costs; one of structured matrices takes ``count`` multiplications."""
    priced: Any = model  # which takes numbers as well as arrays
    cost = priced.products(*sizes) if count is None else priced.structured(count)
    return cost if isinstance(model, Multiplications) else float(cost)


class VertexElimination:
    """The edges of a stage that are left; variables are eliminated one by one, until only inputs and outputs have edges.

    An output k is kept as a variable ~k of its own, an identity behind it, so that whatever is computed can be eliminated.
    """

    def __init__(self, stage: Stage, partials: Partials, sizes: Sequence[int], model: CostModel) -> None:
        self.stage, self.sizes, self.model = stage, sizes, model
        self._dense: dict[Cost | None, Partial] = {}  # products by their entries
        self.before: dict[int, dict[int, Partial]] = {node: {} for node in stage.computed}
        self.after: dict[int, dict[int, Partial]] = {node: {} for node in (*stage.inputs, *stage.computed)}
        for (tail, head), partial in partials.items():
            self.before[head][tail] = self.after[tail][head] = partial
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
            tails |= {tail: self.with_matrix(tails[tail], node, tail) for tail in tails if tail in step.ins}
            heads |= {head: self.with_matrix(heads[head], head, node) for head in heads if head in step.outs}
        for tail, right in tails.items():
            after = self.after[tail]
            for head, left in heads.items():
                if right is IDENTITY:
                    partial = left
                elif left is IDENTITY:
                    partial = right
                else:
                    partial = self.product(node, head, left, right, tail, step)
                if head in after:
                    if partial is after[head] is self._dense.get(partial.jvp):
                        continue  # two dense products, whose sum is one
                    parts = (after[head], partial)
                    partial = added(*(written_out(self.size(tail)) if part is IDENTITY else part for part in parts))
                after[head] = self.before[head][tail] = partial
        return step.cost

    def cheapest(self, node: int, tails: dict[int, Partial], heads: dict[int, Partial]) -> Step:
        """Return the least cost of all products at a variable, and from where and to where matrices are needed for it.

        A product of two edges needs the matrix of one of them. So either all incoming edges have matrices, and as many
        outgoing ones as pays, or the reverse. A product of two matrices is formed as such, or one of them is pushed or
        pulled through the other edge, whose matrix may be needed for others only.
        """
        ins = [(tail, partial) for tail, partial in tails.items() if partial is not IDENTITY]
        outs = [(head, partial) for head, partial in heads.items() if partial is not IDENTITY]
        if not ins or not outs:
            return NOTHING
        forward: Cost = sum([partial.accumulation for _, partial in ins])
        reverse: Cost = sum([partial.accumulation for _, partial in outs])
        widths = [self.size(tail) for tail, _ in ins]
        heights = [self.size(head) for head, _ in outs]
        with_both = self._pairs(node, ins, outs)
        columns, rows = sum(widths), sum(heights)
        outs_with_matrix, ins_with_matrix = set(), set()
        for (head, partial), costs in zip(outs, with_both, strict=True):
            matrix = partial.accumulation + sum(costs)
            pushed = matrix if partial.jvp is None else columns * partial.jvp
            forward += min(matrix, pushed)
            if matrix <= pushed:
                outs_with_matrix.add(head)
        for column, (tail, partial) in enumerate(ins):
            matrix = partial.accumulation + sum([costs[column] for costs in with_both])
            pulled = matrix if partial.vjp is None else rows * partial.vjp
            reverse += min(matrix, pulled)
            if matrix <= pulled:
                ins_with_matrix.add(tail)
        if forward <= reverse:
            return Step(forward, {tail for tail, _ in ins}, outs_with_matrix)
        return Step(reverse, ins_with_matrix, {head for head, _ in outs})

    def _pairs(self, node: int, ins: list[tuple[int, Partial]], outs: list[tuple[int, Partial]]) -> list[list[Cost]]:
        """Return the costs of products of edges that all have matrices, a list for each outgoing edge."""
        if not isinstance(self.model, Multiplications) or any(partial.pattern is not None for _, partial in (*ins, *outs)):
            return [[self.pair(node, head, left, right, tail)[0] for tail, right in ins] for head, left in outs]
        size = self.size(node)  # the same as there, for the multitude of dense edges
        rights = []
        for tail, partial in ins:
            width = self.size(tail)
            full = size * width
            rights.append((width, full if partial.vjp is None else min(full, partial.vjp)))
        lefts = []
        for head, partial in outs:
            height = self.size(head)
            lefts.append((height, height * size if partial.jvp is None else partial.jvp))
        return [[min(height * pulled, width * pushed) for width, pulled in rights] for height, pushed in lefts]

    def pair(self, node: int, head: int, left: Partial, right: Partial, tail: int) -> tuple[Cost, int]:
        """Return what the product of two edges with matrices costs, and how it is formed."""
        height, width = self.size(head), self.size(tail)
        count = None
        if left.pattern is not None or right.pattern is not None:
            size = self.size(node)
            count = patterns.multiplications(
                Band.full(height, size) if left.pattern is None else left.pattern,
                Band.full(size, width) if right.pattern is None else right.pattern,
            )
        cost, form = product_cost(self.model, (height, self.size(node), width), count), PRODUCT
        if left.jvp is not None and width * left.jvp < cost:
            cost, form = width * left.jvp, PUSHED
        if right.vjp is not None and height * right.vjp < cost:
            cost, form = height * right.vjp, PULLED
        return cost, form

    def with_matrix(self, partial: Partial, head: int, tail: int) -> Partial:  # noqa: ARG002 -- for those who form it
        """Return an edge whose matrix has been paid for."""
        return partial._replace(accumulation=0) if partial.accumulation else partial

    def product(self, node: int, head: int, left: Partial, right: Partial, tail: int, step: Step) -> Partial:  # noqa: ARG002
        """Return the product of two edges."""
        if left.pattern is None and right.pattern is None:
            return self._dense_partial(self.size(head) * self.size(tail))
        shape = self.size(head), self.size(tail)
        pattern = patterns.product(
            Band.full(shape[0], self.size(node)) if left.pattern is None else left.pattern,
            Band.full(self.size(node), shape[1]) if right.pattern is None else right.pattern,
        )
        entries = pattern.nonzeros
        partial = self._dense_partial(entries)
        return partial if entries == shape[0] * shape[1] else partial._replace(pattern=pattern)

    def _dense_partial(self, entries: int) -> Partial:
        if entries not in self._dense:
            self._dense[entries] = Partial(0, entries, entries)
        return self._dense[entries]

    def degree(self, node: int) -> int:
        """Return the Markowitz degree of a variable: the multiplications that eliminating it takes where all is dense."""
        width, height = (
            sum([self.size(neighbor) for neighbor, partial in edges[node].items() if partial is not IDENTITY])
            for edges in (self.before, self.after)
        )
        return width * self.size(node) * height

    def remaining(self) -> Cost:
        """Return the cost of the matrices of the edges that are left when all is eliminated."""
        return sum((partial.accumulation for node in self.stage.outputs for partial in self.before[~node].values()), 0)
