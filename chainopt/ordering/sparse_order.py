"""The order in which a chain of sparse matrices is multiplied once: estimated, in less time than the products take."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from chainopt.costs.estimates import MUCH, cheapest, estimates_of, is_little, is_long, listed_of
from chainopt.costs.first_look import FirstLook, first_look
from chainopt.structure.leaves import Leaf, dense_leaf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.costs.sure_sweeps import Products
    from chainopt.typing import Array


def sparse_order(matrices: Sequence[Array]) -> Products:
    """Return the products (i, k, j), of ``i..k-1`` with ``k..j-1``, of an order that is estimated to be cheap.

    Parameters
    ----------
    matrices : sequence of matrices
        SciPy's sparse arrays, and NumPy's, which fit together and have no size of zero.
    """
    first: dict[int, int] = {}  # where the same matrix comes first
    same = tuple([first.setdefault(id(matrix), position) for position, matrix in enumerate(matrices)])
    counts = tuple([None if isinstance(matrix, np.ndarray) else matrix.nnz for matrix in matrices])
    products = _by_numbers(tuple([matrix.shape for matrix in matrices]), counts, same)
    if products is not None:
        return products
    alike = [_leaf(matrix.shape, count, matrix) for matrix, count in zip(matrices, counts, strict=True)]
    leaves = [alike[position] for position in same]
    estimates = estimates_of(leaves, MUCH)
    return estimates.products if isinstance(estimates, FirstLook) else cheapest(len(leaves), estimates.work)


@lru_cache(maxsize=64)
def _by_numbers(shapes: tuple[tuple[int, int], ...], counts: tuple[int | None, ...], same: tuple[int, ...]) -> Products | None:
    """Return the order that sizes and numbers of nonzeros decide; None where one has to look at the nonzeros."""
    alike = [_leaf(shape, count) for shape, count in zip(shapes, counts, strict=True)]
    leaves = [alike[position] for position in same]
    look = first_look(leaves)
    return look.products if is_little(look.work_of_sparse(), listed_of(leaves)) or is_long(leaves, look) else None


def _leaf(shape: tuple[int, int], count: int | None, source: Array = None) -> Leaf:
    """Return a factor of so many nonzeros; None for all."""
    return dense_leaf(shape) if count is None else Leaf(shape, count, source=source)
