"""A traced function as a graph of its variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.functions.program import varying_of
from chainopt.structure.structures import Identity

if TYPE_CHECKING:
    import networkx as nx

    from chainopt.functions.trace import Equation, Trace
    from chainopt.typing import Array

SUMS = {"add", "add_any"}  # as JAX calls them; PyTorch's may multiply what they add


def graph_of(trace: Trace) -> nx.DiGraph[int]:
    """Return a node for each variable that depends on the inputs, and an edge for each that another is computed from."""
    import networkx as nx

    varying = varying_of(trace)
    graph: nx.DiGraph[int] = nx.DiGraph()
    for variable in trace.inputs:
        graph.add_node(variable, size=trace.size(variable), shape=trace.variables[variable].shape)
    for equation in trace.equations:
        for written in varying & set(equation.outputs):
            graph.add_node(written, size=trace.size(written), shape=trace.variables[written].shape)
            for read in varying & set(equation.inputs):
                costs = {"jvp_cost": equation.price.jvp, "vjp_cost": equation.price.vjp}
                known: dict[str, Array] = {key: cost for key, cost in costs.items() if cost is not None}
                if _passes_on(trace, equation, read, written):
                    known = {"structure": Identity()}
                graph.add_edge(read, written, primitive=equation.name, **known)
    return graph


def _passes_on(trace: Trace, equation: Equation, read: int, written: int) -> bool:
    """Whether an equation adds something to a variable, whose Jacobian is then the identity."""
    is_summand = equation.name in SUMS and len(set(equation.inputs)) == 2  # and not twice the same
    return is_summand and trace.variables[read].shape == trace.variables[written].shape
