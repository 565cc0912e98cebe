"""A graph, from networkx or from traced code, before anything is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence


Attributes: TypeAlias = "Mapping[str, Any]"
"""The attributes of a node or an edge, by name."""


class Description(NamedTuple):
    """A graph as attributes of its nodes and edges: read from networkx, or made from a traced function.

    Attributes
    ----------
    names : sequence of hashable
        The nodes; from here on they go by their positions.
    nodes : sequence of mapping
        Their attributes: ``size``, and of traced code what `operations_of` reads.
    edges : sequence of (int, int, mapping)
        Tail, head and attributes; parallel edges add up.
    is_traced : bool
        Whether it is the graph of traced code, whose stages are differentiated as a whole.
    """

    names: Sequence[Hashable]
    nodes: Sequence[Attributes]
    edges: Sequence[tuple[int, int, Attributes]]
    is_traced: bool = False
