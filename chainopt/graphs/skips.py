"""Additive skips: identities from an input straight to an output, which are added to the product instead of being part of it."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from chainopt.plan.graph_chain import Skip

if TYPE_CHECKING:
    from collections.abc import Container, Hashable, Mapping, Sequence

    from chainopt.graphs.edges import Edge
    from chainopt.graphs.flow import Flow


def peeled(
    flow: Flow, identities: Mapping[Edge, int], others: Container[Edge], sources: Sequence[int], targets: Sequence[int]
) -> list[Edge]:
    """Return the identities that can be taken out of the product, each as often as it adds: no path leads beyond them.

    An input that is an output itself is one from itself to itself. Something that needs a product must be left.

    Parameters
    ----------
    flow : Flow
        All edges.
    identities : dict from (tail, head) to int
        How many identities there are on an edge.
    others : container of (tail, head)
        The edges on which there is something else.
    sources, targets : sequence of int
        The inputs and the outputs.
    """
    first = {node for node in sources if node in flow.tails and not flow.tails[node]}
    last = {node for node in targets if node in flow.heads and not flow.heads[node]}
    straight = {edge: count for edge, count in identities.items() if edge[0] in first and edge[1] in last}
    if all(edge in straight and edge not in others for edge in flow.edges()):
        return []
    outputs = set(targets)

    def is_reached(node: int) -> bool:
        """Whether anything but straight identities leads to an input."""
        return any((tail, node) in others or (tail, node) not in straight for tail in flow.tails[node])

    units = [node for node in sources if node in outputs and node in flow.tails and not is_reached(node)]
    return [edge for edge, count in straight.items() for _ in range(count)] + [(node, node) for node in units]


def placed(
    edges: Sequence[Edge], names: Sequence[Hashable], sizes: Sequence[int], sources: Sequence[int], targets: Sequence[int]
) -> list[Skip]:
    """Return the skips that are these edges, with their places in the Jacobian.

    Parameters
    ----------
    edges : sequence of (tail, head)
        From inputs to outputs.
    names, sizes : sequence
        Of all variables, by number.
    sources, targets : sequence of int
        The columns and the rows, in their order.
    """
    columns, rows = (
        dict(zip(nodes, accumulate([sizes[node] for node in nodes], initial=0), strict=False)) for nodes in (sources, targets)
    )
    return [Skip(names[tail], names[head], rows[head], columns[tail], sizes[tail]) for tail, head in edges]
