"""How many matrix entries are alive at once while operations are executed one after the other."""

from __future__ import annotations

import math
from functools import cache
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from chainopt.bracketing.operations import ACCUMULATION_MODES, Accumulation, Mode
from chainopt.chain.factor_data import broadcast_all
from chainopt.costs.multiplications import stacks
from chainopt.costs.stage_choices import matrix_free, vectors_needed
from chainopt.structure.bands import Band
from chainopt.structure.patterns import product

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.bracketing.operations import Operation
    from chainopt.chain.chain import JacobianChain
    from chainopt.structure.patterns import Pattern
    from chainopt.typing import Cost


def peak_memory(chain: JacobianChain, bracketing: Bracketing, estimate: Callable[[int, int], int] | None = None) -> int:
    """Return the most entries alive at once: results, seeds of accumulations, two neighbors inside a run, but no given factors.

    Parameters
    ----------
    chain : JacobianChain
        What is multiplied.
    bracketing : Bracketing
        What is done, and in which order; run by one worker.
    estimate : callable, optional
        As for `entries_of`.
    """
    if bracketing.kinds is None and bracketing.order is None and chain.structures is None:
        sizes = chain.sizes.tolist()
        counts = None if chain.batches is None else stacks(chain.batches, bracketing, np.dtype(object))
        return bracketing.peak(
            lambda first, split, last: sizes[first] * sizes[last + 1] * (1 if counts is None else counts[split])
        )
    entries = entries_of(chain, estimate)
    alive_by_span: dict[tuple[int, int], int] = {}
    alive = most = 0
    first_of, last_of = bracketing.spans.tolist()
    for event in bracketing.events():
        if event < 0:
            first = last = ~event
            assert bracketing.ways is not None
            seeds, used = seed(chain, first, ACCUMULATION_MODES[bracketing.ways[first]]), 0
        else:
            first, last, seeds = first_of[event], last_of[event], 0
            used = alive_by_span.pop((first, event), 0) + alive_by_span.pop((event + 1, last), 0)
        result = entries(first, last)
        most = max(most, alive + result + seeds)
        alive += result - used
        alive_by_span[first, last] = result
    return most


def scheduled_peak(chain: JacobianChain, steps: Sequence[Operation], starts: Sequence[Cost]) -> int:
    """Return the most entries alive at once while several workers execute steps.

    Parameters
    ----------
    chain : JacobianChain
        What is multiplied.
    steps : sequence of Operation
        What is done, each push and pull through a single stage, in the order of the starts.
    starts : sequence of int, or of float
        When each step begins.
    """
    entries = entries_of(chain)
    alive_by_span: dict[tuple[int, int], int] = {}
    alive = most = 0
    running: list[tuple[Cost, int]] = []  # when steps end, and what they then let go of
    for step, start in zip(steps, starts, strict=True):
        while running and running[0][0] <= start:
            alive -= heappop(running)[1]
        result = entries(step.first, step.last)
        freed = 0
        if isinstance(step, Accumulation):
            freed = seed(chain, step.first, step.mode)
        else:
            for side in ((step.first, step.split), (step.split + 1, step.last)):
                alive_side = alive_by_span.pop(side, 0)
                freed += alive_side
        alive += result + (freed if isinstance(step, Accumulation) else 0)
        most = max(most, alive)
        alive_by_span[step.first, step.last] = result
        heappush(running, (start + step.cost, freed))
    return most


def seed(chain: JacobianChain, position: int, mode: Mode | None) -> int:
    """Return how many entries an accumulation holds beside its result.

    They are those of its seed, and, where columns or rows share a color, what is computed before it is spread.

    Parameters
    ----------
    chain : JacobianChain
        The chain of the stage.
    position : int
        Where it stands there.
    mode : Mode, or None
        Whether its matrix is accumulated by JVPs, by VJPs, or otherwise.
    """
    if mode is None:
        return 0
    rows, columns = chain.shapes[position]
    jvps, vjps = vectors_needed(chain, position)
    seeds = columns * jvps if mode is Mode.FORWARD else rows * vjps
    is_colored = chain.structures is not None and not chain.structures[position].is_dense
    return seeds + is_colored * (rows * jvps if mode is Mode.FORWARD else columns * vjps)


def entries_of(chain: JacobianChain, estimate: Callable[[int, int], int] | None = None) -> Callable[[int, int], int]:
    """Return how many entries the product of the factors ``first..last`` is held in, whatever the bracketing.

    A product of diagonals is a vector, one of bands is held by its diagonals, another of structured factors by its
    nonzeros; a dense factor makes it dense, and so does a stage that a matrix may have been pushed or pulled through.

    Parameters
    ----------
    chain : JacobianChain
        What is multiplied.
    estimate : callable, optional
        About how many nonzeros the product of ``i..j-1`` has, given i and j; instead of patterns, which would have to be formed.
    """
    dims, batches, structures = chain.dims, chain.batches, chain.structures

    def dense(first: int, last: int) -> int:
        stack = 1 if batches is None else math.prod(broadcast_all(batches[first : last + 1]))
        return dims[first] * dims[last + 1] * stack

    if structures is None:
        return dense
    leaves, is_free = chain.patterns, matrix_free(chain)

    @cache
    def pattern(first: int, last: int) -> Pattern:
        return leaves[first] if first == last else product(pattern(first, last - 1), leaves[last])

    def structured(first: int, last: int) -> int:
        span = range(first, last + 1)
        free = [is_free[position] for position in span]
        if any(structures[position].is_dense for position in span) or (last > first and any(free)):
            return dense(first, last)
        if estimate is not None and any(structures[position].diagonals is None for position in span):
            return estimate(first, last + 1)
        for position in span[1:-1]:
            pattern(first, position)  # one after the other, so that the recursion stays flat
        places = pattern(first, last)
        if all(structures[position].is_diagonal((dims[position], dims[position + 1])) for position in span):
            return dims[first]
        if isinstance(places, Band) and all(structures[position].diagonals is not None for position in span):
            rows, columns = places.shape
            return (min(places.lower, max(rows - 1, 0)) + min(places.upper, max(columns - 1, 0)) + 1) * columns
        return places.nonzeros

    return structured
