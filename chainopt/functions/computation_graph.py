"""A traced function as a graph of its variables, which is cut into stages, and handed to those who ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from chainopt.graphs.description import Description
from chainopt.graphs.reader import TRACED
from chainopt.structure.diagonal import Diagonal
from chainopt.structure.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    import networkx as nx

    from chainopt.functions.trace import Equation, Trace

MATRIX = 2  # axes of a factor that is no vector


def carrying(trace: Trace) -> set[int]:
    """Return the variables that derivatives by the inputs go through: what depends on them by numbers that have a derivative."""
    variables = {variable for variable in trace.inputs if trace.is_differentiable(variable)}
    for equation in trace.equations:
        if not equation.derivative.is_constant and not variables.isdisjoint(equation.inputs):
            variables |= {variable for variable in equation.outputs if trace.is_differentiable(variable)}
    return variables


def multiplies_matrices(trace: Trace, products: AbstractSet[str]) -> bool:
    """Whether both factors of a product with a matrix depend on the inputs.

    Parameters
    ----------
    trace : Trace
    products : set of str
        The names of the equations that multiply.
    """
    carried = carrying(trace)
    return any(
        equation.name in products
        and carried.issuperset(equation.inputs)
        and any(len(trace.variables[variable].shape) >= MATRIX for variable in equation.inputs)
        for equation in trace.equations
    )


def description_of(trace: Trace, outputs: Sequence[int]) -> Description:
    """Describe what derivatives go through: a node for each variable, an edge for each that another is computed from.

    Parameters
    ----------
    trace : Trace
    outputs : sequence of int
        The variables that are differentiated, each once.
    """
    variables = carrying(trace)
    nodes: dict[int, dict[str, Any]] = {}
    for place, variable in enumerate(each for each in trace.inputs if each in variables):
        nodes[variable] = {"size": trace.size(variable), "shape": trace.variables[variable].shape, "input": place}
    edges: list[tuple[int, int, dict[str, Any]]] = []
    numbers = {variable: number for number, variable in enumerate(nodes)}
    for position, equation in enumerate(trace.equations):
        read = [variable for variable in equation.inputs if variable in variables]
        for written in equation.outputs if read else ():
            if written not in variables:
                continue
            numbers[written] = len(numbers)
            nodes[written] = {"size": trace.size(written), "shape": trace.variables[written].shape, "equation": position}
            if equation.stage:
                nodes[written]["stage"] = equation.stage
            edges += [(numbers[tail], numbers[written], _edge(trace, equation, tail, written, read)) for tail in read]
    for place, variable in enumerate(outputs):
        nodes[variable]["output"] = place
    edges.sort(key=lambda edge: edge[0])  # as networkx holds them
    return Description(list(nodes), list(nodes.values()), edges, is_traced=True)


def _edge(trace: Trace, equation: Equation, tail: int, head: int, read: Sequence[int]) -> dict[str, Any]:
    """Return the attributes of an edge: the costs of its whole equation, and what is known of its own Jacobian."""
    costs = {"jvp_cost": equation.price.jvp, "vjp_cost": equation.price.vjp}
    attributes: dict[str, Any] = {"primitive": equation.name, **{key: cost for key, cost in costs.items() if cost is not None}}
    rows, columns = trace.size(head), trace.size(tail)
    if _passes_on(trace, equation, tail, head):
        attributes["structure"] = Identity()
    elif equation.is_elementwise and rows == columns:
        attributes["structure"] = Diagonal()
    elif tail in equation.matrices and len(read) == len(equation.outputs) == 1:
        attributes["accumulation_cost"] = rows * columns
        structure = equation.matrices[tail].structure
        if structure is not None:
            attributes["structure"] = structure
    return attributes


def _passes_on(trace: Trace, equation: Equation, tail: int, head: int) -> bool:
    """Whether an equation adds something else to a variable, whose Jacobian is then the identity."""
    one, other = trace.variables[tail], trace.variables[head]
    return equation.is_sum and len(set(equation.inputs)) == 2 and (one.shape, one.dtype) == (other.shape, other.dtype)


def graph_of(trace: Trace) -> nx.DiGraph[int]:
    """Return a traced function as a graph, as `chainopt.linearize` takes it."""
    import networkx as nx

    variables = carrying(trace)
    description = description_of(trace, [variable for variable in dict.fromkeys(trace.outputs) if variable in variables])
    names = cast("list[int]", description.names)
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.graph[TRACED] = True
    for name, attributes in zip(names, description.nodes, strict=True):
        graph.add_node(name, **attributes)
    for tail, head, attributes in description.edges:
        graph.add_edge(names[tail], names[head], **attributes)
    return graph
