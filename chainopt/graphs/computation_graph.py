"""A graph as users give it, read and checked: the door to this room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chainopt.chain.jacobian import checked_size
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.errors import ChainError
from chainopt.graphs.edges import IDENTITY, Link, Place, Reader, added, in_seconds, known_shape, written_out
from chainopt.graphs.skips import peeled, placed
from chainopt.solvers.objectives import model_of
from chainopt.structure.structures import Identity

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from chainopt.costs.model import CostModel
    from chainopt.plan.graph_chain import Skip

    Edge = tuple[int, int]
SHOWN = 8  # nodes that a note or a message names


class Network(NamedTuple):
    """What lies between the inputs and the outputs, its variables numbered.

    ``graph`` is a `networkx.DiGraph` of those that depend on an input and that an output depends on; ``links`` holds what is
    known of each of its edges, parallel ones added up. ``sources`` and ``targets`` are the inputs and outputs. An input
    that another input reaches has two numbers: the variable that is seeded, and, an identity behind it, the one computed.
    ``skips`` are identities that were taken out. ``model`` is what the costs are in.
    """

    graph: Any
    names: list[Hashable]
    sizes: list[int]
    links: dict[Edge, Link]
    sources: list[int]
    targets: list[int]
    notes: list[str]
    skips: list[Skip]
    model: CostModel


def named(nodes: Iterable[Any]) -> str:
    """Name some nodes, and say how many there are besides."""
    texts = [f"{node!r}" for node in nodes]
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def read_graph(graph: Any, inputs: Any = None, outputs: Any = None) -> Network:
    """Read a graph.

    Raises
    ------
    ChainError
        If it is no directed graph without a cycle, or sizes, shapes, costs, inputs or outputs do not fit.
    """
    import networkx as nx

    if not (isinstance(graph, nx.Graph) and graph.is_directed()):
        msg = f"graph is of type {type(graph).__name__}: give a networkx.DiGraph or networkx.MultiDiGraph"
        raise ChainError(msg)
    if not nx.is_directed_acyclic_graph(graph):
        cycle = [edge[0] for edge in nx.find_cycle(graph)]
        msg = f"graph has a cycle through {named(cycle)}: a variable cannot depend on itself"
        raise ChainError(msg)
    names = list(graph)
    numbers = {name: at for at, name in enumerate(names)}
    edges = [(numbers[u], numbers[v], attributes) for u, v, attributes in graph.edges(data=True)]
    sizes = _sizes(graph, edges)
    sources = _chosen("inputs", inputs, names, numbers, [node for node, degree in graph.in_degree() if degree == 0])
    targets = _chosen("outputs", outputs, names, numbers, [node for node, degree in graph.out_degree() if degree == 0])

    whole = nx.DiGraph()
    whole.add_nodes_from(range(len(names)))
    whole.add_edges_from((u, v) for u, v, _ in edges)
    reached = _beyond(nx.descendants, whole, sources, lambda end, node: (end, node))
    reaching = _beyond(nx.ancestors, whole, targets, lambda end, node: (node, end))
    relevant = reached & reaching
    notes = _notes(names, reached, reaching, sources, targets)
    flow = whole
    flow.remove_nodes_from([node for node in whole if node not in relevant])
    read = Reader()
    links: dict[Edge, Link] = {}
    identities: dict[Edge, int] = {}
    for u, v, attributes in edges:
        link = read(attributes, (sizes[v], sizes[u]), names[u], names[v])  # checked even where nothing depends on it
        if u not in relevant or v not in relevant:
            continue
        if link is IDENTITY:
            identities[u, v] = identities.get((u, v), 0) + 1
        else:
            links[u, v] = added(links[u, v], link) if (u, v) in links else link
    skips = _take_out(flow, links, identities, (sources, targets), names, sizes)
    for at, source in enumerate(sources):
        if source in flow and flow.pred[source]:
            sources[at] = len(names)
            names.append(names[source])
            sizes.append(sizes[source])
            flow.add_edge(sources[at], source)
            links[sources[at], source] = IDENTITY
    model: CostModel = MULTIPLICATIONS
    if any(isinstance(cost, float) for link in links.values() for cost in link.said):
        model = model_of("time")  # in which seconds and counts can be added
        links = {edge: in_seconds(link, model) for edge, link in links.items()}
    return Network(flow, names, sizes, links, sources, targets, notes, skips, model)


def _take_out(
    flow: Any,
    links: dict[Edge, Link],
    identities: dict[Edge, int],
    ends: tuple[list[int], list[int]],
    names: list[Hashable],
    sizes: list[int],
) -> list[Skip]:
    """Take the skips out of the flow, and add the other identities to the edges."""
    sources, targets = ends
    found = peeled(flow, identities, sources, targets)
    gone = set(found)
    left = [edge for edge in flow.edges if edge in links or edge not in gone]
    if not left:  # a product must be left
        found, gone = [], set()
    skips = placed(found, names, sizes, ends)
    for edge, times in identities.items():
        if edge in gone:
            continue
        for _ in range(times):
            if edge in links or times > 1:
                unit = written_out(sizes[edge[0]])
                links[edge] = added(links[edge], unit) if edge in links else unit
            else:
                links[edge] = IDENTITY
    flow.remove_edges_from([edge for edge in gone if edge not in links])
    for node in {node for edge in gone for node in edge}:
        if not flow.pred[node] and not flow.succ[node]:
            flow.remove_node(node)
    for at, target in enumerate(targets):
        if (target, target) in gone:  # its rows are those of the skip, so that nothing else is to arrive there
            targets[at] = len(names)
            names.append(names[target])
            sizes.append(sizes[target])
    return skips


def _sizes(graph: Any, edges: Sequence[tuple[int, int, Any]]) -> list[int]:
    """Return the sizes of all nodes: as they are said, else as the Jacobians on their edges have them, else 1."""
    names = list(graph)
    said = [graph.nodes[name].get("size") for name in names]
    sizes = [None if size is None else checked_size(size, f"node {name!r}: size") for name, size in zip(names, said, strict=True)]
    found: dict[int, Place] = {}
    for u, v, attributes in edges:
        if "jacobian" not in attributes and "structure" not in attributes:
            continue
        place = Place(names[u], names[v])
        shape = known_shape(attributes, place)
        if shape is None:
            continue
        for node, size in ((v, shape[0]), (u, shape[1])):
            if sizes[node] is None:
                sizes[node] = size
                found[node] = place
            elif sizes[node] != size and node in found:
                msg = (
                    f"node {names[node]!r} has the size {sizes[node]} by the jacobian of {found[node]}, but {size} by that of "
                    f"{place}: one of the two is wrong"
                )
                raise ChainError(msg)
            elif sizes[node] != size:
                needed = f"(size of {names[v]!r}, size of {names[u]!r})"
                msg = (
                    f"{place}: its jacobian has the shape {shape}, but node {names[node]!r} has the size {sizes[node]}: "
                    f"the shape must be {needed}"
                )
                raise ChainError(msg)
    alike = [(u, v) for u, v, attributes in edges if isinstance(attributes.get("structure"), Identity)]
    while alike:  # an identity has the same size at both ends
        known = [edge for edge in alike if any(sizes[node] is not None for node in edge)]
        for u, v in known:
            sizes[u], sizes[v] = sizes[v] if sizes[u] is None else sizes[u], sizes[u] if sizes[v] is None else sizes[v]
        alike = [edge for edge in alike if edge not in known] if known else []
    return [1 if size is None else size for size in sizes]


def _chosen(argument: str, chosen: Any, names: list[Any], numbers: dict[Any, int], default: list[Any]) -> list[int]:
    """Return the numbers of the inputs or outputs."""
    if chosen is None:
        listed = default
    elif isinstance(chosen, str | bytes) or not hasattr(chosen, "__iter__"):
        msg = f"{argument} is {chosen!r}: give a sequence of nodes"
        raise ChainError(msg)
    else:
        listed = list(chosen)
    if not listed:
        msg = f"{argument}: there is none; " + ("the graph has no nodes" if not names else "give at least one node")
        raise ChainError(msg)
    held: dict[int, None] = {}
    for node in listed:
        try:
            number = numbers.get(node)
        except TypeError:  # what cannot be hashed is no node
            number = None
        if number is None:
            msg = f"{argument} has {node!r}, which is no node of the graph: it has {named(names)}"
            raise ChainError(msg)
        if number in held:
            msg = f"{argument} has {node!r} twice: name every node once"
            raise ChainError(msg)
        held[number] = None
    return list(held)


def _beyond(search: Any, graph: Any, ends: Sequence[int], edge: Any) -> set[int]:
    """Return the nodes that a search from several ends finds, themselves included."""
    graph.add_edges_from(edge(-1, node) for node in ends)
    found: set[int] = search(graph, -1)
    graph.remove_node(-1)
    return found


def _notes(names: list[Any], reached: set[int], reaching: set[int], sources: Sequence[int], targets: Sequence[int]) -> list[str]:
    """Say what is ignored, and what is zero."""
    inputs, outputs = set(sources), set(targets)
    kinds: dict[str, list[Any]] = {}
    for node, name in enumerate(names):
        if node in inputs and node not in reaching:
            kinds.setdefault("no output depends on these inputs, whose columns are zero", []).append(name)
        elif node in outputs and node not in reached:
            kinds.setdefault("these outputs depend on no input, and their rows are zero", []).append(name)
        elif node not in reached:
            kinds.setdefault("ignored, as they do not depend on the inputs", []).append(name)
        elif node not in reaching:
            kinds.setdefault("ignored, as no output depends on them", []).append(name)
    return [f"{why}: {named(nodes)}" for why, nodes in kinds.items()]
