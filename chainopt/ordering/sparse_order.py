"""The order in which a chain of sparse matrices is multiplied once: estimated, in less time than the products take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.costs.estimates import MUCH, FirstLook, cheapest, estimates_of
from chainopt.structure.leaves import Leaf, dense_leaf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.costs.estimates import Products
    from chainopt.typing import Array


def sparse_order(matrices: Sequence[Array]) -> Products:
    """Return the products (i, k, j), of ``i..k-1`` with ``k..j-1``, of an order that is estimated to be cheap.

    Parameters
    ----------
    matrices : sequence of matrices
        SciPy's sparse arrays, and NumPy's, which fit together and have no size of zero.
    """
    alike: dict[int, Leaf] = {}
    for matrix in matrices:
        if id(matrix) not in alike:
            is_dense = isinstance(matrix, np.ndarray)
            alike[id(matrix)] = dense_leaf(matrix.shape) if is_dense else Leaf(matrix.shape, matrix.nnz, source=matrix)
    leaves = [alike[id(matrix)] for matrix in matrices]
    estimates = estimates_of(leaves, MUCH)
    return estimates.products if isinstance(estimates, FirstLook) else cheapest(len(leaves), estimates.work)
