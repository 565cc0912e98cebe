"""Forward and reverse mode, the two homogeneous sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing import Bracketing
from chainopt.costs.multiplications import homogeneous
from chainopt.operations import BY_JVPS, BY_VJPS, GIVEN, PRODUCT, PULLED, PUSHED, Mode

if TYPE_CHECKING:
    from chainopt.chain import JacobianChain
    from chainopt.costs.stages import StageChoices
    from chainopt.solvers.solution import Solution


def forward(chain: JacobianChain, choices: StageChoices | None = None) -> Solution | None:
    """Associate right to left: n columns through every stage; None where a matrix-free stage has no JVP."""
    if choices is not None:
        return _sweep(chain, choices, Mode.FORWARD)
    factors = len(chain)
    return Bracketing.right_to_left(factors), homogeneous(chain)[0], Mode.FORWARD if factors > 2 else Mode.ANY


def reverse(chain: JacobianChain, choices: StageChoices | None = None) -> Solution | None:
    """Associate left to right: m rows back through every stage; None where a matrix-free stage cannot be pulled back."""
    if choices is not None:
        return _sweep(chain, choices, Mode.REVERSE)
    factors = len(chain)
    return Bracketing.left_to_right(factors), homogeneous(chain)[1], Mode.REVERSE if factors > 2 else Mode.ANY


def cheaper(chain: JacobianChain, choices: StageChoices | None = None) -> Solution:
    """Take the cheaper of the two: the optimum of up to three matrices, which can be associated in no other way."""
    assert choices is None, "with matrix-free stages there are other ways"
    right_to_left, left_to_right = homogeneous(chain)
    factors = len(chain)
    if right_to_left <= left_to_right:
        return Bracketing.right_to_left(factors), right_to_left, Mode.FORWARD if factors > 2 else Mode.ANY
    return Bracketing.left_to_right(factors), left_to_right, Mode.REVERSE


def preferred(chain: JacobianChain, choices: StageChoices | None, solution: Solution) -> Solution:
    """Put forward mode, then reverse mode, in the place of a bracketing that costs the same."""
    for sweep in (forward, reverse):
        pure = sweep(chain, choices)
        if pure is not None and pure[1] <= solution[1]:
            return pure
    return solution


def _sweep(chain: JacobianChain, choices: StageChoices, mode: Mode) -> Solution | None:
    costs = chain.stage_costs
    assert costs is not None
    factors = len(chain)
    dims = chain.dims
    is_forward = mode is Mode.FORWARD
    order = range(factors - 1, -1, -1) if is_forward else range(factors)
    through, way, kind = (choices.push, BY_JVPS, PUSHED) if is_forward else (choices.pull, BY_VJPS, PULLED)
    vectors = dims[-1] if is_forward else dims[0]
    bracketing = Bracketing.right_to_left(factors) if is_forward else Bracketing.left_to_right(factors)
    kinds, ways = np.zeros(factors - 1, dtype=np.int8), np.zeros(factors, dtype=np.int8)
    total: Any = 0
    for at in order:
        starts = at == order[0]
        gap = at if is_forward else at - 1
        if costs.jvp[at] is None and costs.vjp[at] is None:
            total += choices.leaves[at] + (0 if starts else vectors * dims[at] * dims[at + 1])
            ways[at] = choices.ways[at]
            if not starts:
                kinds[gap] = PRODUCT
        elif through[at] < 0:
            return None
        elif starts and costs.accumulation[at] is not None:  # which replaces the JVPs or VJPs of an accumulation
            total += choices.leaves[at]
            ways[at] = choices.ways[at]
        else:
            total += vectors * through[at]
            ways[at] = way if starts else GIVEN
            if not starts:
                kinds[gap] = kind
    return Bracketing(bracketing.spans, kinds, ways), total, mode
