"""The computation graph of a JAX function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax

from chainopt.functions.computation_graph import graph_of
from chainopt.jax.trace import trace

if TYPE_CHECKING:
    from collections.abc import Callable

    import networkx as nx


def computation_graph(function: Callable[..., Any], *arguments: Any) -> nx.DiGraph:
    """Return the equations of a JAX function as a graph of variables, as `chainopt.linearize` takes it.

    Parameters
    ----------
    function : callable
        Of arrays, or pytrees of them.
    *arguments
        What it is traced at; values do not matter.

    Returns
    -------
    networkx.DiGraph
        A node for each variable with its ``size`` and ``shape``, an edge for each pair of a variable that an equation
        reads and one that it writes, with the ``primitive``, ``jvp_cost`` and ``vjp_cost``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> graph = computation_graph(lambda x: jnp.sin(x) * 2, jnp.ones(3))
    >>> [graph.edges[edge]["primitive"] for edge in graph.edges]
    ['sin', 'mul']
    """
    leaves, tree = jax.tree.flatten(arguments)
    return graph_of(trace(lambda *flat: jax.tree.leaves(function(*jax.tree.unflatten(tree, flat))), leaves))
