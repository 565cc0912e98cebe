"""Chains and bracketings on one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainopt.chain.chain import JacobianChain

LONGEST_CHAIN = 12


def bracketing_line(text: str, chain: JacobianChain) -> str:
    """Write the brackets on one line; of a long chain only both ends, and of many brackets only the inner ones.

    ``text`` is the bracketing; that of a long chain names the factors by stage, whatever they are called.
    """
    if len(chain) <= LONGEST_CHAIN:
        return text
    words = [re.sub(r"\({9,}|\){9,}", lambda run: run[0][:8], word) for word in text.split()]
    line = " ".join([*words[:2], "...", *words[-2:]])
    return re.sub(r"J(\d+)", lambda stage: chain.label(-int(stage[1])), line)


def chain_line(chain: JacobianChain) -> str:
    """Write the product with its shapes on one line; of a long chain only both ends."""
    if len(chain) <= LONGEST_CHAIN:
        parts = [f"{chain.label(at)}[{chain.shape_text(at)}]" for at in range(len(chain))]
    else:
        parts = [f"{chain.label(at)}[{chain.shape_text(at)}]" for at in (0, 1, -2, -1)]
        parts.insert(2, f"... {len(chain) - 4:,} more ...")
    return " ".join(parts)
