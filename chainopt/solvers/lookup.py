"""The interval program with prices looked up, for structured chains and other objectives: see `chainopt.kernels.lookup_dp`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.operations import Mode
from chainopt.costs.number_type import in_numbers, number_type, wider
from chainopt.costs.operation_costs import total
from chainopt.kernels import lookup_dp, policy
from chainopt.solvers.base import Candidate, Method, needs_one_worker
from chainopt.solvers.pure_modes import preferred

if TYPE_CHECKING:
    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.costs.last_operations import LastOperations
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.solvers.base import Problem, Solution

SECONDS_PER_STEP = 4e-7  # of the kernel as it stands, uncompiled; n**3 / 6 steps


class Lookup(Method):
    """See the module."""

    name = "interval"
    handles_many_chains = True

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        return needs_one_worker(problem)

    def solve(self, problem: Problem) -> Solution:
        """Find the cheapest bracketing."""
        chain = problem.chain
        answer = cheapest(problem.operations, problem.choices)
        assert answer is not None
        bracketing, _ = answer
        return self.answer(preferred(problem, Candidate(bracketing, total(chain, bracketing, problem.model), Mode.HYBRID)))


METHOD = Lookup()


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
    """Return the least cost, and what is done last for each interval, and where it is split."""
    factors = len(operations.leaves)
    kinds = np.zeros((factors + 1, factors + 1), dtype=np.int8)
    splits = np.zeros((factors + 1, factors + 1), dtype=np.int32)
    compiles = policy.compiled_pays(factors**3 / 6 * SECONDS_PER_STEP)
    dtype = number_type([operations.leaves], most_terms(factors))
    while True:
        cost, needed = _filled_in(dtype, operations, kinds, splits, compiles=compiles)
        if needed is dtype:
            return cost.item() if isinstance(cost, np.generic) else cost, kinds, splits
        dtype = needed


def _filled_in(dtype: Any, operations: LastOperations, kinds: Any, splits: Any, *, compiles: bool) -> tuple[Any, Any]:
    """Fill the table in numbers of a type, up to the row that needs wider ones; return the least cost, and the type needed."""
    factors = len(operations.leaves)
    runs_compiled = compiles and dtype is not object
    fill_row = policy.compiled(lookup_dp.fill_row) if runs_compiled else lookup_dp.fill_row
    table: Any = np.full((factors + 1, factors + 1), lookup_dp.NEVER, dtype=dtype)
    if not runs_compiled:
        table = table.tolist()
    for i in range(factors - 1, -1, -1):
        columns = operations.row(i)
        needed = wider(dtype, number_type(columns, most_terms(factors)))
        if needed is not dtype:
            return None, needed
        row: Any = [in_numbers(column, dtype) for column in columns]
        leaf: Any = in_numbers(operations.leaves[i], dtype)
        row, leaf = (row, leaf[()]) if runs_compiled else ([column.tolist() for column in row], leaf.tolist())
        fill_row(i, table, row[0], leaf, row[1], row[2], kinds[i], splits[i])
    return table[0][factors], dtype


def most_terms(factors: int) -> int:
    """Return how many costs any sum in the table has at most, bad candidates included."""
    return 4 * factors + 4
