"""Forward and reverse mode, the two homogeneous sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import BY_JVPS, BY_VJPS, GIVEN, PRODUCT, PULLED, PUSHED, Mode
from chainopt.costs.multiplications import Multiplications, homogeneous
from chainopt.costs.operation_costs import total

if TYPE_CHECKING:
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.solvers.base import Candidate
    from chainopt.typing import Cost

ROUNDING = 1 + 1e-12  # costs in floats that differ by less are the same, added up in another order


def forward(chain: JacobianChain, choices: StageChoices, model: CostModel) -> Candidate | None:
    """Associate right to left: n columns through every stage; None where a matrix-free stage has no JVP."""
    if not choices.only_products:
        return _sweep(chain, choices, Mode.FORWARD, model)
    factors = len(chain)
    bracketing = Bracketing.right_to_left(factors)
    cost = homogeneous(chain)[0] if _counts_sizes(chain, model) else total(chain, bracketing, model)
    return bracketing, cost, Mode.FORWARD if factors > 2 else Mode.ANY


def reverse(chain: JacobianChain, choices: StageChoices, model: CostModel) -> Candidate | None:
    """Associate left to right: m rows back through every stage; None where a matrix-free stage cannot be pulled back."""
    if not choices.only_products:
        return _sweep(chain, choices, Mode.REVERSE, model)
    factors = len(chain)
    bracketing = Bracketing.left_to_right(factors)
    cost = homogeneous(chain)[1] if _counts_sizes(chain, model) else total(chain, bracketing, model)
    return bracketing, cost, Mode.REVERSE if factors > 2 else Mode.ANY


def _counts_sizes(chain: JacobianChain, model: CostModel) -> bool:
    return isinstance(model, Multiplications) and (chain.details is None or chain.structures is None)


def cheaper(chain: JacobianChain) -> Candidate:
    """Take the cheaper of the two: the optimum of up to three matrices, which can be associated in no other way."""
    right_to_left, left_to_right = homogeneous(chain)
    factors = len(chain)
    if right_to_left <= left_to_right:
        return Bracketing.right_to_left(factors), right_to_left, Mode.FORWARD if factors > 2 else Mode.ANY
    return Bracketing.left_to_right(factors), left_to_right, Mode.REVERSE


def preferred(chain: JacobianChain, choices: StageChoices, solution: Candidate, model: CostModel) -> Candidate:
    """Put forward mode, then reverse mode, in the place of a bracketing that costs the same."""
    most = solution[1] * ROUNDING if isinstance(solution[1], float) else solution[1]
    for sweep in (forward, reverse):
        pure = sweep(chain, choices, model)
        if pure is not None and pure[1] <= most:
            return pure
    return solution


def mode_of(chain: JacobianChain, choices: StageChoices, bracketing: Bracketing, model: CostModel) -> Mode:
    """Name what the operations of a bracketing add up to."""
    for sweep in (forward, reverse):
        pure = sweep(chain, choices, model)
        if pure is not None and pure[0].is_like(bracketing):
            return pure[2]
    return Mode.HYBRID


def impassable(chain: JacobianChain, through: list[Cost]) -> int | None:
    """Return the position of the first matrix-free stage that nothing goes through in a mode; None where there is none."""
    passable = zip(through, _free(chain), strict=True)
    return next((at for at, (cost, is_free) in enumerate(passable) if is_free and cost < 0), None)


def _free(chain: JacobianChain) -> list[bool]:
    """Whether each stage is matrix-free."""
    costs = chain.stage_costs
    assert costs is not None
    return [jvp is not None or vjp is not None for jvp, vjp in zip(costs.jvp, costs.vjp, strict=True)]


def _sweep(chain: JacobianChain, choices: StageChoices, mode: Mode, model: CostModel) -> Candidate | None:
    costs, free = chain.stage_costs, _free(chain)
    assert costs is not None
    factors = len(chain)
    dims = chain.dims
    if mode is Mode.FORWARD:
        through, start, vectors, way, kind = choices.push, factors - 1, dims[-1], BY_JVPS, PUSHED
        bracketing = Bracketing.right_to_left(factors)
    else:
        through, start, vectors, way, kind = choices.pull, 0, dims[0], BY_VJPS, PULLED
        bracketing = Bracketing.left_to_right(factors)
    if impassable(chain, through) is not None:
        return None
    ways = np.where(free, GIVEN, choices.ways).astype(np.int8)
    if free[start]:  # a known accumulation replaces its JVPs or VJPs
        ways[start] = way if costs.accumulation[start] is None else choices.ways[start]
    kinds = np.where(np.delete(free, start), kind, PRODUCT).astype(np.int8)
    bracketing = Bracketing(bracketing.spans, kinds, ways)
    if not _counts_sizes(chain, model):
        return bracketing, total(chain, bracketing, model), mode
    stages = zip(free, through, choices.leaves, dims[:-1], dims[1:], strict=True)
    swept = [vectors * cost if is_free else leaf + vectors * rows * columns for is_free, cost, leaf, rows, columns in stages]
    if not free[start] or costs.accumulation[start] is not None:
        swept[start] = choices.leaves[start]
    return bracketing, sum(swept), mode
