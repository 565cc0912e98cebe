"""Forward and reverse mode, the two homogeneous sweeps, and how other bracketings compare with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import BY_JVPS, BY_VJPS, GIVEN, PRODUCT, PULLED, PUSHED, Mode
from chainopt.costs.memory import peak_memory
from chainopt.costs.multiplications import homogeneous
from chainopt.costs.operation_costs import total
from chainopt.errors import InfeasibleError
from chainopt.kernels import stages
from chainopt.solvers.base import Candidate, Method, Solution, needs_one_worker

if TYPE_CHECKING:
    from chainopt.solvers.base import Problem
    from chainopt.typing import Cost

ROUNDING = 1 + 1e-12  # costs in floats that differ by less are the same, added up in another order


class PureMode(Method):
    """One of the two homogeneous modes.

    Parameters
    ----------
    name : {"forward", "reverse"}
        Forward mode associates right to left, and takes n columns through every stage; reverse mode takes m rows, left to right.
    """

    is_exact = False
    keeps_memory_limit = True

    def __init__(self, name: Literal["forward", "reverse"]) -> None:
        self.name = name
        self.mode = Mode(name)
        self._is_forward = name == "forward"
        self.through_kind = PUSHED if self._is_forward else PULLED
        self.start_way = BY_JVPS if self._is_forward else BY_VJPS

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks."""
        return needs_one_worker(problem)

    def solve(self, problem: Problem) -> Solution:
        """Sweep through the chain.

        Raises
        ------
        InfeasibleError
            If a stage lacks the mode, or the sweep breaks the limit on memory.
        """
        bracketing, cost, mode = self.required(problem)
        if problem.memory_limit is not None:
            peak = peak_memory(problem.chain, bracketing)
            if peak > problem.memory_limit:
                msg = f"memory_limit is {problem.memory_limit}, but {self.name} mode needs {peak}: the least limit for it"
                raise InfeasibleError(msg)
        is_optimal = mode is Mode.ANY  # there is nothing else
        return Solution(bracketing, cost, mode, is_optimal, cost if is_optimal else 0, self.name)

    def required(self, problem: Problem) -> Candidate:
        """Return the sweep.

        Raises
        ------
        InfeasibleError
            If a stage lacks the mode.
        """
        candidate = self.candidate(problem)
        if candidate is None:
            lacking = self._impassable(problem)
            assert lacking is not None
            label, needs = problem.chain.label(lacking), "JVP" if self._is_forward else "VJP, or its tape is above tape_limit"
            msg = f"{self.name} mode is impossible: {label} has no {needs}; optimal_order finds what is possible"
            raise InfeasibleError(msg)
        return candidate

    def candidate(self, problem: Problem, most: Cost = math.inf) -> Candidate | None:
        """Return the sweep; None where a matrix-free stage lacks the mode, or it costs more than ``most``."""
        chain = problem.chain
        factors = len(chain)
        bracketing, counts = self.order(factors), problem.counts_sizes and chain.batches is None
        cost: Cost
        if chain.stage_costs is None:
            mode = self.mode if factors > 2 else Mode.ANY
            cost = homogeneous(chain)[0 if self._is_forward else 1] if counts else total(chain, bracketing, problem.model)
            return Candidate(bracketing, cost, mode) if cost <= most else None
        if self._impassable(problem) is not None:
            return None
        choices, dims, is_free, start = problem.choices, chain.dims, problem.matrix_free, self.start(factors)
        if counts:
            ends = start, dims[self.end(factors)]
            cost = stages.sweep(dims, is_free, self._through(problem), choices.leaves, choices.ways, *ends)
            if cost > most:
                return None
        kinds, ways = [PRODUCT] * (factors - 1), [GIVEN] * factors
        stages.sweep_operations(is_free, choices.ways, start, self.through_kind, self.start_way, kinds, ways)
        bracketing = Bracketing(bracketing.spans, np.array(kinds, dtype=np.int8), np.array(ways, dtype=np.int8))
        if not counts:
            cost = total(chain, bracketing, problem.model)
        return Candidate(bracketing, cost, self.mode) if cost <= most else None

    def order(self, factors: int) -> Bracketing:
        """Return the order of the joins."""
        return Bracketing.right_to_left(factors) if self._is_forward else Bracketing.left_to_right(factors)

    def start(self, factors: int) -> int:
        """Return the position of the stage that the sweep starts at."""
        return factors - 1 if self._is_forward else 0

    def end(self, factors: int) -> int:
        """Return the position of the size that is the number of swept vectors."""
        return factors if self._is_forward else 0

    def _impassable(self, problem: Problem) -> int | None:
        """Return the position of the first matrix-free stage that lacks the mode; None where there is none."""
        passable = zip(problem.matrix_free, self._through(problem), strict=True)
        return next((position for position, (is_free, cost) in enumerate(passable) if is_free and cost < 0), None)

    def _through(self, problem: Problem) -> list[Any]:
        return problem.choices.push if self._is_forward else problem.choices.pull


FORWARD, REVERSE = PureMode("forward"), PureMode("reverse")


def preferred(problem: Problem, candidate: Candidate) -> Candidate:
    """Put forward mode, then reverse mode, in the place of a bracketing that costs the same."""
    most = rounded_up(candidate.cost)
    for sweep in (FORWARD, REVERSE):
        pure = sweep.candidate(problem, most)
        if pure is not None:
            return pure
    return candidate


def mode_of(problem: Problem, bracketing: Bracketing, said: object = None) -> Mode:
    """Name what the operations of a bracketing add up to; what is both, as a lone accumulation, is the mode that is ``said``."""
    chain = problem.chain
    for sweep in (REVERSE, FORWARD) if said == "reverse" else (FORWARD, REVERSE):
        if chain.stage_costs is None:  # where nothing needs to be priced
            if sweep.order(len(chain)).is_like(bracketing):
                return sweep.mode if len(chain) > 2 else Mode.ANY
            continue
        pure = sweep.candidate(problem)
        if pure is not None and pure.bracketing.is_like(bracketing):
            return pure.mode
    return Mode.HYBRID


def rounded_up(cost: Cost) -> Any:
    """Return what is still as cheap as a cost, where costs are floats."""
    return cost * ROUNDING if isinstance(cost, float) else cost


def for_sweep(problem: Problem, mode: str) -> Problem:
    """Return the problem of a pure mode beside a plan that is counted: as `chainopt.solvers.counting.for_sweep` does."""
    if problem.chain.structures is None:
        return problem
    from chainopt.solvers import counting  # which takes time to import

    return counting.for_sweep(problem, mode)
