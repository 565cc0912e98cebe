"""What is dear to compute, and how much of the code the rows of a Jacobian need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from chainopt.jax.elimination.code import Code
    from chainopt.jax.elimination.eliminate import Entries

DEAR = frozenset({  # what takes as long as tens of products
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "exp", "exp2",
    "expm1", "log", "log1p", "logistic", "pow", "cbrt", "erf", "erfc", "erf_inv", "lgamma", "digamma",
})  # fmt: skip


def masks(code: Code, entries: Entries) -> dict[int, int]:
    """Return for each needed number the rows that need it, a bit for each."""
    found = dict.fromkeys(code.needed(entries.values()), 0)
    for (line, _), node in entries.items():
        found[node] |= 1 << line
    for node in reversed(found):
        for operand in code.nodes[node].operands:
            found[operand] |= found[node]
    return found


def kept_of(code: Code, entries: Entries) -> set[int]:
    """Return what is dear, and more than one entry needs: it is computed once."""
    shared = masks_of_entries(code, entries)
    return {node for node, reached in shared.items() if code.nodes[node].kind in DEAR and reached.bit_count() > 1}


def masks_of_entries(code: Code, entries: Entries) -> dict[int, int]:
    """Return for each needed number the entries that need it, a bit for each that is another number."""
    found = dict.fromkeys(code.needed(entries.values()), 0)
    for bit, node in enumerate(dict.fromkeys(entries.values())):
        found[node] |= 1 << bit
    for node in reversed(found):
        for operand in code.nodes[node].operands:
            found[operand] |= found[node]
    return found


def row_sizes(code: Code, entries: Entries, kept: Collection[int]) -> dict[int, int]:
    """Return how many operations each row takes that are not kept."""
    sizes = dict.fromkeys((line for line, _ in entries), 0)
    for node, reached in masks(code, entries).items():
        if code.nodes[node].operands and node not in kept:
            for line in sizes:
                sizes[line] += reached >> line & 1
    return sizes
