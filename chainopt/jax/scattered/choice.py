"""Which parts of a Jacobian are computed by colors, and whether that is worth it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparse.given_pattern import tidy
from chainopt.functions.sparse.narrow import splits
from chainopt.jax.flat_function import derivative_program
from chainopt.jax.narrow import WalkedJaxpr
from chainopt.jax.scattered.jacobian import ScatteredJacobian
from chainopt.jax.staged.segments import moving_work
from chainopt.structure.compression import Coloring
from chainopt.structure.two_sided_coloring import fewest_products

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chainopt.functions.trace import Trace
    from chainopt.jax.linear_program import LinearProgram
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array, IntArray

FEWER = 8  # times as few products as passes: the nonzeros are put in their places besides
ENOUGH = 64  # times as few: then nothing else is tried
FULL = 1 / 16  # of all places: a pattern with more nonzeros is not looked at
MOST_NONZEROS = 4_000_000
MOST_RANK = 32  # of the thin matrices
FIRST_ROWS = 64  # in which most numbers that do not fit are found out


def scattered(trace: Trace, outputs: int) -> ScatteredJacobian | None:
    """Return the Jacobian by colors and two thin matrices where that takes much fewer products than passes; None elsewhere."""
    program = derivative_program(trace, outputs)
    if program.closed.effects:
        return None
    passes = min(sum(map(trace.size, trace.inputs)), sum(map(trace.size, trace.outputs[:outputs])))
    best, least = None, passes // FEWER
    for candidate in _candidates(program, least):
        products = candidate.coloring.products + 2 * candidate.rank
        if products <= least and candidate.has_products:
            best, least = candidate, products - 1
        if products * ENOUGH <= passes:
            break
    return best


def _candidates(program: LinearProgram, most: int) -> Iterator[ScatteredJacobian]:
    """Yield what leaves a sparse part of which the fullest row, or column, promises few products."""
    work = moving_work(program)
    for split in splits(WalkedJaxpr(program)):
        places, nonzeros = math.prod(split.found.shape), int(split.found.sets.counts().sum())
        if nonzeros > min(FULL * places, MOST_NONZEROS) or split.rank > min(most // 2, MOST_RANK):
            continue
        if depend_on_each_other(program, split.held):
            continue
        entries = tidy(split.found.pattern)
        yield ScatteredJacobian(program, split, entries, _colored(entries), work)


def depend_on_each_other(program: LinearProgram, held: Sequence[Array]) -> bool:
    """Whether one of several variables that are held is computed from another one.

    The sparse part and the product of the thin matrices may be much larger then than their sum: what the variables feed back
    may keep a function stable, which is not while they are held. A JVP, whose rounding errors are fed back, too, is exact there.
    Otherwise it adds up the same two parts, and rounds as they do.
    """
    behind: set[Array] = set()
    for step in program.steps:
        if behind.isdisjoint(step.read):
            behind.update(one for one in step.written if one in held)
        elif any(one in held for one in step.written):
            return True
        else:
            behind.update(step.written)
    return False


def _colored(entries: Entries) -> Coloring:
    """Color a pattern: stencils by counting their columns off, which needs no compiled kernels."""
    columns = _counted_off(entries)
    if columns is not None:
        return Coloring(columns, np.full(entries.shape[0], -1, dtype=np.int64))
    return fewest_products(entries)


def _counted_off(entries: Entries) -> IntArray | None:
    """Return the color of each column, or None where no number below twice the fullest row's fits."""
    widths = np.diff(entries.indptr)
    bound, rows = int(widths.max(initial=0)), np.repeat(np.arange(entries.shape[0]), widths)
    begin = int(entries.indptr[min(FIRST_ROWS, entries.shape[0])])
    for modulus in range(max(bound, 1), 2 * bound + 1):
        remainders = entries.indices % modulus
        if all(_are_alone(rows[:end] * modulus + remainders[:end]) for end in (begin, rows.size)):
            return np.arange(entries.shape[1], dtype=np.int64) % modulus
    return None


def _are_alone(keys: IntArray) -> bool:
    return int(np.bincount(keys).max(initial=0)) <= 1
