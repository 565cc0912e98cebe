"""Computation graphs in GraphML files."""

from __future__ import annotations

import json
import re
import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError, fromstring

from chainopt.errors import ChainError
from chainopt.files import bytes_of, read_json
from chainopt.graphs.edge_reader import read_partial, with_matrix
from chainopt.graphs.edges import EdgeName
from chainopt.graphs.reader import read_graph
from chainopt.kernels.interrupts import interrupts_held
from chainopt.numbers import LONGEST_VALUE, counted, printable, shown
from chainopt.structure.structure import structure_from_dict

if TYPE_CHECKING:
    import os
    from xml.etree.ElementTree import Element

    from chainopt.structure.structure import Structure
    from chainopt.typing import Graph

MOST_BYTES, MOST_TAGS = 2**26, 2**20  # of a file, after it is decompressed: each tag takes half a kilobyte, once it is read
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_NUMBER = r"\1 is no number"
_COSTS = {"c_tan": "jvp_cost", "c_adj": "vjp_cost"}
_TRUTHS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
_TYPES: dict[str, Any] = {"int": int, "long": int, "float": float, "double": float}  # of values in files; others stay texts


def read_graphml(path: str | os.PathLike[str]) -> Graph:
    """Read a computation graph.

    Parameters
    ----------
    path : path
        A GraphML file. A node may have a ``size``; an edge ``c_tan`` and ``c_adj``, the cost of one JVP and one VJP, which
        count unless ``has_model`` is false, ``acc_stat``, true if its matrix is at hand, ``accumulation_cost``, ``tape`` and
        ``structure``: "identity", "diagonal", or another structure in JSON, such as ``{"kind": "banded", "lower": 1, "upper":
        1}``. The names are those of ADMission [1]_; ``jvp_cost`` and ``vjp_cost`` are understood too.

    Returns
    -------
    networkx.DiGraph or networkx.MultiDiGraph
        As `linearize` takes it.

    Raises
    ------
    ChainError
        If the file is not GraphML, a node or an edge lacks its name, or an edge's structure is not one.
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
    with interrupts_held():
        import networkx as nx
    data = _bytes_of(path)
    try:
        root = fromstring(data)  # noqa: S314 -- networkx reads it in the same way
        with warnings.catch_warnings(action="ignore"):  # that a key has no type
            graph = nx.read_graphml(BytesIO(data))
        defaults = _defaults(root)
    except (ParseError, nx.NetworkXError, LookupError, ValueError, TypeError, RecursionError, AttributeError) as error:
        msg = f"{printable(str(path))} is not GraphML that networkx can read: {_reason(error)}"
        raise ChainError(msg) from None
    _check_names(root, path)
    if not isinstance(graph, nx.DiGraph):
        msg = f'{path} holds an undirected graph: its graph element needs edgedefault="directed"'
        raise ChainError(msg)
    for _, attributes in graph.nodes(data=True):
        attributes.update({name: value for name, value in defaults["node"].items() if name not in attributes})
    for tail, head, attributes in graph.edges(data=True):
        attributes.update({name: value for name, value in defaults["edge"].items() if name not in attributes})
        _read_costs(attributes, f"{path}, edge {tail!r} -> {head!r}")
    return graph


def _bytes_of(path: str | os.PathLike[str]) -> bytes:
    """Return what a file holds, which may be compressed."""
    data = bytes_of(path, MOST_BYTES)
    tags = data.count(b"<")
    if tags > MOST_TAGS:
        msg = f"{printable(str(path))} holds {counted(tags, 'tag')}: at most {MOST_TAGS:,} tags of GraphML are read"
        raise ChainError(msg)
    return data


def _reason(error: Exception) -> str:
    """Say what is wrong with the XML, or with a value in it."""
    text = printable(str(error))
    if isinstance(error, KeyError):  # networkx looks up keys that are declared, and what stands for true and false
        text = f"{text} is a key that it does not declare, or neither true nor false"
    text = re.sub(r"(?:invalid literal for int\(\) with base 10|could not convert string to float): (.*)", _NO_NUMBER, text)
    return text if len(text) < LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _defaults(root: Element) -> dict[str, dict[str, Any]]:
    """Return the default attributes of nodes and edges, by name."""
    defaults: dict[str, dict[str, Any]] = {"node": {}, "edge": {}}
    for key in root.findall("{*}key"):
        default, name = key.find("{*}default"), key.get("attr.name")
        if default is None or name is None:
            continue
        value = _TYPES.get(key.get("attr.type", "string"), str)((default.text or "").strip())
        for ends in ("node", "edge"):
            if key.get("for", "all") in {ends, "all"}:
                defaults[ends][name] = value
    return defaults


def _check_names(root: Element, path: str | os.PathLike[str]) -> None:
    """Refuse nodes and edges without names: networkx calls them all None."""
    for tag, names in (("node", ("id",)), ("edge", ("source", "target"))):
        for number, element in enumerate(root.iterfind(f"{{*}}graph/{{*}}{tag}"), 1):
            for name in names:
                if element.get(name) is None:
                    msg = f"{path}: {tag} {number} has no {name}"
                    raise ChainError(msg)


def _read_costs(attributes: dict[str, Any], place: str) -> None:
    """Turn the attributes of an edge in a file into those that `linearize` reads."""
    if "structure" in attributes:
        attributes["structure"] = _read_structure(attributes["structure"], place)
    has_model, is_at_hand = (
        _truth(attributes.pop(name, default), f"{place}: {name}") for name, default in (("has_model", True), ("acc_stat", False))
    )
    costs = {name: attributes.pop(key) for key, name in _COSTS.items() if key in attributes}
    if has_model:
        attributes.update(costs)
        if is_at_hand and costs:
            attributes.setdefault("accumulation_cost", 0)


def _truth(value: object, place: str) -> bool:
    """Return whether a value is true: a boolean, a number, or a string that stands for one of them."""
    if isinstance(value, bool | int | float):
        return bool(value)
    truth = _TRUTHS.get(str(value).strip().lower())
    if truth is None:
        msg = f"{place} is {shown(value)}: give true or false"
        raise ChainError(msg)
    return truth


def _read_structure(text: object, place: str) -> Structure:
    try:
        data = read_json(str(text), "it") if str(text).lstrip().startswith("{") else {"kind": text}
        return structure_from_dict(data)
    except (ValueError, RecursionError) as error:  # of JSON, and ChainError, which is one
        msg = f"{place}: structure: {error}"
        raise ChainError(msg) from None


def write_graphml(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write sizes, costs and structures of a computation graph as `read_graphml` reads them; matrices are not written.

    Parameters
    ----------
    graph : networkx.DiGraph or networkx.MultiDiGraph
        As `linearize` takes it. Nodes are written as strings.
    path : path
        The file to write.

    Raises
    ------
    ChainError
        As `linearize` does for graphs; if two nodes are the same as strings.

    Examples
    --------
    >>> import networkx, os, tempfile
    >>> from chainopt import read_graphml, write_graphml
    >>> graph = networkx.DiGraph()
    >>> graph.add_edge("x", "y", jvp_cost=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "graph.graphml")
    ...     write_graphml(graph, path)
    ...     print(read_graphml(path).edges(data=True))
    [('x', 'y', {'jvp_cost': 5})]
    """
    import networkx as nx

    sizes = dict(zip(graph, read_graph(graph).sizes, strict=False))
    written = type(graph)()
    texts: dict[str, object] = {}
    for name, size in sizes.items():
        if texts.setdefault(str(name), name) is not name:
            msg = f"nodes {shown(texts[str(name)])} and {shown(name)} are one in a file: rename one of them"
            raise ChainError(msg)
        if _NOT_IN_XML.search(str(name)):
            msg = f"node {shown(name)} has a character that XML cannot hold: rename it, as with networkx.relabel_nodes"
            raise ChainError(msg)
        written.add_node(name, size=size)
    for tail, head, attributes in graph.edges(data=True):
        edge = EdgeName(tail, head)
        partial = read_partial(with_matrix(attributes, edge), (sizes[head], sizes[tail]), edge)
        data = {key: attributes[name] for key, name in _COSTS.items() if attributes.get(name) is not None}
        has_model = bool(data)
        data |= {name: attributes[name] for name in ("accumulation_cost", "tape") if attributes.get(name) is not None}
        if partial.structure is not None:
            data["structure"] = json.dumps(partial.structure.to_dict())
        is_at_hand = attributes.get("accumulation_cost") == 0 or "jacobian" in attributes
        written.add_edge(tail, head, acc_stat=is_at_hand, has_model=has_model, **data)
    nx.write_graphml(written, path)
