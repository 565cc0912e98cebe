"""The interval program for sparse chains of matrices whose products are not counted but estimated: `chainopt.costs.estimates`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import Mode
from chainopt.costs.estimated import EstimatedMultiplications
from chainopt.costs.sure_sweeps import sweep_to_right
from chainopt.solvers.base import Candidate, Method, needs_one_worker

if TYPE_CHECKING:
    from chainopt.costs.sure_sweeps import Products
    from chainopt.solvers.base import Problem, Solution


class Estimated(Method):
    """See the module."""

    name = "interval"
    is_exact = False

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        if problem.workers != 1:
            return needs_one_worker(problem)
        return None if isinstance(problem.model, EstimatedMultiplications) else "needs estimated products"

    def solve(self, problem: Problem) -> Solution:
        """Find a bracketing that is estimated to be the cheapest; among equals forward mode, then reverse mode."""
        model = problem.model
        assert isinstance(model, EstimatedMultiplications)
        factors, (products, works) = len(problem.chain), model.cheapest()
        cost = sum(works)
        if all(k == i + 1 for i, k, _ in products):
            return self.answer(Candidate(Bracketing.right_to_left(factors), cost, Mode.FORWARD if factors > 2 else Mode.ANY))
        if all(j == k + 1 for _, k, j in products) or self._costs_as_much(model, sweep_to_right(factors), cost):
            return self.answer(Candidate(Bracketing.left_to_right(factors), cost, Mode.REVERSE))
        splits = {(i, j): k for i, k, j in products}
        return self.answer(Candidate(Bracketing.from_splits(factors, lambda i, j: splits[i, j]), cost, Mode.HYBRID))

    def _costs_as_much(self, model: EstimatedMultiplications, products: Products, cost: int) -> bool:
        """Whether an order costs as much: by what is known of all intervals, and by what its operations are said to cost."""
        return cost == sum(model.work(*product) for product in products) and cost == sum(model.works(products))


METHOD = Estimated()
