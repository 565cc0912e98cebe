"""Sweeps from a thin dense end that no other order beats, as sizes and numbers of nonzeros tell in linear time.

Let the last factor be dense with c columns. Whatever the order, the products with it partition the other factors into intervals,
and an interval L adds ``c nnz(L)`` multiplications to those that form it. To split no interval, but to sweep, is best if
``c nnz(A B) + nnz(A) nnz(B) / s >= c nnz(A) + c nnz(B)`` for all neighbors A and B that meet in s places: in any case where all
intervals have 2 c nonzeros a row and a column. They do if the factors do and all sizes are at least 4 c: of ``p >= 4 c^2`` pairs
of nonzeros for each column of a product of m rows, ``m (1 - exp(-p / m)) >= 2 c`` places are hit in the model of
`chainopt.kernels.nonzeros_dp`, and ``max(nnz(A), nnz(B))``, where products do not fill, is as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Products = list[tuple[int, int, int]]

DENSITY, WIDTH = 2, 4  # nonzeros a row and a column, and sizes, for each column of the dense end


def sure_sweep(sizes: Sequence[int], counts: Sequence[float], are_full: Sequence[bool]) -> Products | None:
    """Return the products (i, k, j), of ``i..k-1`` with ``k..j-1``, of a sweep that is certainly the cheapest order.

    Parameters
    ----------
    sizes : sequence of int
        The sizes between the factors, outputs first.
    counts : sequence of int or float
        The nonzeros of the factors.
    are_full : sequence of bool
        Which factors are dense.
    """
    factors = len(counts)
    if _is_sure(sizes[::-1], counts[::-1], are_full[::-1]):
        return sweep_to_left(factors)
    return sweep_to_right(factors) if _is_sure(sizes, counts, are_full) else None


def sweep_to_left(factors: int) -> Products:
    """Return the products of a sweep that begins with the last factor."""
    return [(i, i + 1, factors) for i in range(factors - 2, -1, -1)]


def sweep_to_right(factors: int) -> Products:
    """Return the products of a sweep that begins with the first factor."""
    return [(0, k, k + 1) for k in range(1, factors)]


def _is_sure(sizes: Sequence[int], counts: Sequence[float], are_full: Sequence[bool]) -> bool:
    """Whether a sweep that begins with the first factor is."""
    thin = sizes[0]
    if not are_full[0] or thin < 1 or min(sizes[1:]) < WIDTH * thin:
        return False
    ends = zip(counts[1:], sizes[1:], sizes[2:], strict=False)
    return all(count >= DENSITY * thin * max(pair) for count, *pair in ends)
