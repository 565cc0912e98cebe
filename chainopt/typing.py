"""Types that the whole package uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    import networkx as nx
    import numpy as np
    from numpy.typing import NDArray

Cost: TypeAlias = int | float
"""An int counts fused multiply-adds, or what a custom objective counts; a float is a time in seconds, or such a count."""

MethodName: TypeAlias = Literal["auto", "polygon", "interval", "textbook", "heuristic", "exact", "cp-sat"]
"""The names by which `chainopt.solvers.registry` finds a method."""

PatternsName: TypeAlias = Literal["auto", "exact", "estimated"]
"""How the nonzeros of products of sparse matrices are found."""

ObjectiveName: TypeAlias = Literal["multiplications", "time"]
"""The names by which `chainopt.solvers.objectives` finds a cost model."""

Array: TypeAlias = Any
"""An array, tensor or sparse matrix of any library, or an operator: what can be a factor, an intermediate or a product."""

DType: TypeAlias = Any
"""A dtype of any library."""

PyTree: TypeAlias = Any
"""Arrays in nested containers, or one of them, as JAX and PyTorch take and return them."""

Function: TypeAlias = "Callable[..., Any]"
"""A function of the user's, or one made of it: of arrays, or of pytrees of them."""

NumpyArray: TypeAlias = "NDArray[Any]"
"""An array of NumPy with numbers of any kind."""

SizeArray: TypeAlias = "NDArray[Any]"
"""Sizes: int64, or Python ints (dtype object) where one is larger."""

CostArray: TypeAlias = "NDArray[Any]"
"""Costs: int64, Python ints (dtype object) where one may be larger, or float64."""

Tree: TypeAlias = "int | tuple[Tree, Tree]"
"""A bracketing as nested tuples of the factors' positions: ``((0, 1), 2)``."""

IntArray: TypeAlias = "NDArray[np.int64]"
BoolArray: TypeAlias = "NDArray[np.bool_]"

Graph: TypeAlias = "nx.DiGraph[Any, dict[str, Any], dict[str, Any]]"
"""Variables and the partial derivatives between them; nodes are hashable, edges have attributes."""

PlainDict: TypeAlias = dict[str, Any]
"""What JSON can hold: strings, numbers, lists and dicts of these."""


class HasShape(Protocol):
    """A matrix, or a stack of them, of which only the shape is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns, and what leads them."""
