"""The Jacobian of a graph whose edges carry matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.exceptions import ChainError
from chainopt.execution.libraries import is_operator
from chainopt.graphs.linearize import linearization
from chainopt.graphs.links import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray


def accumulate(
    graph: Any, *, inputs: Sequence[Hashable] | None = None, outputs: Sequence[Hashable] | None = None
) -> NDArray[Any]:
    """Accumulate the Jacobian of a computation graph: linearize, order, multiply.

    Parameters
    ----------
    graph : networkx.DiGraph or networkx.MultiDiGraph
        As for `linearize`; every edge between the inputs and the outputs has its ``jacobian``: a NumPy array, what NumPy
        makes one of, a SciPy sparse array or a `scipy.sparse.linalg.LinearOperator`.
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
    network = found.workshop.network
    links = {}
    for (tail, head), link in network.links.items():
        if link is not IDENTITY:
            place = f"edge {network.names[tail]!r} -> {network.names[head]!r}"
            link = link._replace(matrices=tuple(_dense(matrix, place) for matrix in link.matrices))  # noqa: PLW2901
        links[tail, head] = link
    matrices = [found.workshop.matrix(stage, links) for stage in found.stages]
    product: NDArray[Any] = found.plan.execute(matrices)
    return product


def _dense(matrix: Any, place: str) -> NDArray[Any]:
    """Return a matrix as a NumPy array."""
    if matrix is None:
        msg = f"{place} has no jacobian: accumulate multiplies matrices, so give one to every edge between inputs and outputs"
        raise ChainError(msg)
    if hasattr(matrix, "toarray"):
        matrix = matrix.toarray()
    elif is_operator(matrix):
        matrix = matrix.matmat(np.eye(matrix.shape[1]))
    array = np.asarray(matrix)
    if array.dtype.kind not in "biufc":
        msg = f"{place}: its jacobian has the dtype {array.dtype}: give numbers"
        raise ChainError(msg)
    return array.astype(np.int64) if array.dtype.kind == "b" else array  # paths add up
