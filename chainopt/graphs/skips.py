"""Additive skips: identities from an input straight to an output, which are added to the product instead of being part of it."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from chainopt.plan.graph_chain import Skip

if TYPE_CHECKING:
    from collections.abc import Sequence

    Edge = tuple[int, int]


def peeled(flow: Any, identities: dict[Edge, int], sources: Sequence[int], targets: Sequence[int]) -> list[Edge]:
    """Return the identities that can be taken out of the product, each as often as it adds: no path leads beyond them.

    An input that is an output itself is one from itself to itself. Something must be left that needs a product.
    """
    inputs = {node for node in sources if node in flow and not flow.pred[node]}
    outputs = set(targets)
    found = [
        edge
        for edge, times in identities.items()
        if edge[0] in inputs and edge[1] in outputs and edge[1] in flow and not flow.succ[edge[1]]
        for _ in range(times)
    ]
    found += [(node, node) for node in sources if node in inputs & outputs]
    return found


def placed(skips: Sequence[Edge], names: Sequence[Any], sizes: Sequence[int], ends: tuple[list[int], list[int]]) -> list[Skip]:
    """Say where in the Jacobian the skips are added; ``ends`` are the inputs and the outputs."""
    columns, rows = (dict(zip(nodes, accumulate([sizes[node] for node in nodes], initial=0), strict=False)) for nodes in ends)
    return [Skip(names[tail], names[head], rows[head], columns[tail], sizes[tail]) for tail, head in skips]
