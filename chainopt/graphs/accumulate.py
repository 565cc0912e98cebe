"""The Jacobian of a graph whose edges carry matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.execution.backends.dispatch import dense_form
from chainopt.execution.perform import needs
from chainopt.graphs.edges import IDENTITY, Free, Place
from chainopt.graphs.elimination.numeric import Matrices, StageOperator, numeric
from chainopt.graphs.linearize import linearization

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from chainopt.graphs.computation_graph import Network
    from chainopt.graphs.elimination.vertex_elimination import Links


def accumulate(
    graph: Any, *, inputs: Sequence[Hashable] | None = None, outputs: Sequence[Hashable] | None = None
) -> NDArray[Any]:
    """Accumulate the Jacobian of a computation graph: linearize, order, multiply, and add the skips.

    Parameters
    ----------
    graph : networkx.DiGraph or networkx.MultiDiGraph
        As for `linearize`; every edge between the inputs and the outputs has its ``jacobian``: a NumPy array, what NumPy
        makes one of, a SciPy sparse array or, with its costs, a `scipy.sparse.linalg.LinearOperator`. An identity needs none.
    inputs, outputs : sequence of nodes, optional
        The columns and rows, in their order; by default the sources and the sinks.

    Returns
    -------
    numpy.ndarray
        The sum over all paths from inputs to outputs of the products along each.

    Raises
    ------
    ChainError
        As `linearize` does, and if an edge has no matrix.

    Notes
    -----
    What the plan accumulates is accumulated, by vertex elimination inside the stages; what it pushes or pulls through a stage
    goes through its edges one by one. Operators are asked for as many JVPs and VJPs as were counted.

    Examples
    --------
    >>> import networkx, numpy
    >>> from chainopt.graphs.accumulate import accumulate
    >>> graph = networkx.DiGraph()
    >>> graph.add_edge("x", "u", jacobian=numpy.array([[1.0, 2.0]]))
    >>> graph.add_edge("u", "y", jacobian=numpy.array([[3.0]]))
    >>> graph.add_edge("x", "y", jacobian=numpy.array([[10.0, 0.0]]))
    >>> accumulate(graph)
    array([[13.,  6.]])
    """
    found = linearization(graph, inputs, outputs)
    workshop = found.workshop
    links = _numeric_links(workshop.network)
    dtype = _dtype(links)
    plan = found.plan
    used = [{"matrix"}] * len(plan.chain) if plan.association.kinds is None else needs(len(plan.chain), plan.operations)
    factors: list[Any] = []
    for stage, uses in zip(found.stages, used, strict=True):
        inside = workshop.inside(stage, links)
        if uses and "matrix" not in uses:
            factors.append(StageOperator(stage, inside, workshop.network.sizes, dtype))
        else:
            tableau = Matrices(stage, inside, workshop.network.sizes, workshop.price)
            for node in workshop.order(stage):
                tableau.eliminate(node)
            factors.append(tableau.matrix(dtype))
    product = np.asarray(dense_form(plan.execute(factors)))
    return found.chain.add_skips(product.astype(np.result_type(product, dtype), copy=False))


def _numeric_links(network: Network) -> Links:
    """Return the edges with their matrices in the forms in which they are multiplied."""
    links = {}
    for (tail, head), link in network.links.items():
        place = Place(network.names[tail], network.names[head])
        links[tail, head] = link if link is IDENTITY else numeric(link, place)
    return links


def _dtype(links: Links) -> np.dtype[Any]:
    """Return the dtype of what all matrices make together."""
    parts = [part.operator if isinstance(part, Free) else part for link in links.values() for part in link.matrices]
    dtypes = [part.dtype for part in parts if getattr(part, "dtype", None) is not None]  # which an identity has not
    return np.result_type(*dtypes) if dtypes else np.dtype(float)
