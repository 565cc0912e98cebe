"""The sizes of variables: as they are given, else by the Jacobians on their edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.chain.jacobian import checked_size
from chainopt.errors import ChainError
from chainopt.graphs.edge_reader import known_shape
from chainopt.graphs.edges import EdgeName
from chainopt.numbers import shown
from chainopt.structure.structures import Identity

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from chainopt.graphs.description import Description
    from chainopt.graphs.edges import Edge


def sizes_of(description: Description) -> list[int]:
    """Return the sizes of all nodes; 1 where nothing is known.

    Raises
    ------
    ChainError
        If one is not a size, or two edges, or an edge and a node, do not fit.
    """
    names = description.names
    given = [attributes.get("size") for attributes in description.nodes]
    sizes = [
        None if size is None else checked_size(size, f"node {shown(name)}: size") for name, size in zip(names, given, strict=True)
    ]
    inferred: dict[int, EdgeName] = {}
    for tail, head, attributes in description.edges:
        if "jacobian" not in attributes and "structure" not in attributes:
            continue
        edge = EdgeName(names[tail], names[head])
        shape = known_shape(attributes, edge)
        if shape is None:
            continue
        for node, size in ((head, shape[0]), (tail, shape[1])):
            if sizes[node] is None:
                sizes[node] = size
                inferred[node] = edge
            elif sizes[node] != size:
                raise _misfit(names[node], sizes[node], edge, shape, size, inferred.get(node))
    alike = [(tail, head) for tail, head, attributes in description.edges if isinstance(attributes.get("structure"), Identity)]
    _spread(sizes, alike)
    return [1 if size is None else size for size in sizes]


def _misfit(
    name: Hashable, known: int | None, edge: EdgeName, shape: tuple[int, int], size: int, source: EdgeName | None
) -> ChainError:
    if source is not None:
        return ChainError(
            f"node {shown(name)} has the size {known} by the jacobian of {source}, but {size} by that of {edge}: "
            "one of the two is wrong"
        )
    return ChainError(
        f"{edge}: its jacobian has the shape {shape}, but node {shown(name)} has the size {known}: "
        f"the shape must be (size of {shown(edge.head)}, size of {shown(edge.tail)})"
    )


def _spread(sizes: list[int | None], alike: Sequence[Edge]) -> None:
    """Give both ends of an identity the same size, where one has one."""
    while alike:
        known = {edge for edge in alike if any(sizes[node] is not None for node in edge)}
        for tail, head in alike:
            if (tail, head) in known:
                sizes[tail], sizes[head] = (
                    sizes[head] if sizes[tail] is None else sizes[tail],
                    sizes[tail] if sizes[head] is None else sizes[head],
                )
        alike = [edge for edge in alike if edge not in known] if known else []
