"""Waists of a stage, which all paths pass through: between them it is a chain, whose best bracketing is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.chain.jacobian import Jacobian
from chainopt.costs.multiplications import Multiplications
from chainopt.graphs.edges import IDENTITY, total_cost
from chainopt.graphs.liveness import live_sizes
from chainopt.ordering.order import step_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chainopt.graphs.edges import Partial
    from chainopt.graphs.elimination.vertex_elimination import Partials, VertexElimination
    from chainopt.graphs.liveness import Stage


def waists_of(stage: Stage, partials: Partials) -> list[int]:
    """Return the computed variables on all paths, except paths that are an identity from an input to an output.

    In the order of the stage a variable is one of them if nothing else is live when it has been computed.
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


def by_bracketing(elimination: VertexElimination, waists: list[int]) -> Iterator[int]:
    """Yield the waists as the best bracketing joins what is between them; all other variables have been eliminated."""
    left = []
    for waist in waists:
        if _is_identity(elimination.before[waist]) or _is_identity(elimination.after[waist]):
            yield waist  # which joins at no cost wherever it stands
        else:
            left.append(waist)
    if not left:
        return
    waists = left
    # Each edge that is left leads from a waist, or an input, to the next, or to an output.
    into = [_factor(elimination, elimination.before[waist], waist) for waist in waists]
    last = _factor(elimination, elimination.after[waists[-1]], waists[-1], is_last=True)
    plan = step_order([last, *into[::-1]], objective=elimination.model)
    for split in plan.association.splits_in_order().tolist():
        yield waists[len(waists) - 1 - split]


def _factor(elimination: VertexElimination, edges: Mapping[int, Partial], waist: int, *, is_last: bool = False) -> Jacobian:
    """Return the edges into a waist, or out of the last one, as one stage."""
    size, others = elimination.size(waist), sum(map(elimination.size, edges))
    shape = (others, size) if is_last else (size, others)
    if isinstance(elimination.model, Multiplications) and all(
        _is_dense(edge, size, elimination.size(node)) for node, edge in edges.items()
    ):
        return Jacobian(shape)  # for which the order takes n log n steps
    return Jacobian(
        shape,
        jvp_cost=total_cost(partial.jvp for partial in edges.values()),
        vjp_cost=total_cost(partial.vjp for partial in edges.values()),
        accumulation_cost=sum(partial.accumulation for partial in edges.values()),
    )


def _is_identity(edges: Mapping[int, Partial]) -> bool:
    return len(edges) == 1 and IDENTITY is next(iter(edges.values()))


def _is_dense(partial: Partial, size: int, other: int) -> bool:
    """Whether a JVP costs what a column of the product with its matrix costs, which is at hand."""
    return partial.jvp == partial.vjp == size * other and not partial.accumulation
