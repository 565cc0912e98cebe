"""What is dear to compute, and how much of the code the rows of a Jacobian need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from chainopt.jax.elimination.code import Code
    from chainopt.jax.elimination.eliminate import Entries

DEAR = frozenset({  # what takes as long as tens of products
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "exp", "exp2",
    "expm1", "log", "log1p", "log2", "logistic", "pow", "cbrt", "erf", "erfc", "erf_inv", "lgamma", "digamma",
})  # fmt: skip


def kept_of(code: Code, entries: Entries) -> set[int]:
    """Return what is dear, and more than one entry needs: it is computed once."""
    bits = {node: 1 << bit for bit, node in enumerate(dict.fromkeys(entries.values()))}
    needing = _needing(code, bits)
    return {node for node, entries_of in needing.items() if code.nodes[node].kind in DEAR and entries_of.bit_count() > 1}


def row_sizes(code: Code, entries: Entries, kept: Collection[int]) -> dict[int, int]:
    """Return how many operations each row takes that are not kept."""
    sizes = dict.fromkeys((line for line, _ in entries), 0)
    rows = dict.fromkeys(entries.values(), 0)
    for (line, _), node in entries.items():
        rows[node] |= 1 << line
    for node, reached in _needing(code, rows).items():
        if code.nodes[node].operands and node not in kept:
            for line in sizes:
                sizes[line] += reached >> line & 1
    return sizes


def _needing(code: Code, results: dict[int, int]) -> dict[int, int]:
    """Return, for each number that some results need, the union of their sets, which are bits."""
    found = dict.fromkeys(code.needed(results), 0) | results
    for node in reversed(found):
        for operand in code.nodes[node].operands:
            found[operand] |= found[node]
    return found
