"""The Jacobian of a graph whose edges carry matrices."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from chainopt.execution.dependencies import needs
from chainopt.execution.forms import dense_form
from chainopt.graphs.edges import IDENTITY, EdgeName, MatrixFree
from chainopt.graphs.elimination.execution import by_structures
from chainopt.graphs.elimination.numeric import NumericElimination, numeric
from chainopt.graphs.elimination.problem import problem_of
from chainopt.graphs.elimination.search import cheaper_order
from chainopt.graphs.linearize import cut_edges
from chainopt.graphs.reader import read_graph
from chainopt.graphs.stage_operator import StageOperator

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from chainopt.graphs.computation_graph import ComputationGraph
    from chainopt.graphs.edges import Partial
    from chainopt.graphs.elimination.vertex_elimination import Partials
    from chainopt.typing import Array, DType, Graph, NumpyArray

LOGGER = logging.getLogger("chainopt")


def accumulate(
    graph: Graph, *, inputs: Sequence[Hashable] | None = None, outputs: Sequence[Hashable] | None = None
) -> NumpyArray:
    """Accumulate the Jacobian of a computation graph: by the chain that `linearize` finds, or by vertex elimination.

    Parameters
    ----------
    graph : networkx.DiGraph or networkx.MultiDiGraph
        As for `linearize`; every edge between the inputs and the outputs has its ``jacobian``: a NumPy array, or what
        becomes one, such as nested lists, a SciPy sparse array or, with its costs, a
        `scipy.sparse.linalg.LinearOperator`. An identity needs none.
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
    The cheaper of the two is used; the logger ``chainopt`` says which, at level INFO. In the chain, the stages that the plan
    accumulates are accumulated by vertex elimination; what it pushes or pulls through a stage goes through its edges one by
    one. Operators are asked for exactly the JVPs and VJPs that were counted.

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
    read = read_graph(graph, inputs, outputs)
    best, stages = cut_edges(read)
    partials = _numeric(read)
    dtype = _dtype(partials.values())
    plan = best.plan
    problem = problem_of(read, [], [])
    cheaper = cheaper_order(problem, plan.cost)
    if cheaper is not None:
        LOGGER.info("accumulated by vertex elimination, %s: %s, by the chain %s", cheaper.method, cheaper.cost, plan.cost)
        return best.chain.add_skips(by_structures(problem, cheaper.order, {}).astype(dtype, copy=False))
    LOGGER.info("accumulated by the chain: %s", plan.cost)
    used = [{"matrix"}] * len(plan.chain) if plan.association.kinds is None else needs(len(plan.chain), plan.operations)
    factors: list[Array] = []
    for stage, uses in zip(best.stages, used, strict=True):
        inside = {edge: partials[edge] for edge in read.edges_into(stage.computed)}
        if uses and "matrix" not in uses:
            factors.append(StageOperator(stage, inside, read.sizes, dtype))
        else:
            elimination = NumericElimination(stage, inside, read.sizes, read.model)
            for node in stages.elimination_order(stage):
                elimination.eliminate(node)
            factors.append(elimination.matrix(dtype))
    product = np.asarray(dense_form(plan.execute(factors)))
    return best.chain.add_skips(product.astype(np.result_type(product, dtype), copy=False))


def _numeric(graph: ComputationGraph) -> Partials:
    """Return the edges with their matrices in the forms in which they are multiplied."""
    names = graph.names
    return {
        (tail, head): partial if partial is IDENTITY else numeric(partial, EdgeName(names[tail], names[head]))
        for (tail, head), partial in graph.partials.items()
    }


def _dtype(partials: Iterable[Partial]) -> DType:
    """Return the dtype of what all matrices make together."""
    matrices = [matrix for partial in partials for matrix in partial.matrices]
    arrays = [matrix.operator if isinstance(matrix, MatrixFree) else matrix for matrix in matrices]
    dtypes = [array.dtype for array in arrays if getattr(array, "dtype", None) is not None]  # which an identity has not
    return np.result_type(*dtypes) if dtypes else np.dtype(float)
