"""A graph of networkx, read and checked: the door to this room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import ChainError, meant
from chainopt.graphs.computation_graph import ComputationGraph, graph_between, named
from chainopt.graphs.description import Description
from chainopt.graphs.edge_reader import ATTRIBUTES, with_matrix
from chainopt.graphs.edges import EdgeName
from chainopt.numbers import shown

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from chainopt.graphs.description import Attributes

TRACED = "traced"  # the attribute of a graph that was made from a function; its nodes have those that `operations_of` reads


def read_graph(
    graph: object,
    inputs: Sequence[Hashable] | None = None,
    outputs: Sequence[Hashable] | None = None,
    *,
    is_peeled: bool = True,
) -> ComputationGraph:
    """Read what lies between the inputs and the outputs of a graph.

    Parameters
    ----------
    graph : networkx.DiGraph or networkx.MultiDiGraph
        As `linearize` takes it.
    inputs, outputs : sequence of nodes, optional
        The columns and rows, in their order. By default the nodes that the graph of a function marks as such; for other graphs
        the sources and the sinks.
    is_peeled : bool
        Whether identities from an input straight to an output are taken out, as skips.

    Raises
    ------
    ChainError
        If it is not a directed graph without cycles, or sizes, shapes, costs, inputs or outputs do not fit.
    """
    import networkx as nx

    if not isinstance(graph, nx.DiGraph):  # of which a MultiDiGraph is one
        msg = f"graph is of type {type(graph).__name__}: give a networkx.DiGraph or networkx.MultiDiGraph"
        raise ChainError(msg)
    if not nx.is_directed_acyclic_graph(graph):
        cycle = [edge[0] for edge in nx.find_cycle(graph)]
        msg = f"graph has a cycle through {named(cycle)}: a variable cannot depend on itself"
        raise ChainError(msg)
    names = list(graph)
    numbers = {name: number for number, name in enumerate(names)}
    edges = [
        (numbers[tail], numbers[head], with_matrix(attributes, EdgeName(tail, head)) if "jacobian" in attributes else attributes)
        for tail, head, attributes in graph.edges(data=True)
    ]
    nodes = [attributes for _, attributes in graph.nodes(data=True)]
    is_traced = bool(graph.graph.get(TRACED))
    if is_traced:
        sources, sinks = (_marked(nodes, names, mark) for mark in ("input", "output"))
    else:
        sources = [node for node, degree in graph.in_degree() if degree == 0]
        sinks = [node for node, degree in graph.out_degree() if degree == 0]
    read = graph_between(
        Description(names, nodes, edges, is_traced),
        _numbered("inputs", sources if inputs is None else inputs, numbers),
        _numbered("outputs", sinks if outputs is None else outputs, numbers),
        is_peeled=is_peeled,
    )
    if not is_traced:
        read.notes.extend(_misspelt("nodes", nodes, ("size",)))
        read.notes.extend(_misspelt("edges", [attributes for *_, attributes in edges], ATTRIBUTES))
    return read


def _misspelt(what: str, held: Sequence[Attributes], known: tuple[str, ...]) -> list[str]:
    """Return notes on attributes with names nearly like those that are read; others are the user's own affair."""
    others = {name for attributes in held for name in attributes}.difference(known)
    hints = {str(name): meant(str(name), known, 0.8) for name in others if len(str(name)) < 30}
    return [f"{what} have {shown(name)}, which is not read{hint}" for name, hint in sorted(hints.items()) if hint]


def _marked(nodes: Sequence[Attributes], names: Sequence[Hashable], mark: str) -> list[Hashable]:
    """Return the nodes with a mark, which says their place among the inputs or outputs."""
    marked = [(attributes[mark], name) for attributes, name in zip(nodes, names, strict=True) if mark in attributes]
    return [name for _, name in sorted(marked, key=lambda pair: pair[0])]


def _numbered(argument: str, chosen: object, numbers: dict[Hashable, int]) -> list[int]:
    """Return the numbers of the inputs or outputs."""
    if isinstance(chosen, str | bytes) or not hasattr(chosen, "__iter__"):
        msg = f"{argument} is {shown(chosen)}: give a sequence of nodes"
        raise ChainError(msg)
    listed = list(chosen)
    if not listed:
        msg = f"{argument}: there is none; " + ("give at least one node" if numbers else "the graph has no nodes")
        raise ChainError(msg)
    ends: dict[int, None] = {}
    for node in listed:
        try:
            number = numbers.get(node)
        except TypeError:  # what cannot be hashed is no node
            number = None
        if number is None:
            msg = f"{argument} has {shown(node)}, which is not a node of the graph: it has {named(list(numbers))}"
            raise ChainError(msg)
        if number in ends:
            msg = f"{argument} has {shown(node)} twice: name every node once"
            raise ChainError(msg)
        ends[number] = None
    return list(ends)
