"""The interval program for structured chains and for objectives with a cost model: see `chainopt.kernels.lookup_dp`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import Mode
from chainopt.costs import product_tables
from chainopt.costs.multiplications import exact_sizes
from chainopt.costs.operation_costs import total
from chainopt.kernels import lookup_dp
from chainopt.kernels.policy import compiled
from chainopt.solvers.interval import stack_table, ways_needed
from chainopt.solvers.pure_modes import preferred
from chainopt.solvers.warmth import compiled_pays

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.solvers.base import Solution

SECONDS_PER_STEP = 4e-7  # of the kernel as it stands, uncompiled; n**3 / 6 steps
LARGEST = 2**62


class Row(NamedTuple):
    """What joins cost whose result begins with factor i: products by [k, j], pushes and pulls by j; below zero is never."""

    prices: NDArray[Any]
    pushed: NDArray[Any]
    pulled: NDArray[Any]


class Pricing(NamedTuple):
    """What can be done with a chain at which price: the matrices of its factors, and joins, a row at a time."""

    leaves: list[Any]
    row: Callable[[int], Row]


def pricing(chain: JacobianChain, choices: StageChoices | None, model: CostModel | None = None) -> Pricing:
    """List the prices of all that can be done with a chain."""
    factors = len(chain)
    rows = product_tables.rows(chain, model, None if chain.batches is None else stack_table(chain.batches))
    sizes = exact_sizes(chain)
    if choices is None:
        nothing = np.full(factors + 1, lookup_dp.NEVER)
        return Pricing([0] * factors, lambda i: Row(rows(i), nothing, nothing))
    pull = np.array([lookup_dp.NEVER, *choices.pull], dtype=_dtype(choices.pull))

    def row(i: int) -> Row:
        push = choices.push[i]
        widths = sizes.astype(_dtype([push]))
        pushed = widths * push if push >= 0 else np.full(factors + 1, lookup_dp.NEVER)
        return Row(rows(i), pushed, np.where(pull >= 0, pull * int(sizes[i]), lookup_dp.NEVER))

    return Pricing(choices.leaves, row)


def _dtype(costs: list[Any]) -> Any:
    return np.float64 if any(isinstance(cost, float) for cost in costs) else object


def solve(chain: JacobianChain, choices: StageChoices | None = None, model: CostModel | None = None) -> Solution:
    """Find the cheapest bracketing for prices of any kind."""
    found = cheapest(pricing(chain, choices, model), choices)
    assert found is not None
    bracketing, _ = found
    return preferred(chain, choices, (bracketing, total(chain, bracketing, model), Mode.HYBRID), model)


def cheapest(prices: Pricing, choices: StageChoices | None) -> tuple[Bracketing, Any] | None:
    """Return the cheapest bracketing and its cost, as the table has it; None where there is none."""
    factors = len(prices.leaves)
    spans: Any = np.empty((2, factors - 1), dtype=np.int32)
    joins: Any = np.empty(factors - 1, dtype=np.int8)
    cost, kinds, splits = _filled(prices)
    if cost < 0:
        return None
    lookup_dp.trace(kinds, splits, [0] * (2 * factors + 2), spans, joins)
    if choices is None:
        return Bracketing(spans), cost
    return Bracketing(spans, joins, ways_needed(choices.ways, joins)), cost


def _filled(prices: Pricing) -> tuple[Any, Any, Any]:
    """Fill the table, in int64 if that holds every sum, in float64 if there are floats, else in Python ints."""
    factors = len(prices.leaves)
    kinds = np.zeros((factors + 1, factors + 1), dtype=np.int8)
    splits = np.zeros((factors + 1, factors + 1), dtype=np.int32)
    compiles = compiled_pays(factors**3 / 6 * SECONDS_PER_STEP)
    dtype: Any = np.int64
    fitting = False
    while not fitting:
        runs_compiled = compiles and dtype is not object
        fill_row = compiled(lookup_dp.fill_row) if runs_compiled else lookup_dp.fill_row
        table: Any = np.full((factors + 1, factors + 1), lookup_dp.NEVER, dtype=dtype)
        if not runs_compiled:
            table = table.tolist()
        for i in range(factors - 1, -1, -1):
            columns = prices.row(i)
            needed = _needed(prices.leaves[i], columns, factors)
            fitting = needed is dtype or (needed is np.int64 and dtype is not np.int64)
            if not fitting:
                dtype = needed
                break
            row: Any = [np.asarray(column, dtype=dtype) for column in columns]
            leaf: Any = np.asarray(prices.leaves[i], dtype=dtype)[()]
            if not runs_compiled:
                row, leaf = [column.tolist() for column in row], prices.leaves[i]
            fill_row(i, table, row[0], leaf, row[1], row[2], kinds[i], splits[i])
    cost = table[0][factors]
    return cost.item() if isinstance(cost, np.generic) else cost, kinds, splits


def _needed(leaf: Any, row: Row, factors: int) -> Any:
    """Return the type that holds the costs of a row, and sums of as many as there are operations."""
    if isinstance(leaf, float) or any(column.dtype.kind == "f" for column in row):
        return np.float64
    largest = max(int(leaf), *(int(column.max(initial=0)) for column in row))
    return np.int64 if largest * (4 * factors + 4) < LARGEST else object
