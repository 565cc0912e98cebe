"""Scalar code run as operations of JAX, what is dear once, and its results put together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.jax.elimination.code import CALL, CONSTANT, ENTRY, PART
from chainopt.jax.rules.elementwise import DEAR
from chainopt.jax.staged.apart import apart

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from chainopt.jax.elimination.code import Code, Node
    from chainopt.jax.elimination.eliminate import Entries
    from chainopt.typing import Array


def wall(values: Sequence[Array]) -> list[Array]:
    """Return the values, as what a compiler has to have computed, each once, before it goes on."""
    if not values:
        return []
    always = jax.lax.optimization_barrier(jnp.bool_(True))  # that this is always true, XLA does not know
    return apart(always, lambda given: given, [*values])


def run(code: Code, results: Iterable[int], arrays: dict[int, Array], kept: Collection[int]) -> dict[int, Array]:
    """Compute numbers of the code.

    Parameters
    ----------
    code : Code
    results : iterable of int
        What is asked for.
    arrays : dict of int to array
        By number, those whose entries the code reads.
    kept : collection of int
        What is computed once, and not again for each of those that need it.
    """
    needed = code.needed(results)
    levels: dict[int, int] = {}  # how many walls a number stands behind
    for node in needed:
        levels[node] = max((levels[operand] + (operand in kept) for operand in code.nodes[node].operands), default=0)
    values: dict[int, Array] = {}
    for level in range(max(levels.values(), default=0) + 1):
        here = [node for node in needed if levels[node] == level]
        for node in here:
            values[node] = _value(code.nodes[node], values, arrays)
        last = [node for node in here if node in kept]
        values.update(zip(last, wall([values[node] for node in last]), strict=True))
    return values


def _value(node: Node, values: dict[int, Array], arrays: dict[int, Array]) -> Array:
    if node.kind == CONSTANT:
        return node.value
    if node.kind == ENTRY:
        array, place = node.value
        cut = jax.lax.slice(jnp.asarray(arrays[array]), place, [axis + 1 for axis in place])
        return jax.lax.squeeze(cut, range(len(place)))
    operands = [values[operand] for operand in node.operands]
    if node.kind == CALL:
        return _called(node, operands)
    if node.kind == PART:
        at, place = node.value
        return operands[0][at][place]
    return node.function(*operands)


def _called(node: Node, numbers: list[Array]) -> list[Array]:
    """Evaluate an equation on arrays of these numbers."""
    operands, begin = [], 0
    for axes in node.params["shapes"]:
        end = begin + math.prod(axes)
        operands.append(jnp.stack(numbers[begin:end]).reshape(axes) if axes else numbers[begin])
        begin = end
    results: list[Array] = node.function(*operands)
    return results


def row(entries: dict[int, Array], length: int, dtype: Array) -> Array:
    """Return a row with these entries, by column, and zeros.

    Each is chosen by its place, which a compiler makes a loop along the row of: entries that are put side by side it takes
    out one by one.
    """
    known = np.zeros(length, dtype)
    for column, value in entries.items():
        if isinstance(value, np.generic):
            known[column] = value
    result = jnp.asarray(known)
    for column, value in entries.items():
        if not isinstance(value, np.generic):
            result = jnp.where(np.arange(length) == column, value, result)
    return result


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
