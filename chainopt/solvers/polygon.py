"""Hu and Shing's O(n log n) solver for dense chains: see `chainopt.kernels.polygon`."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import Mode
from chainopt.costs.multiplications import INT64_LIMIT, MULTIPLICATIONS, is_small, neighbours
from chainopt.costs.stage_choices import stage_choices
from chainopt.kernels import polygon
from chainopt.kernels.policy import compiled, compiled_pays
from chainopt.solvers.pure_modes import preferred

if TYPE_CHECKING:
    from chainopt.chain.chain import JacobianChain
    from chainopt.solvers.base import Candidate

MODES = (Mode.FORWARD, Mode.REVERSE, Mode.HYBRID)  # as the kernel numbers them
_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)  # made once: with a type, each small array takes twice as long
SECONDS_PER_FACTOR = 2.5e-6  # of the kernel as it stands, uncompiled


def solve(chain: JacobianChain) -> Candidate:
    """Find the cheapest bracketing of a chain of at least three matrices; their stacks, if any, must be equal."""
    factors = chain.sizes.size - 1
    spans: Any = np.empty((2, factors - 1), _INT32)
    if fits_int64(chain) and compiled_pays(factors * SECONDS_PER_FACTOR):
        scratch = np.empty((polygon.SCRATCH_ROWS, factors + 2), _INT64)
        cost, mode = compiled(polygon.bracket, polygon.meld)(chain.sizes, scratch, spans)
    else:
        lists = [[0] * (factors + 2) for _ in range(polygon.SCRATCH_ROWS)]
        cost, mode = polygon.bracket(chain.sizes.tolist(), lists, spans)
    solution = Bracketing(spans), cost, MODES[mode]
    if chain.details is None or chain.batches is None:
        return solution
    return preferred(chain, stage_choices(chain), (solution[0], cost * math.prod(chain.batches[0]), solution[2]), MULTIPLICATIONS)


def fits_int64(chain: JacobianChain) -> bool:
    """Whether no value that the kernel forms passes 2**63; the bound is derived in its docstring."""
    return is_small(chain) or (chain.largest < INT64_LIMIT and bound(chain.sizes.tolist()) < INT64_LIMIT)


def bound(sizes: list[int]) -> int:
    """Return a bound on every value that the kernel forms."""
    second = heapq.nlargest(2, sizes)[1]
    return second * (neighbours(sizes) + sizes[0] * sizes[-1])
