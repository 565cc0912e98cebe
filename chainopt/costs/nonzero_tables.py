"""Tables of the products of a chain of sparse matrices, filled by the interval program over numbers of nonzeros."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from chainopt.kernels import nonzeros_dp, policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.costs.sure_sweeps import Products
    from chainopt.typing import NumpyArray

    Number = TypeVar("Number", int, float)
    Table = Sequence[Sequence[Number]] | NumpyArray

COMPILED, MANY, SECONDS_PER_STEP = 5_000, 600_000, 1.5e-7  # steps of the program, the time of one that is not compiled
AT_ONCE = 10**8  # steps that cannot be interrupted


class Tables(NamedTuple):
    """What is told of the product of the factors ``i..j-1``, at [i][j].

    Attributes
    ----------
    stored : table
        Its nonzeros.
    costs, splits : table
        What it costs in its cheapest order, and where it is split in that.
    """

    stored: Table[float]
    costs: Table[float]
    splits: Table[int]


def nonzero_tables(sizes: Sequence[int], counts: Sequence[float], are_full: Sequence[bool], *, fills: bool) -> Tables:
    """Return the nonzeros of all products, the cost of each in its cheapest order, and where it is split in that."""
    width = len(sizes)
    steps = width**3 / 6
    inner = range(width - 1)
    # Up to many steps, importing Numba takes longer than all of them; who has imported it has compiled ones.
    if steps > COMPILED and policy.compiled_pays(steps * SECONDS_PER_STEP if steps > MANY else 0.0):
        stored, costs, splits = np.zeros((width, width)), np.zeros((width, width)), np.zeros((width, width), dtype=np.intp)
        stored[inner, range(1, width)] = stored[range(1, width), inner] = counts
        look, given = policy.compiled(nonzeros_dp.first_look), (np.array(sizes, dtype=np.float64), np.array(are_full))
        widths = max(1, int(AT_ONCE / width**2))
        for begin in range(2, width, widths):
            look(*given, fills, stored, costs, splits, begin, min(begin + widths, width))
        return Tables(stored, costs, splits)
    rows = [[0.0] * width for _ in sizes], [[0.0] * width for _ in sizes], [[0] * width for _ in sizes]
    for i, count in enumerate(counts):
        rows[0][i][i + 1] = rows[0][i + 1][i] = float(count)
    nonzeros_dp.first_look([float(size) for size in sizes], are_full, fills, *rows, 2, width)
    return Tables(*rows)


def products_of(factors: int, split: Callable[[int, int], int]) -> Products:
    """List the products (i, k, j) on the way to that of all factors, sides before their product."""
    products, waiting = [], [(0, factors)]
    while waiting:
        i, j = waiting.pop()
        if j - i > 1:
            k = split(i, j)
            products.append((i, k, j))
            waiting += [(i, k), (k, j)]
    products.reverse()
    return products
