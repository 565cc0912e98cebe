"""Chains and bracketings on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.report.brackets import bracketing_text

if TYPE_CHECKING:
    from chainopt.bracketing import Bracketing
    from chainopt.chain import JacobianChain

LONGEST_CHAIN = 12


def bracketing_line(bracketing: Bracketing, chain: JacobianChain) -> str:
    """Write the brackets on one line; of a long chain only both ends."""
    if len(chain) <= LONGEST_CHAIN:
        return bracketing_text(bracketing, [chain.label(at) for at in range(len(chain))])
    opened = np.bincount(bracketing.first[:LONGEST_CHAIN], minlength=2)
    closed = np.bincount(bracketing.last, minlength=len(chain))
    ends = [chain.label(at) for at in (0, 1, -2, -1)]
    brackets = [int(opened[0]), int(opened[1]), int(closed[-2]), int(closed[-1])]
    left = [f"{'(' * min(opens, 8)}{label}" for opens, label in zip(brackets[:2], ends[:2], strict=True)]
    right = [f"{label}{')' * min(closes, 8)}" for closes, label in zip(brackets[2:], ends[2:], strict=True)]
    return " ".join([*left, "...", *right])


def chain_line(chain: JacobianChain) -> str:
    """Write the product with its shapes on one line; of a long chain only both ends."""
    if len(chain) <= LONGEST_CHAIN:
        parts = [f"{chain.label(at)}[{chain.shape_text(at)}]" for at in range(len(chain))]
    else:
        parts = [f"{chain.label(at)}[{chain.shape_text(at)}]" for at in (0, 1, -2, -1)]
        parts.insert(2, f"... {len(chain) - 4:,} more ...")
    return " ".join(parts)
