"""Forward and reverse mode, the two homogeneous bracketings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.bracketing import Bracketing
from chainopt.costs.multiplications import homogeneous
from chainopt.operations import Mode

if TYPE_CHECKING:
    from chainopt.chain import JacobianChain
    from chainopt.solvers.solution import Solution


def forward(chain: JacobianChain) -> Solution:
    """Associate right to left."""
    factors = len(chain)
    return Bracketing.right_to_left(factors), homogeneous(chain)[0], Mode.FORWARD if factors > 2 else Mode.ANY


def reverse(chain: JacobianChain) -> Solution:
    """Associate left to right."""
    factors = len(chain)
    return Bracketing.left_to_right(factors), homogeneous(chain)[1], Mode.REVERSE if factors > 2 else Mode.ANY


def cheaper(chain: JacobianChain) -> Solution:
    """Take the cheaper of the two: the optimum of up to three factors, which can be associated in no other way."""
    right_to_left, left_to_right = homogeneous(chain)
    factors = len(chain)
    if right_to_left <= left_to_right:
        return Bracketing.right_to_left(factors), right_to_left, Mode.FORWARD if factors > 2 else Mode.ANY
    return Bracketing.left_to_right(factors), left_to_right, Mode.REVERSE


def preferred(chain: JacobianChain, bracketing: Bracketing, cost: int) -> Solution:
    """Put forward mode, then reverse mode, in the place of a bracketing that costs the same."""
    pure = cheaper(chain)
    return pure if pure[1] == cost else (bracketing, cost, Mode.HYBRID)
