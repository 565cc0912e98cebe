"""What products of sparse matrices need at most, wherever their nonzeros are: what is risked with an order, if none are counted.

A row of a product has at most as many nonzeros as the longest row of its left side has, times those of the longest row of its
right side, and no more than there are columns; columns likewise.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from chainopt.costs.nonzero_tables import products_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.costs.sure_sweeps import Products
    from chainopt.structure.leaves import Leaf
    from chainopt.typing import NumpyArray


class AtMost:
    """Upper bounds of the work of all products of a chain, and the order with the least of them."""

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        width = len(leaves) + 1
        self._rows, self._columns, self._nonzeros = ([[0.0] * width for _ in range(width)] for _ in range(3))
        lengths = {id(leaf): _lengths(leaf) for leaf in leaves}
        for i, leaf in enumerate(leaves):
            rows, columns = lengths[id(leaf)]
            self._rows[i][i + 1], self._columns[i][i + 1] = float(rows.max(initial=0)), float(columns.max(initial=0))
            self._nonzeros[i][i + 1] = float(leaf.nonzeros)
        self._of_pairs = [float(lengths[id(left)][1] @ lengths[id(right)][0]) for left, right in pairwise(leaves)]
        self.products, self.cost = self._safest(leaves)

    def work(self, i: int, k: int, j: int) -> float:
        """Return how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs at most; of two factors exactly."""
        if j == i + 2:
            return self._of_pairs[i]
        return min(self._nonzeros[i][k] * self._rows[k][j], self._columns[i][k] * self._nonzeros[k][j])

    def of(self, products: Products) -> float:
        """Return how many multiplications an order needs at most."""
        return sum(self.work(*product) for product in products)

    def _safest(self, leaves: Sequence[Leaf]) -> tuple[Products, float]:
        factors = len(leaves)
        sizes = [*(float(leaf.shape[0]) for leaf in leaves), float(leaves[-1].shape[1])]
        costs, splits = [[0.0] * (factors + 1) for _ in range(factors + 1)], {}
        rows, columns, nonzeros = self._rows, self._columns, self._nonzeros
        for width in range(2, factors + 1):
            for i in range(factors - width + 1):
                j = i + width
                inner = range(i + 1, j)
                works = [self.work(i, k, j) for k in inner]
                totals = [costs[i][k] + costs[k][j] + work for k, work in zip(inner, works, strict=True)]
                costs[i][j] = least = min(totals)
                splits[i, j] = i + 1 + totals.index(least)
                rows[i][j] = min(sizes[j], *(rows[i][k] * rows[k][j] for k in inner))
                columns[i][j] = min(sizes[i], *(columns[i][k] * columns[k][j] for k in inner))
                nonzeros[i][j] = min(sizes[i] * rows[i][j], sizes[j] * columns[i][j], *works)
        return products_of(factors, lambda i, j: splits[i, j]), costs[0][factors]


def _lengths(leaf: Leaf) -> tuple[NumpyArray, NumpyArray]:
    """Return how many nonzeros each row has, and each column."""
    height, width = leaf.shape
    if leaf.is_full:
        return np.full(height, float(width)), np.full(width, float(height))
    begins, columns = leaf.rows
    return np.diff(begins).astype(np.float64), np.bincount(columns, minlength=width).astype(np.float64)
