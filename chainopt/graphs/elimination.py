"""Vertex elimination: the Jacobian of a stage from those of its edges, what it costs, and in which order it is cheapest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chainopt.graphs.links import IDENTITY, Link, added

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from chainopt.details import Cost

    Links = dict[tuple[int, int], Link]
    Price = Callable[[int, int, int], Cost]

FEW = 8  # variables up to which the best order is improved by moving them one by one
GREEDY = 64  # variables up to which the greedy orders are tried; they are quadratic


class Stage(NamedTuple):
    """A part of a graph: variables in, variables out, and those it computes, in an order in which they can be.

    A variable may come in and go out, or go out and be used inside.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    computed: tuple[int, ...]


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
    price : callable
        What a product of an m x k and a k x n matrix costs.
    numeric : bool
        Whether the matrices are multiplied too, all of which are known then.
    """

    def __init__(self, stage: Stage, links: Links, sizes: Sequence[int], price: Price, *, numeric: bool = False) -> None:
        self.stage, self.sizes, self.price, self.numeric = stage, sizes, price, numeric
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
        return int(self.sizes[node if node >= 0 else ~node])

    def eliminate(self, node: int) -> Cost:
        """Multiply what goes in with what goes out, and return what that costs."""
        tails, heads = self.before.pop(node), self.after.pop(node)
        cost, in_matrices, out_matrices = self._cheapest(node, tails, heads)
        for tail, link in tails.items():
            del self.after[tail][node]
            tails[tail] = link._replace(accumulation=0) if tail in in_matrices else link
        for head, link in heads.items():
            del self.before[head][node]
            heads[head] = link._replace(accumulation=0) if head in out_matrices else link
        for tail, right in tails.items():
            for head, left in heads.items():
                link = left if right is IDENTITY else right if left is IDENTITY else self._product(head, left, right, tail)
                if head in self.after[tail]:
                    link = added(*(self._written_out(part, tail) for part in (self.after[tail][head], link)))
                self.after[tail][head] = self.before[head][tail] = link
        return cost

    def _cheapest(
        self, node: int, tails: dict[int, Link], heads: dict[int, Link]
    ) -> tuple[Cost, frozenset[int] | set[int], frozenset[int] | set[int]]:
        """Return the least cost of all products at a variable, and from where and to where matrices are needed for it.

        Either all edges that come in have matrices, and each that goes out has one too or is a JVP; or the reverse.
        """
        ins = {tail: link for tail, link in tails.items() if link is not IDENTITY}
        outs = {head: link for head, link in heads.items() if link is not IDENTITY}
        if not ins or not outs:
            return 0, frozenset(), frozenset()
        size, columns, rows = self.size(node), sum(map(self.size, ins)), sum(map(self.size, outs))
        forward: Cost = sum(link.accumulation for link in ins.values())
        reverse: Cost = sum(link.accumulation for link in outs.values())
        out_matrices, in_matrices = set(), set()
        for head, link in outs.items():
            height = self.size(head)
            matrix = link.accumulation + sum(self.price(height, size, self.size(tail)) for tail in ins)
            pushed = matrix if link.jvp is None else columns * link.jvp
            forward += min(matrix, pushed)
            if matrix <= pushed:
                out_matrices.add(head)
        for tail, link in ins.items():
            width = self.size(tail)
            matrix = link.accumulation + sum(self.price(self.size(head), size, width) for head in outs)
            pulled = matrix if link.vjp is None else rows * link.vjp
            reverse += min(matrix, pulled)
            if matrix <= pulled:
                in_matrices.add(tail)
        if forward <= reverse:
            return forward, set(ins), out_matrices
        return reverse, in_matrices, set(outs)

    def _product(self, head: int, left: Link, right: Link, tail: int) -> Link:
        entries = self.size(head) * self.size(tail)
        return Link(0, entries, entries, matrices=(_sum(left) @ _sum(right),) if self.numeric else ())

    def _written_out(self, link: Link, node: int) -> Link:
        """Return an identity as a matrix: only as such can something be added to it."""
        if link is not IDENTITY:
            return link
        import numpy as np

        size = self.size(node)
        return Link(0, size * size, size * size, matrices=(np.eye(size),) if self.numeric else ())

    def remaining(self) -> Cost:
        """Return what the matrices of the edges cost that are left when all is eliminated."""
        return sum((link.accumulation for node in self.stage.outputs for link in self.before[~node].values()), 0)

    def matrix(self) -> NDArray[Any]:
        """Put the matrices together that are left when all is eliminated, rows as the outputs and columns as the inputs."""
        import numpy as np

        blocks = [
            [
                np.zeros((self.size(head), self.size(tail))) if link is None else _sum(self._written_out(link, tail))
                for tail in self.stage.inputs
                for link in [self.before[~head].get(tail)]
            ]
            for head in self.stage.outputs
        ]
        return np.block(blocks)


def best(stage: Stage, links: Links, sizes: Sequence[int], price: Price) -> tuple[Cost, list[int]]:
    """Find the cheapest of several orders of elimination.

    Returns
    -------
    cost : int or float
        Of all products, and of the matrices that they need.
    order : list of int

    Notes
    -----
    The orders are forward, reverse, lowest Markowitz degree and lowest relative Markowitz degree, each degree counted in
    multiplications [1]_. The last subtracts from the degree what the variable would cost if it were eliminated last, when all
    its neighbours are inputs and outputs. Of few variables the best order is improved by moving them one by one: to find the
    best of all orders is believed to be hard [2]_.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapters 9 and 10.
    .. [2] U. Naumann, "Optimal accumulation of Jacobian matrices by elimination methods on the dual computational graph",
       Math. Program. 99 (2004).
    """

    def tried(choose: Callable[[Tableau], Iterable[int]]) -> tuple[Cost, list[int]]:
        tableau = Tableau(stage, links, sizes, price)
        taken: list[int] = []
        cost: Cost = 0
        for node in choose(tableau):
            cost += tableau.eliminate(node)
            taken.append(node)
        return cost + tableau.remaining(), taken

    found = min(map(tried, _orders(stage, links, sizes, price)), key=lambda entry: entry[0])
    is_better = 2 < len(stage.computed) <= FEW
    while is_better:  # a variable at a time is moved elsewhere
        moved = (tried(lambda _, order=order: order) for order in _moves(found[1]))  # type: ignore[misc]
        better = next((entry for entry in moved if entry[0] < found[0]), None)
        is_better = better is not None
        found = better or found
    return found


def accumulated(stage: Stage, links: Links, sizes: Sequence[int], price: Price) -> NDArray[Any]:
    """Return the matrix of a stage, from those of its edges."""
    _, order = best(stage, links, sizes, price)
    tableau = Tableau(stage, links, sizes, price, numeric=True)
    for node in order:
        tableau.eliminate(node)
    return tableau.matrix()


def _orders(stage: Stage, links: Links, sizes: Sequence[int], price: Price) -> Iterator[Callable[[Tableau], Iterable[int]]]:
    yield lambda _: stage.computed
    if len(stage.computed) == 1:
        return
    yield lambda _: stage.computed[::-1]
    if len(stage.computed) > GREEDY:
        return
    yield lambda tableau: _lowest(tableau, dict.fromkeys(stage.computed, 0))
    whole = Tableau(stage, links, sizes, price)
    ins = _reach(whole, stage.computed, whole.before, stage.inputs)
    outs = _reach(whole, stage.computed[::-1], whole.after, [~node for node in stage.outputs])
    last = {node: whole.size(node) * ins[node] * outs[node] for node in stage.computed}
    yield lambda tableau: _lowest(tableau, last)


def _moves(order: list[int]) -> Iterator[list[int]]:
    for at, node in enumerate(order):
        others = order[:at] + order[at + 1 :]
        yield from ([*others[:to], node, *others[to:]] for to in range(len(order)) if to != at)


def _lowest(tableau: Tableau, subtracted: dict[int, int]) -> Iterator[int]:
    """Yield again and again the variable whose degree is the lowest; it is eliminated before the next is asked for."""
    left = dict.fromkeys(tableau.stage.computed)
    while left:
        node = min(left, key=lambda node: _degree(tableau, node) - subtracted[node])
        del left[node]
        yield node


def _degree(tableau: Tableau, node: int) -> int:
    """Return the Markowitz degree of a variable: the multiplications that eliminating it takes."""
    width, height = (
        sum(tableau.size(other) for other, link in edges[node].items() if link is not IDENTITY)
        for edges in (tableau.before, tableau.after)
    )
    return width * tableau.size(node) * height


def _reach(tableau: Tableau, order: Iterable[int], edges: dict[int, dict[int, Link]], ends: Sequence[int]) -> dict[int, int]:
    """Return for each variable the size of all the ends together that it is connected to."""
    found: dict[int, int] = {end: 1 << at for at, end in enumerate(ends)}  # sets, a bit for each end
    for node in order:
        held = 0
        for other in edges[node]:
            held |= found.get(other, 0)
        found[node] = held
    return {
        node: sum(tableau.size(end) for at, end in enumerate(ends) if found[node] >> at & 1) for node in tableau.stage.computed
    }


def _sum(link: Link) -> NDArray[Any]:
    """Add parallel matrices up."""
    total: NDArray[Any] = link.matrices[0]
    for matrix in link.matrices[1:]:
        total = total + matrix
    return total
