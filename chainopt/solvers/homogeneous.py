"""Forward and reverse mode, the two homogeneous sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    free = [jvp is not None or vjp is not None for jvp, vjp in zip(costs.jvp, costs.vjp, strict=True)]
    if mode is Mode.FORWARD:
        through, start, vectors, way, kind = choices.push, factors - 1, dims[-1], BY_JVPS, PUSHED
        bracketing = Bracketing.right_to_left(factors)
    else:
        through, start, vectors, way, kind = choices.pull, 0, dims[0], BY_VJPS, PULLED
        bracketing = Bracketing.left_to_right(factors)
    if any(cost < 0 for cost, is_free in zip(through, free, strict=True) if is_free):
        return None
    stages = zip(free, through, choices.leaves, dims[:-1], dims[1:], strict=True)
    swept = [vectors * cost if is_free else leaf + vectors * rows * columns for is_free, cost, leaf, rows, columns in stages]
    ways = np.where(free, GIVEN, choices.ways).astype(np.int8)
    if not free[start]:
        swept[start] = choices.leaves[start]
    elif costs.accumulation[start] is not None:  # which replaces the JVPs or VJPs of an accumulation
        swept[start], ways[start] = choices.leaves[start], choices.ways[start]
    else:
        ways[start] = way
    kinds = np.where(np.delete(free, start), kind, PRODUCT).astype(np.int8)
    return Bracketing(bracketing.spans, kinds, ways), sum(swept), mode
