"""In which order the variables of a stage are eliminated: the cheapest of several."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from chainopt.chain.jacobian import Jacobian
from chainopt.graphs.edges import IDENTITY, Link
from chainopt.graphs.elimination.vertex_elimination import Tableau
from chainopt.ordering.order import optimal_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chainopt.graphs.elimination.vertex_elimination import Links, Stage
    from chainopt.graphs.price import Price
    from chainopt.typing import Cost

FEW = 8  # variables up to which the best order is improved by moving them one by one
GREEDY = 64  # variables up to which the greedy orders are tried; they are quadratic


class Elimination(NamedTuple):
    """An order of elimination, and what all its products cost, with the matrices that they need."""

    cost: Cost
    order: list[int]


def best(stage: Stage, links: Links, sizes: Sequence[int], price: Price, *, refine: bool = True) -> Elimination:
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

    def tried(choose: Callable[[Tableau], Iterable[int]], most: Cost | None = None) -> Elimination | None:
        tableau = Tableau(stage, links, sizes, price)
        taken: list[int] = []
        cost: Cost = 0
        for node in choose(tableau):
            cost += tableau.eliminate(node)
            if most is not None and cost >= most:
                return None
            taken.append(node)
        cost += tableau.remaining()
        return Elimination(cost, taken) if most is None or cost < most else None

    found: Elimination | None = None
    for choose in _orders(stage, links, sizes, price):
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


def _orders(stage: Stage, links: Links, sizes: Sequence[int], price: Price) -> Iterator[Callable[[Tableau], Iterable[int]]]:
    yield lambda _: stage.computed
    if len(stage.computed) == 1:
        return
    yield lambda _: stage.computed[::-1]
    if len(stage.computed) > 2 and (waists := _waists(stage, links)):
        yield lambda tableau: _by_bracketing(tableau, waists)
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
    left = dict.fromkeys(subtracted)
    while left:
        node = min(left, key=lambda node: _degree(tableau, node) - subtracted[node])
        del left[node]
        yield node


def _degree(tableau: Tableau, node: int) -> int:
    """Return the Markowitz degree of a variable: the multiplications that eliminating it takes."""
    width, height = (
        sum([tableau.size(other) for other, link in edges[node].items() if link is not IDENTITY])
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


def _waists(stage: Stage, links: Links) -> list[int]:
    """Return the computed variables that all paths pass through but those that are an identity from an input to an output.

    In the order of the stage a variable is one of them if nothing else is alive when it has been computed.
    """
    inputs, ends = set(stage.inputs), set(stage.outputs) - {tail for tail, _ in links}
    skips = {edge for edge, link in links.items() if link is IDENTITY and edge[0] in inputs and edge[1] in ends}
    met = {head for _, head in skips}  # where a skip is added, which is behind all waists
    at = {node: position for position, node in enumerate(stage.computed)}
    end = len(stage.computed)
    last = {node: end for node in stage.outputs if node in at}
    for tail, head in links:
        if (tail, head) not in skips:
            last[tail] = max(last.get(tail, -1), at[head])
    changes = [0] * (end + 1)
    for node, gone in last.items():
        begin = at.get(node, 0)
        if gone > begin:
            changes[begin] += 1
            changes[gone] -= 1
    alive = accumulate(changes[:end])
    return [
        node
        for node, count in zip(stage.computed, alive, strict=True)
        if count == 1 and last.get(node, -1) > at[node] and node not in met
    ]


def _by_bracketing(tableau: Tableau, waists: list[int]) -> Iterator[int]:
    """Yield first what lies between the waists, then these as the best bracketing of the chain between them joins its factors."""
    yield from _lowest(tableau, {node: 0 for node in tableau.stage.computed if node not in waists})
    # Each edge that is left leads from a waist, or an input, to the next, or to an output.
    stages = [_factor(tableau, list(tableau.before[waist].items()), waist) for waist in waists]
    ends = tableau.after[waists[-1]].items()
    stages.append(_factor(tableau, list(ends), waists[-1], is_last=True))
    plan = optimal_order(stages[::-1], objective=tableau.price.model)
    for split in plan.association.splits_in_order().tolist():
        yield waists[len(waists) - 1 - split]


def _factor(tableau: Tableau, edges: list[tuple[int, Link]], waist: int, *, is_last: bool = False) -> Jacobian:
    """Return the edges into a waist, or out of the last one, as one stage."""
    size, others = tableau.size(waist), sum(tableau.size(other) for other, _ in edges)
    links = [link for _, link in edges]
    jvp, vjp = (None if None in costs else sum(costs) for costs in ([each.jvp for each in links], [each.vjp for each in links]))  # type: ignore[arg-type]
    return Jacobian(
        (others, size) if is_last else (size, others),
        jvp_cost=jvp,
        vjp_cost=vjp,
        accumulation_cost=sum(link.accumulation for link in links),
    )
