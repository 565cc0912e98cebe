"""The order in which a chain of sparse matrices is multiplied once: found in less time than the products take, and so estimated.

What the numbers of nonzeros alone say is enough where a thin matrix at one end is swept through the chain, as in powers times a
vector. Where two sparse matrices are to be multiplied and that is much work, the nonzeros of rows and columns are counted, and
estimated of products: a matrix with a few full columns costs far more than one whose nonzeros are spread.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chainopt.bracketing.bracketing import Bracketing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.typing import Array

    Splits = dict[tuple[int, int], int]

MUCH = 3e5  # multiplications of a sparse product, below which counting takes as long as they do
CHEAP = 0.25  # nonzeros are counted in a tenth of the time of so many multiplications for each


def sparse_order(matrices: Sequence[Array]) -> Bracketing:
    """Return an order that is estimated to be cheap.

    Parameters
    ----------
    matrices : sequence of matrices
        SciPy's sparse arrays, and NumPy's, which fit together and have no size of zero.
    """
    factors = len(matrices)
    sizes = [matrix.shape[0] for matrix in matrices] + [matrices[-1].shape[1]]
    is_dense = [isinstance(matrix, np.ndarray) for matrix in matrices]
    stored = {
        (i, i + 1): float(matrix.size if dense else matrix.nnz)
        for i, (matrix, dense) in enumerate(zip(matrices, is_dense, strict=True))
    }

    def work(i: int, k: int, j: int) -> float:
        evenly: float = stored[i, k] * stored[k, j] / sizes[k]
        return evenly

    def join(i: int, k: int, j: int) -> None:
        places = float(sizes[i] * sizes[j])
        stored[i, j] = places if any(is_dense[i:j]) else -places * math.expm1(-work(i, k, j) / places)

    splits = _cheapest(factors, work, join)
    products = _products(factors, splits)
    cost = sum(work(*product) for product in products)
    of_sparse = sum(work(i, k, j) for i, k, j in products if not (any(is_dense[i:k]) or any(is_dense[k:j])))
    pairs = [k for k in range(1, factors) if not (is_dense[k - 1] or is_dense[k])]
    if of_sparse and sum(stored[k - 1, k] + stored[k, k + 1] for k in pairs) < CHEAP * cost:
        # Where nonzeros are in a few rows and columns, a product needs many times what it would if they were spread evenly.
        of_sparse *= max(1.0, *(_counted(matrices[k - 1], matrices[k]) / (work(k - 1, k, k + 1) or 1.0) for k in pairs))
    if of_sparse > MUCH:
        from chainopt.structure.sampled_counts import sampled_counts

        splits = _cheapest(factors, sampled_counts([*map(_ones, matrices)]).work, lambda *_: None)
    return Bracketing.from_splits(factors, lambda i, j: splits[i, j])


def _cheapest(factors: int, work: Callable[[int, int, int], float], join: Callable[[int, int, int], None]) -> Splits:
    """Return where the product of each interval is split, given the work of each product; each is joined before it is used."""
    costs, splits = {(i, i + 1): 0.0 for i in range(factors)}, {}
    for width in range(2, factors + 1):
        for i in range(factors - width + 1):
            j, least, split = i + width, math.inf, i + 1
            for k in range(i + 1, j):
                cost = costs[i, k] + costs[k, j] + work(i, k, j)
                if cost < least:
                    least, split = cost, k
            costs[i, j], splits[i, j] = least, split
            join(i, split, j)
    return splits


def _products(factors: int, splits: Splits) -> list[tuple[int, int, int]]:
    """List the products that are formed on the way to the whole."""
    products, waiting = [], [(0, factors)]
    while waiting:
        i, j = waiting.pop()
        if j - i > 1:
            k = splits[i, j]
            products.append((i, k, j))
            waiting += [(i, k), (k, j)]
    return products


def _counted(left: Array, right: Array) -> float:
    """Return how many multiplications the product of two sparse matrices needs."""
    columns = np.bincount(left.tocsr().indices, minlength=left.shape[1])
    return float(columns @ np.diff(right.tocsr().indptr).astype(float))


def _ones(matrix: Array) -> Array:
    """Return a matrix with ones in the places that it stores, by rows."""
    from scipy import sparse

    if isinstance(matrix, np.ndarray):
        return sparse.csr_array(np.ones(matrix.shape))
    entries = matrix.tocsr()
    return sparse.csr_array((np.ones(entries.nnz), entries.indices, entries.indptr), shape=entries.shape)
