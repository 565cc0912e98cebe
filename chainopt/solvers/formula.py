"""The cheaper of the two homogeneous sweeps: the optimum of up to three matrices, which can be associated in no other way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import Mode
from chainopt.costs.multiplications import homogeneous, homogeneous_rows
from chainopt.solvers.base import Method, Solution, Solutions, needs_dense_products
from chainopt.solvers.pure_modes import FORWARD, REVERSE

if TYPE_CHECKING:
    from chainopt.solvers.base import Problem, ProblemBatch


class Formula(Method):
    """See the module."""

    name = "formula"

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        if problem.chain.sizes.size > 4:
            return "needs a chain of up to three factors"
        return needs_dense_products(problem)

    def solve(self, problem: Problem) -> Solution:
        """Compare two numbers."""
        chain = problem.chain
        factors = chain.sizes.size - 1
        if chain.details is not None and chain.batches is not None:
            return self.answer(min(FORWARD.required(problem), REVERSE.required(problem), key=lambda candidate: candidate.cost))
        forward, reverse = homogeneous(chain)
        if forward <= reverse:
            mode = Mode.FORWARD if factors > 2 else Mode.ANY
            return Solution(Bracketing.right_to_left(factors), forward, mode, True, forward, "formula")
        return Solution(Bracketing.left_to_right(factors), reverse, Mode.REVERSE, True, reverse, "formula")

    def solve_many(self, batch: ProblemBatch) -> Solutions:
        """Compare two columns of numbers."""
        if not batch.holds_sizes:
            return super().solve_many(batch)
        factors = batch.factors
        forward, reverse = homogeneous_rows(np.asarray(batch.chains))
        is_forward = forward <= reverse
        orders = np.stack([Bracketing.left_to_right(factors).spans, Bracketing.right_to_left(factors).spans])
        modes = np.array([Mode.REVERSE, Mode.FORWARD if factors > 2 else Mode.ANY], dtype=object)
        picked = is_forward.astype(np.intp)
        return Solutions.optimal(orders[picked], np.where(is_forward, forward, reverse), modes[picked])


METHOD = Formula()
