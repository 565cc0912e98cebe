"""What the products of some orders of multiplication need, estimated from some rows of each: where products hardly fill up.

Sizes and numbers of nonzeros say too much of matrices whose nonzeros are near each other, as those of blocks, bands and stencils:
their products meet at the same places again and again. Rows that are formed tell what is left.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.structure.leaves import Leaf
    from chainopt.typing import Array, IntArray

    Interval = tuple[int, int]

ROWS = 32  # that are drawn of each side of a product


class OrderCounts:
    """The nonzeros and the work of the products of some orders.

    Parameters
    ----------
    leaves : sequence of Leaf
        The factors, none of them dense.
    orders : sequence of list of (int, int, int)
        The products (i, k, j) of each.
    """

    def __init__(self, leaves: Sequence[Leaf], orders: Sequence[Sequence[tuple[int, int, int]]]) -> None:
        alike = {id(leaf): leaf.ones() for leaf in leaves}
        self._leaves, self._ones = leaves, [alike[id(leaf)] for leaf in leaves]
        self._draw = np.random.default_rng(0)  # the same estimates at each call
        self._rows: dict[Interval, Array] = {}
        self._work: dict[tuple[int, int, int], float] = {}
        for i, k, j in sorted({*chain.from_iterable(orders)}, key=_width):
            left = self._rows[i, k] if k > i + 1 else self._of_leaf(i)
            met = self._ones[k][self._some(left.indices)]
            lengths = np.diff(self._product(met, k + 1, j).indptr)
            self._work[i, k, j] = self._share(i, left) * left.nnz * float(lengths.mean() if lengths.size else 0.0)
            if (i, j) not in self._rows:
                self._rows[i, j] = self._product(left, k, j)

    def nonzeros(self, i: int, j: int) -> float:
        """Return how many nonzeros the product of ``i..j-1`` has."""
        if j == i + 1:
            return float(self._leaves[i].nonzeros)
        rows = self._rows[i, j]
        return self._share(i, rows) * float(rows.nnz)

    def work(self, i: int, k: int, j: int) -> float:
        """Return how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs."""
        return self._work[i, k, j]

    def _of_leaf(self, i: int) -> Array:
        """Return some rows of a factor, always the same ones."""
        if (i, i + 1) not in self._rows:
            self._rows[i, i + 1] = self._ones[i][self._some(np.arange(self._leaves[i].shape[0]))]
        return self._rows[i, i + 1]

    def _share(self, i: int, rows: Array) -> float:
        """Return for how many rows each of those stands that were drawn."""
        return float(self._leaves[i].shape[0] / rows.shape[0]) if rows.shape[0] else 0.0

    def _some(self, numbers: IntArray) -> IntArray:
        return numbers if numbers.size <= ROWS else self._draw.choice(numbers, ROWS, replace=False)

    def _product(self, rows: Array, begin: int, end: int) -> Array:
        """Return the pattern of rows times the factors ``begin..end-1``."""
        for ones in self._ones[begin:end]:
            rows = rows @ ones
            rows.data[:] = 1.0
        return rows


def _width(product: tuple[int, int, int]) -> tuple[int, tuple[int, int, int]]:
    """Return what sorts products: sides before what is made of them, and always in the same way."""
    return product[2] - product[0], product
