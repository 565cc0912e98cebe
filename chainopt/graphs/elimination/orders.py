"""The order in which the variables of a stage are eliminated: the cheapest of several."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from chainopt.graphs.elimination.budget import UNLIMITED
from chainopt.graphs.elimination.vertex_elimination import VertexElimination
from chainopt.graphs.elimination.waists import by_bracketing, waists_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chainopt.costs.model import CostModel
    from chainopt.graphs.edges import Partial
    from chainopt.graphs.elimination.budget import Budget
    from chainopt.graphs.elimination.vertex_elimination import Partials
    from chainopt.graphs.liveness import Stage
    from chainopt.typing import Cost

FEW = 8  # variables up to which the best order is improved by moving them one by one
GREEDY = 500  # variables up to which the greedy orders are tried


class Elimination(NamedTuple):
    """An order of elimination, and what all its products cost, with the matrices that they need."""

    cost: Cost
    order: list[int]


def cheapest_order(
    stage: Stage, partials: Partials, sizes: Sequence[int], model: CostModel, *, refine: bool = True, budget: Budget = UNLIMITED
) -> Elimination:
    """Find the cheapest of several orders of elimination.

    Parameters
    ----------
    stage, partials, sizes
        As for `StageOperator`.
    model : CostModel
        What products cost.
    refine : bool
        Whether the best order of few variables is improved by moving them one by one.
    budget : Budget, optional
        How long it may take; the first order is found in any case.

    Notes
    -----
    The orders are forward, reverse, lowest Markowitz degree and lowest relative Markowitz degree, each degree counted in
    multiplications [1]_, and that of the best bracketing. The relative degree subtracts what the variable would cost if it were
    eliminated last, when all its neighbors are inputs and outputs. The bracketing is that of the chain between the variables
    that are on every path but an identity that bypasses all; for a path, with or without a skip, it is the best order there is.
    To find the best of all orders is believed to be hard [2]_.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapters 9 and 10.
    .. [2] U. Naumann, "Optimal accumulation of Jacobian matrices by elimination methods on the dual computational graph",
       Math. Program. 99 (2004).
    """

    def eliminated(choose: Callable[[VertexElimination], Iterable[int]], incumbent: Elimination | None) -> Elimination | None:
        """Eliminate in an order; None where that is not cheaper than the incumbent."""
        elimination = VertexElimination(stage, partials, sizes, model)
        order: list[int] = []
        cost: Cost = 0
        for node in choose(elimination):
            cost += elimination.eliminate(node)
            if incumbent is not None and cost >= incumbent.cost:
                return None
            order.append(node)
        cost += elimination.remaining()
        return Elimination(cost, order) if incumbent is None or cost < incumbent.cost else None

    best: Elimination | None = None
    for choose in _orders(stage, partials, sizes, model):
        if best is not None and budget.is_over():
            break
        best = eliminated(choose, best) or best
    assert best is not None
    improved: Elimination | None = best if refine and 2 < len(stage.computed) <= FEW else None
    while improved is not None and not budget.is_over():  # a variable at a time is moved elsewhere
        best = improved
        moves = (eliminated(lambda _, order=order: order, best) for order in _moves(best.order))  # type: ignore[misc]
        improved = next((moved for moved in moves if moved is not None), None)
    return best


def _orders(
    stage: Stage, partials: Partials, sizes: Sequence[int], model: CostModel
) -> Iterator[Callable[[VertexElimination], Iterable[int]]]:
    """Yield what chooses the variables of an order one by one, given the elimination as it stands."""
    yield lambda _: stage.computed
    if len(stage.computed) == 1:
        return
    yield lambda _: stage.computed[::-1]
    if len(stage.computed) > 2 and (waists := waists_of(stage, partials)):
        yield lambda elimination: _with_bracketing(elimination, waists)
    if len(stage.computed) > GREEDY:
        return
    yield lambda elimination: _lowest(elimination, dict.fromkeys(stage.computed, 0))
    whole = VertexElimination(stage, partials, sizes, model)
    ins = _reach(whole, stage.computed, whole.before, stage.inputs)
    outs = _reach(whole, stage.computed[::-1], whole.after, [~node for node in stage.outputs])
    last = {node: whole.size(node) * ins[node] * outs[node] for node in stage.computed}
    yield lambda elimination: _lowest(elimination, last)


def _moves(order: list[int]) -> Iterator[list[int]]:
    """Yield the orders in which one variable stands elsewhere."""
    for position, node in enumerate(order):
        others = order[:position] + order[position + 1 :]
        yield from ([*others[:place], node, *others[place:]] for place in range(len(order)) if place != position)


def _with_bracketing(elimination: VertexElimination, waists: list[int]) -> Iterator[int]:
    """Yield first what lies between the waists, then these as the best bracketing joins what is between them."""
    yield from _lowest(elimination, {node: 0 for node in elimination.stage.computed if node not in waists})
    yield from by_bracketing(elimination, waists)


def _lowest(elimination: VertexElimination, subtracted: dict[int, int]) -> Iterator[int]:
    """Yield again and again the variable whose degree is the lowest; it is eliminated before the next is asked for."""
    places = {node: place for place, node in enumerate(subtracted)}  # of equal ones the first
    degrees = {node: elimination.degree(node) - subtracted[node] for node in subtracted}
    heap = [(degree, places[node], node) for node, degree in degrees.items()]
    heapify(heap)
    while heap:
        degree, _, node = heappop(heap)
        if degrees.get(node) != degree:
            continue
        del degrees[node]
        neighbors = [*elimination.before[node], *elimination.after[node]]
        yield node
        for neighbor in neighbors:
            if neighbor in degrees:
                degrees[neighbor] = elimination.degree(neighbor) - subtracted[neighbor]
                heappush(heap, (degrees[neighbor], places[neighbor], neighbor))


def _reach(
    elimination: VertexElimination, order: Iterable[int], edges: dict[int, dict[int, Partial]], ends: Sequence[int]
) -> dict[int, int]:
    """Return for each variable the total size of the ends that it is connected to.

    Parameters
    ----------
    elimination : VertexElimination
    order : iterable of int
        The variables, each behind those that its edges lead to.
    edges : dict from int to dict
        Which variables each has edges to, towards the ends.
    ends : sequence of int
        The inputs, or the outputs.
    """
    reached: dict[int, int] = {end: 1 << bit for bit, end in enumerate(ends)}  # sets, a bit for each end
    for node in order:
        united = 0
        for neighbor in edges[node]:
            united |= reached.get(neighbor, 0)
        reached[node] = united
    return {
        node: sum(elimination.size(end) for bit, end in enumerate(ends) if reached[node] >> bit & 1)
        for node in elimination.stage.computed
    }
