"""Numbers and bracketings as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chainopt.report.brackets import bracketing_text

if TYPE_CHECKING:
    from chainopt.bracketing import Bracketing
    from chainopt.chain import JacobianChain

LONGEST_NUMBER = 10**30
LONGEST_CHAIN = 12


def count(number: int) -> str:
    """Write an exact count with separators, or, where that would fill the line, its order of magnitude.

    Examples
    --------
    >>> count(4840004400000), count(7 * 10**45)
    ('4,840,004,400,000', 'about 7.00e+45')
    """
    if number < LONGEST_NUMBER:
        return f"{number:,}"
    exponent = math.floor(math.log10(number))
    leading = math.exp((math.log10(number) - exponent) * math.log(10))
    if f"{leading:.2f}" == "10.00":
        leading, exponent = 1.0, exponent + 1
    return f"about {leading:.2f}e+{exponent}"


def ratio(numerator: int, denominator: int) -> float:
    """Divide two costs of any magnitude; nothing against nothing is 1."""
    if numerator == denominator:
        return 1.0
    try:
        return numerator / denominator
    except (ZeroDivisionError, OverflowError):
        return math.inf


def times(factor: float) -> str:
    """Write a ratio with three digits.

    Examples
    --------
    >>> times(88.88), times(1.0), times(float("inf"))
    ('88.9', '1', 'infinitely many')
    """
    if math.isinf(factor):
        return "infinitely many"
    return f"{factor:,.0f}" if factor >= 100 else f"{factor:.3g}"


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
        parts = [f"{chain.label(at)}[{shape_text(chain, at)}]" for at in range(len(chain))]
    else:
        parts = [f"{chain.label(at)}[{shape_text(chain, at)}]" for at in (0, 1, -2, -1)]
        parts.insert(2, f"... {len(chain) - 4:,} more ...")
    return " ".join(parts)


def shape_text(chain: JacobianChain, position: int) -> str:
    """Write the shape of a factor: ``10x2000``, and of a stack of five ``5x10x2000``."""
    at = range(len(chain))[position]
    batch = () if chain.batches is None else chain.batches[at]
    return "x".join(map(str, (*batch, chain.sizes[at], chain.sizes[at + 1])))
