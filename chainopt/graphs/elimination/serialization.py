"""An elimination as plain lists, numbers and strings, and back. Its claims are counted and bounded again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.chain.jacobian import checked_cost, checked_size
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.errors import ChainError, check_keys
from chainopt.graphs.edge_reader import read_partial
from chainopt.graphs.edges import EdgeName, in_seconds
from chainopt.graphs.elimination.budget import Budget
from chainopt.graphs.elimination.problem import EliminationProblem
from chainopt.graphs.elimination.proof import proved
from chainopt.graphs.elimination.replay import cost_of
from chainopt.graphs.elimination.search import METHODS, Found
from chainopt.numbers import counted, shown
from chainopt.plan.graph_chain import plain_node, read_node
from chainopt.solvers.objectives import model_of
from chainopt.structure.structure import structure_from_dict

if TYPE_CHECKING:
    from chainopt.graphs.edges import Edge, Partial
    from chainopt.typing import Array, PlainDict

FORMAT, VERSION = "chainopt elimination", 1
COSTS = ("jvp_cost", "vjp_cost", "accumulation_cost")


def elimination_dict(problem: EliminationProblem, found: Found) -> PlainDict:
    """Return an elimination as a dict that JSON can hold.

    Raises
    ------
    ChainError
        If a node is not a string, a number or a tuple of these.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "nodes": [plain_node(name) for name in problem.names],
        "sizes": problem.sizes,
        "inputs": problem.inputs,
        "outputs": len(problem.outputs),
        "beside": [plain_node(name) for name in problem.beside],
        "ignored": [[plain_node(tail), plain_node(head)] for tail, head in problem.ignored],
        "edges": [[*edge, _edge_dict(partial)] for edge, partial in problem.edges.items()],
        "order": found.order,
        "cost": found.cost,
        "lower_bound": max(found.lower_bound, found.claimed_bound),
        "method": found.method,
    }


def _edge_dict(partial: Partial) -> PlainDict:
    stored: PlainDict = {name: cost for name, cost in zip(COSTS, partial.given, strict=True) if cost is not None}
    if partial.structure is not None:
        stored["structure"] = partial.structure.to_dict()
    return stored


def read_elimination(data: object) -> tuple[EliminationProblem, Found]:
    """Read what `elimination_dict` wrote.

    Raises
    ------
    ChainError
        If it is not such a dict, is of an unknown version, or contradicts itself.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        msg = f'data is not an elimination: its "format" must be "{FORMAT}"'
        raise ChainError(msg)
    if data.get("version") != VERSION:
        msg = f"data is of version {shown(data.get('version'))}: this one reads version {VERSION}"
        raise ChainError(msg)
    keys = ("nodes", "sizes", "beside", "ignored", "edges", "order")
    check_keys(data, ("format", "version", *keys, "inputs", "outputs", "cost", "lower_bound", "method"), f"data ({FORMAT})")
    nodes, sizes, beside, ignored, edges, order = (_list(data, key) for key in keys)
    sizes = [checked_size(size, f'data["sizes"][{place}]') for place, size in enumerate(sizes)]
    inputs, outputs = (checked_size(data.get(key), f'data["{key}"]') for key in ("inputs", "outputs"))
    names, count = list(map(read_node, nodes)), len(nodes) - inputs - outputs
    if len(sizes) != len(nodes) or count < 0:
        held = ", ".join(
            counted(number, what) for number, what in ((len(nodes), "node"), (len(sizes), "size"), (inputs, "input"))
        )
        msg = f"data has {held} and {counted(outputs, 'output')}, which do not go together"
        raise ChainError(msg)
    partials: dict[Edge, Partial] = {}
    for place, entry in enumerate(edges):
        edge = _edge(entry, f'data["edges"][{place}]', count, inputs, len(nodes))
        partials[edge] = _partial(entry[2], edge, names, sizes)
    if not all(type(vertex) is int for vertex in order) or sorted(order) != [*range(count)]:
        msg = f'data["order"] must name each inner vertex once, by position, {count} in all'
        raise ChainError(msg)
    model: Array = MULTIPLICATIONS
    if any(isinstance(cost, float) for partial in partials.values() for cost in partial.given):
        model = model_of("time")
        partials = {edge: in_seconds(partial, model) for edge, partial in partials.items()}
    others, pairs = list(map(read_node, beside)), [read_node(pair) for pair in ignored]
    if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        msg = 'data["ignored"] must be a list of edges, each a list of a tail and a head'
        raise ChainError(msg)
    problem = EliminationProblem(names, sizes, count, inputs, partials, others, frozenset(pairs), model)  # type: ignore[arg-type]
    cost, method = cost_of(problem, order), data.get("method")
    assert cost is not None
    known = [name for name in METHODS if name != "auto"]  # which chooses, and does not answer
    if method not in known:
        msg = f'data["method"] is {shown(method)}: give one of {", ".join(known)}'
        raise ChainError(msg)
    if cost != data.get("cost"):
        msg = f'data["cost"] is {shown(data.get("cost"))}, but the order costs {cost}'
        raise ChainError(msg)
    bound = 0 if problem.kinds is None else proved(problem, order, Budget(None), 0).lower_bound
    claimed = checked_cost(data.get("lower_bound", 0), 'data["lower_bound"]')
    if claimed > cost:
        msg = f'data["lower_bound"] is {shown(claimed)}, but the order costs {cost}'
        raise ChainError(msg)
    return problem, Found(list(order), cost, bound, method, claimed if claimed > bound else 0)


def _list(data: PlainDict, key: str) -> list[Array]:
    entries = data.get(key)
    if not isinstance(entries, list):
        msg = f'data["{key}"] must be a list'
        raise ChainError(msg)
    return entries


def _edge(entry: Array, place: str, count: int, inputs: int, everything: int) -> Edge:
    """Return an edge, from a vertex or an input to a later vertex, or to an output."""
    if not isinstance(entry, list) or len(entry) != 3 or not isinstance(entry[2], dict):
        msg = f"{place} must be a list of the tail, the head, and a dict of what is known about the edge"
        raise ChainError(msg)
    tail, head = (checked_size(number, place) for number in entry[:2])
    is_forward = tail < head if tail < count else tail < count + inputs
    if not is_forward or not (head < count or count + inputs <= head < everything):
        msg = f"{place} goes from {tail} to {head}: vertices come in topological order, then inputs, then outputs"
        raise ChainError(msg)
    return tail, head


def _partial(stored: PlainDict, edge: Edge, names: list[Array], sizes: list[int]) -> Partial:
    check_keys(stored, (*COSTS, "structure"), f"the edge from {shown(names[edge[0]])} to {shown(names[edge[1]])}")
    attributes = {name: stored.get(name) for name in COSTS}
    if stored.get("structure") is not None:
        attributes["structure"] = structure_from_dict(stored["structure"])
    return read_partial(attributes, (sizes[edge[1]], sizes[edge[0]]), EdgeName(names[edge[0]], names[edge[1]]))
