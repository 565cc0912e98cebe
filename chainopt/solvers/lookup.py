"""The interval program for structured chains and for objectives with a cost model: see `chainopt.kernels.lookup_dp`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.operations import Mode
from chainopt.costs.last_operations import last_operations
from chainopt.costs.number_type import in_numbers, number_type
from chainopt.costs.operation_costs import total
from chainopt.kernels import lookup_dp
from chainopt.kernels.policy import compiled, compiled_pays
from chainopt.solvers.pure_modes import preferred

if TYPE_CHECKING:
    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.last_operations import LastOperations
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.solvers.base import Candidate

SECONDS_PER_STEP = 4e-7  # of the kernel as it stands, uncompiled; n**3 / 6 steps
TYPES = (np.int64, object, np.float64)  # whatever ints there are, with a float among them sums are floats


def solve(chain: JacobianChain, choices: StageChoices, model: CostModel) -> Candidate:
    """Find the cheapest bracketing for prices of any kind."""
    cheapest_of = cheapest(last_operations(chain, choices, model), choices)
    assert cheapest_of is not None
    bracketing, _ = cheapest_of
    return preferred(chain, choices, (bracketing, total(chain, bracketing, model), Mode.HYBRID), model)


def cheapest(operations: LastOperations, choices: StageChoices) -> tuple[Bracketing, Any] | None:
    """Return the cheapest bracketing and its cost, as the table has it; None where there is none."""
    factors = len(operations.leaves)
    spans: Any = np.empty((2, factors - 1), dtype=np.int32)
    joins: Any = np.empty(factors - 1, dtype=np.int8)
    cost, kinds, splits = _filled(operations)
    if cost < 0:
        return None
    lookup_dp.trace(kinds, splits, [0] * (2 * factors + 2), spans, joins)
    return choices.bracketing(spans, joins), cost


def _filled(operations: LastOperations) -> tuple[Any, Any, Any]:
    """Fill the table, in int64 if that holds every sum, in float64 if there are floats, else in Python ints."""
    factors = len(operations.leaves)
    kinds = np.zeros((factors + 1, factors + 1), dtype=np.int8)
    splits = np.zeros((factors + 1, factors + 1), dtype=np.int32)
    compiles = compiled_pays(factors**3 / 6 * SECONDS_PER_STEP)
    dtype: Any = number_type([operations.leaves], 4 * factors + 4)
    is_filled = False
    while not is_filled:
        runs_compiled = compiles and dtype is not object
        fill_row = compiled(lookup_dp.fill_row) if runs_compiled else lookup_dp.fill_row
        table: Any = np.full((factors + 1, factors + 1), lookup_dp.NEVER, dtype=dtype)
        if not runs_compiled:
            table = table.tolist()
        is_filled = True
        for i in range(factors - 1, -1, -1):
            columns = operations.row(i)
            needed = number_type(columns, 4 * factors + 4)
            if needed is not dtype and TYPES.index(needed) > TYPES.index(dtype):  # from the first row again, in wider numbers
                dtype, is_filled = needed, False
                break
            row: Any = [in_numbers(column, dtype) for column in columns]
            leaf: Any = in_numbers(operations.leaves[i], dtype)[()]
            if not runs_compiled:
                row, leaf = [column.tolist() for column in row], operations.leaves[i]
            fill_row(i, table, row[0], leaf, row[1], row[2], kinds[i], splits[i])
    cost = table[0][factors]
    return cost.item() if isinstance(cost, np.generic) else cost, kinds, splits
