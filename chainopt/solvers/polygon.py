"""Hu and Shing's O(n log n) solver for dense chains: see `chainopt.kernels.polygon`."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing import Bracketing
from chainopt.costs.multiplications import INT64_LIMIT, is_small
from chainopt.kernels import polygon
from chainopt.kernels.compiling import compiled
from chainopt.solvers.solution import Solution
from chainopt.solvers.warmth import compiled_pays

if TYPE_CHECKING:
    from chainopt.chain import JacobianChain

SECONDS_PER_FACTOR = 2.5e-6  # of the kernel as it stands, uncompiled


def solve(chain: JacobianChain) -> Solution:
    """Find the cheapest bracketing of a chain of at least two factors; its stacks, if any, must be equal."""
    sizes = chain.sizes
    factors = len(chain)
    first: Any
    last: Any
    if fits_int64(chain) and compiled_pays(factors * SECONDS_PER_FACTOR):
        values = np.empty((polygon.VALUE_ROWS, factors + 2), dtype=np.int64)
        links = np.empty((polygon.LINK_ROWS, factors + 2), dtype=np.int32)
        first = np.empty(factors - 1, dtype=np.int32)
        last = np.empty(factors - 1, dtype=np.int32)
        cost = compiled(polygon.bracket, polygon.meld)(sizes, values, links, first, last)
    else:
        values_rows = [[0] * (factors + 2) for _ in range(polygon.VALUE_ROWS)]
        links_rows = [[0] * (factors + 2) for _ in range(polygon.LINK_ROWS)]
        first, last = [0] * (factors - 1), [0] * (factors - 1)
        cost = polygon.bracket(sizes.tolist(), values_rows, links_rows, first, last)
    stack = 1 if chain.batches is None else chain[0].stack_size
    return Solution(Bracketing(np.asarray(first, dtype=np.int32), np.asarray(last, dtype=np.int32)), int(cost) * stack)


def fits_int64(chain: JacobianChain) -> bool:
    """Whether no value that the kernel forms passes 2**63; the bound is derived in its docstring."""
    return is_small(chain) or bound(chain.sizes.tolist()) < INT64_LIMIT


def bound(sizes: list[int]) -> int:
    """Return a bound on every value that the kernel forms."""
    second = heapq.nlargest(2, sizes)[1]
    return second * (sum(map(int.__mul__, sizes, sizes[1:])) + sizes[0] * sizes[-1])
