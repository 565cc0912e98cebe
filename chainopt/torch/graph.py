"""The computation graph of a PyTorch function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils import _pytree as pytree

from chainopt.functions.computation_graph import graph_of
from chainopt.torch.trace import trace

if TYPE_CHECKING:
    from collections.abc import Callable

    import networkx as nx


def computation_graph(function: Callable[..., Any], *arguments: Any) -> nx.DiGraph:
    """Return the operators of a PyTorch function as a graph of variables, as `chainopt.linearize` takes it.

    Parameters
    ----------
    function : callable
        Of tensors, or pytrees of them.
    *arguments
        What it is traced at; values do not matter.

    Returns
    -------
    networkx.DiGraph
        A node for each tensor with its ``size`` and ``shape``, an edge for each pair of a tensor that an operator
        reads and one that it writes, with the ``primitive``, ``jvp_cost`` and ``vjp_cost``.

    Examples
    --------
    >>> import torch
    >>> graph = computation_graph(lambda x: torch.sin(x) * 2, torch.ones(3))
    >>> [graph.edges[edge]["primitive"] for edge in graph.edges]
    ['aten.sin.default', 'aten.mul.Tensor']
    """
    leaves, tree = pytree.tree_flatten(arguments)

    def flat(*given: Any) -> list[Any]:
        found: list[Any] = pytree.tree_leaves(function(*pytree.tree_unflatten(list(given), tree)))
        return found

    return graph_of(trace([flat], leaves))
