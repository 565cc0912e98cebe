"""In which order the variables of a stage are eliminated: the cheapest of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.chain.jacobian import Jacobian
from chainopt.graphs.edges import IDENTITY, Partial, total_cost
from chainopt.graphs.elimination.vertex_elimination import VertexElimination
from chainopt.graphs.liveness import live_sizes
from chainopt.ordering.order import optimal_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chainopt.costs.model import CostModel
    from chainopt.graphs.elimination.vertex_elimination import Partials
    from chainopt.graphs.liveness import Stage
    from chainopt.typing import Cost

FEW = 8  # variables up to which the best order is improved by moving them one by one
GREEDY = 64  # variables up to which the greedy orders are tried; they are quadratic


class Elimination(NamedTuple):
    """An order of elimination, and what all its products cost, with the matrices that they need."""

    cost: Cost
    order: list[int]


def cheapest_order(
    stage: Stage, partials: Partials, sizes: Sequence[int], model: CostModel, *, refine: bool = True
) -> Elimination:
    """Find the cheapest of several orders of elimination.

    Notes
    -----
    The orders are forward, reverse, lowest Markowitz degree and lowest relative Markowitz degree, each degree counted in
    multiplications [1]_, and that of the best bracketing. The relative degree subtracts what the variable would cost if it were
    eliminated last, when all its neighbours are inputs and outputs. The bracketing is that of the chain between the variables
    on every path, an identity past everything left out: of a path, with or without a skip, the best order there is.
    Of few variables the best order is improved by moving them one by one, unless ``refine`` is false: to find the best of all
    orders is believed to be hard [2]_.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapters 9 and 10.
    .. [2] U. Naumann, "Optimal accumulation of Jacobian matrices by elimination methods on the dual computational graph",
       Math. Program. 99 (2004).
    """

    def tried(choose: Callable[[VertexElimination], Iterable[int]], most: Cost | None = None) -> Elimination | None:
        elimination = VertexElimination(stage, partials, sizes, model)
        taken: list[int] = []
        cost: Cost = 0
        for node in choose(elimination):
            cost += elimination.eliminate(node)
            if most is not None and cost >= most:
                return None
            taken.append(node)
        cost += elimination.remaining()
        return Elimination(cost, taken) if most is None or cost < most else None

    found: Elimination | None = None
    for choose in _orders(stage, partials, sizes, model):
        found = tried(choose, None if found is None else found.cost) or found
    assert found is not None
    is_better = refine and 2 < len(stage.computed) <= FEW
    while is_better:  # a variable at a time is moved elsewhere
        is_better = False
        for order in _moves(found.order):
            moved = tried(lambda _, order=order: order, found.cost)  # type: ignore[misc]
            if moved is not None:
                found, is_better = moved, True
                break
    return found


def _orders(
    stage: Stage, partials: Partials, sizes: Sequence[int], model: CostModel
) -> Iterator[Callable[[VertexElimination], Iterable[int]]]:
    yield lambda _: stage.computed
    if len(stage.computed) == 1:
        return
    yield lambda _: stage.computed[::-1]
    if len(stage.computed) > 2 and (waists := _waists(stage, partials)):
        yield lambda elimination: _by_bracketing(elimination, waists)
    if len(stage.computed) > GREEDY:
        return
    yield lambda elimination: _lowest(elimination, dict.fromkeys(stage.computed, 0))
    whole = VertexElimination(stage, partials, sizes, model)
    ins = _reach(whole, stage.computed, whole.before, stage.inputs)
    outs = _reach(whole, stage.computed[::-1], whole.after, [~node for node in stage.outputs])
    last = {node: whole.size(node) * ins[node] * outs[node] for node in stage.computed}
    yield lambda elimination: _lowest(elimination, last)


def _moves(order: list[int]) -> Iterator[list[int]]:
    for at, node in enumerate(order):
        others = order[:at] + order[at + 1 :]
        yield from ([*others[:to], node, *others[to:]] for to in range(len(order)) if to != at)


def _lowest(elimination: VertexElimination, subtracted: dict[int, int]) -> Iterator[int]:
    """Yield again and again the variable whose degree is the lowest; it is eliminated before the next is asked for."""
    left = dict.fromkeys(subtracted)
    while left:
        node = min(left, key=lambda node: _degree(elimination, node) - subtracted[node])
        del left[node]
        yield node


def _degree(elimination: VertexElimination, node: int) -> int:
    """Return the Markowitz degree of a variable: the multiplications that eliminating it takes."""
    width, height = (
        sum([elimination.size(other) for other, partial in edges[node].items() if partial is not IDENTITY])
        for edges in (elimination.before, elimination.after)
    )
    return width * elimination.size(node) * height


def _reach(
    elimination: VertexElimination, order: Iterable[int], edges: dict[int, dict[int, Partial]], ends: Sequence[int]
) -> dict[int, int]:
    """Return for each variable the size of all the ends together that it is connected to."""
    found: dict[int, int] = {end: 1 << at for at, end in enumerate(ends)}  # sets, a bit for each end
    for node in order:
        held = 0
        for other in edges[node]:
            held |= found.get(other, 0)
        found[node] = held
    return {
        node: sum(elimination.size(end) for at, end in enumerate(ends) if found[node] >> at & 1)
        for node in elimination.stage.computed
    }


def _waists(stage: Stage, partials: Partials) -> list[int]:
    """Return the computed variables that all paths pass through but those that are an identity from an input to an output.

    In the order of the stage a variable is one of them if nothing else is alive when it has been computed.
    """
    inputs, last = set(stage.inputs), set(stage.outputs) - {tail for tail, _ in partials}
    skips = {edge for edge, partial in partials.items() if partial is IDENTITY and edge[0] in inputs and edge[1] in last}
    behind = {head for _, head in skips}  # where a skip is added, which is behind all waists
    computed = {node: position for position, node in enumerate(stage.computed)}
    ends = {node: len(computed) for node in stage.outputs if node in computed}
    for tail, head in partials:
        if (tail, head) not in skips:
            ends[tail] = max(ends.get(tail, -1), computed[head])
    counts = live_sizes({node: computed.get(node, 0) for node in ends}, ends, len(computed), lambda _: 1)
    return [
        node
        for (node, position), count in zip(computed.items(), counts, strict=True)
        if count == 1 and ends.get(node, -1) > position and node not in behind
    ]


def _by_bracketing(elimination: VertexElimination, waists: list[int]) -> Iterator[int]:
    """Yield first what lies between the waists, then these as the best bracketing of the chain between them joins its factors."""
    yield from _lowest(elimination, {node: 0 for node in elimination.stage.computed if node not in waists})
    # Each edge that is left leads from a waist, or an input, to the next, or to an output.
    stages = [_factor(elimination, list(elimination.before[waist].items()), waist) for waist in waists]
    ends = elimination.after[waists[-1]].items()
    stages.append(_factor(elimination, list(ends), waists[-1], is_last=True))
    plan = optimal_order(stages[::-1], objective=elimination.model)
    for split in plan.association.splits_in_order().tolist():
        yield waists[len(waists) - 1 - split]


def _factor(elimination: VertexElimination, edges: list[tuple[int, Partial]], waist: int, *, is_last: bool = False) -> Jacobian:
    """Return the edges into a waist, or out of the last one, as one stage."""
    size, others = elimination.size(waist), sum(elimination.size(other) for other, _ in edges)
    partials = [partial for _, partial in edges]
    jvp, vjp = total_cost(each.jvp for each in partials), total_cost(each.vjp for each in partials)
    return Jacobian(
        (others, size) if is_last else (size, others),
        jvp_cost=jvp,
        vjp_cost=vjp,
        accumulation_cost=sum(partial.accumulation for partial in partials),
    )
