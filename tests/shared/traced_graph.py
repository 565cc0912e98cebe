"""Functions traced by JAX to the graphs that published operation counts are about: a vertex for each operation on numbers."""

import itertools

import jax
import networkx as nx
import numpy as np
from jax.extend.core import Literal

from chainopt import Identity

UNITS = frozenset({"add", "add_any", "sub", "neg"})  # whose partial derivatives are 1 or -1
MOVES = frozenset({"broadcast_in_dim", "concatenate", "reshape", "slice", "squeeze", "stack", "unstack"})
CONSTANT = -1


def traced_graph(function, size, *, units_are_free):
    """Return the graph of a function of a vector, its inputs and its outputs.

    What puts numbers into other places is no vertex, nor is what lies on no path from an input to an output. An output that is
    used further on is a vertex of its own behind an identity.
    """
    closed = jax.make_jaxpr(function)(np.zeros(size))
    graph = nx.DiGraph()
    graph.add_nodes_from(range(size), size=1)
    names = itertools.count(size)
    unit = {"structure": Identity()} if units_are_free else {}

    def operation(equation, operands):
        places = np.broadcast_arrays(*operands)
        found = [vertex(str(equation.primitive), tails) for tails in zip(*(each.reshape(-1) for each in places), strict=True)]
        return np.array(found).reshape(equation.outvars[0].aval.shape)

    def vertex(name, tails):
        tails = [int(tail) for tail in tails if tail != CONSTANT]
        if not tails:
            return CONSTANT
        head = next(names)
        graph.add_node(head, size=1)
        graph.add_edges_from(((tail, head) for tail in tails), **(unit if name in UNITS and len({*tails}) == len(tails) else {}))
        return head

    def walk(jaxpr, given):
        known = dict(zip(jaxpr.invars, given, strict=True)) | {
            each: np.full(each.aval.shape, CONSTANT) for each in jaxpr.constvars
        }

        def read(variable):
            return np.full(np.shape(variable.val), CONSTANT) if isinstance(variable, Literal) else known[variable]

        for equation in jaxpr.eqns:
            operands = [read(variable) for variable in equation.invars]
            name = str(equation.primitive)
            if name in {"jit", "pjit"}:
                results = walk(equation.params["jaxpr"].jaxpr, operands)
            elif name in MOVES:
                moved = equation.primitive.bind(*map(jax.numpy.asarray, operands), **equation.params)
                results = [*map(np.asarray, moved if equation.primitive.multiple_results else [moved])]
            else:
                results = [operation(equation, operands)]
            known |= dict(zip(equation.outvars, results, strict=True))
        return [read(variable) for variable in jaxpr.outvars]

    (found,) = walk(closed.jaxpr, [np.arange(size)])
    inputs, outputs = [*range(size)], []
    for vertex_of_output in found.reshape(-1).tolist():
        tail, head = vertex_of_output, vertex_of_output
        if tail in {*inputs, *outputs} or graph.out_degree(tail):
            head = next(names)
            graph.add_node(head, size=1)
            graph.add_edge(tail, head, **unit)
        outputs.append(head)
    behind = {*inputs}.union(*(nx.descendants(graph, node) for node in inputs))
    before = {*outputs}.union(*(nx.ancestors(graph, node) for node in outputs))
    return graph.subgraph([node for node in graph if node in (behind & before) | {*inputs}]).copy(), inputs, outputs
