"""Computation graphs in GraphML files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from chainopt.errors import ChainError
from chainopt.graphs.edge_reader import read_partial
from chainopt.graphs.edges import EdgeName
from chainopt.graphs.reader import read_graph
from chainopt.structure.structure import structure_from_dict

if TYPE_CHECKING:
    import os

    from chainopt.structure.structure import Structure

_COSTS = {"c_tan": "jvp_cost", "c_adj": "vjp_cost"}


def read_graphml(path: str | os.PathLike[str]) -> Any:
    """Read a computation graph.

    Parameters
    ----------
    path : path
        Of a GraphML file. A node may have a ``size``; an edge ``c_tan`` and ``c_adj``, the cost of one JVP and one VJP, which
        count unless ``has_model`` is 0, ``acc_stat``, 1 if its matrix is at hand, ``accumulation_cost``, ``tape`` and
        ``structure``: "identity", "diagonal", or what else a structure is in JSON, as ``{"kind": "banded", "lower": 1, "upper":
        1}``. The names are those of ADMission [1]_; ``jvp_cost`` and ``vjp_cost`` are understood too.

    Returns
    -------
    networkx.DiGraph or networkx.MultiDiGraph
        As `linearize` takes it.

    Raises
    ------
    ChainError
        If the file is no GraphML, or an edge's structure is none.
    OSError
        If it cannot be read.

    References
    ----------
    .. [1] STCE-at-RWTH/ADMission, "Algorithmic differentiation mission planner".

    Examples
    --------
    >>> import networkx, os, tempfile
    >>> from chainopt.graphs.graphml import read_graphml, write_graphml
    >>> graph = networkx.DiGraph([("x", "y", {"jvp_cost": 5, "vjp_cost": 7})])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "graph.graphml")
    ...     write_graphml(graph, path)
    ...     print(read_graphml(path).edges(data=True))
    [('x', 'y', {'jvp_cost': 5, 'vjp_cost': 7})]
    """
    import networkx as nx

    try:
        held = nx.read_graphml(path)
    except (ParseError, nx.NetworkXError, KeyError, ValueError) as error:
        msg = f"{path} is no GraphML that networkx can read: {error}"
        raise ChainError(msg) from None
    for tail, head, attributes in held.edges(data=True):
        if "structure" in attributes:
            attributes["structure"] = _read_structure(attributes["structure"], f"{path}, edge {tail!r} -> {head!r}")
        has_model = attributes.pop("has_model", True)
        costs = {name: attributes.pop(key) for key, name in _COSTS.items() if key in attributes}
        if has_model:
            attributes.update(costs)
        if attributes.pop("acc_stat", False) and has_model and costs:
            attributes.setdefault("accumulation_cost", 0)
    return held


def _read_structure(text: Any, place: str) -> Structure:
    try:
        data = json.loads(text) if str(text).lstrip().startswith("{") else {"kind": text}
        return structure_from_dict(data)
    except ValueError as error:  # of JSON, and ChainError, which is one
        msg = f"{place}: {error}"
        raise ChainError(msg) from None


def write_graphml(graph: Any, path: str | os.PathLike[str]) -> None:
    """Write sizes, costs and structures of a computation graph as `read_graphml` reads them; matrices are not written.

    Parameters
    ----------
    graph : networkx.DiGraph or networkx.MultiDiGraph
        As `linearize` takes it. Nodes are written as texts.
    path : path
        Where to.

    Raises
    ------
    ChainError
        As `linearize` does for graphs.
    """
    import networkx as nx

    network = read_graph(graph)
    written = type(graph)()
    sizes = dict(zip(graph, network.sizes, strict=False))
    for name, size in sizes.items():
        written.add_node(name, size=size)
    for edge in graph.edges(data=True):
        tail, head, attributes = edge
        costs = {key: attributes[name] for key, name in _COSTS.items() if attributes.get(name) is not None}
        is_at_hand = attributes.get("accumulation_cost") == 0 or not {"jacobian"}.isdisjoint(attributes)
        costs |= {name: attributes[name] for name in ("accumulation_cost", "tape") if attributes.get(name) is not None}
        partial = read_partial(attributes, (sizes[head], sizes[tail]), EdgeName(tail, head))
        if partial.structure is not None:
            costs["structure"] = json.dumps(partial.structure.to_dict())
        written.add_edge(tail, head, acc_stat=is_at_hand, has_model="c_tan" in costs or "c_adj" in costs, **costs)
    nx.write_graphml(written, path)
