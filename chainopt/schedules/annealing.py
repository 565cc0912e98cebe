"""Better plans for several workers by moves on their trees: threshold accepting, see `chainopt.kernels.annealing`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from chainopt.kernels.tree_moves import copy

if TYPE_CHECKING:
    from chainopt.schedules.trees import Trees

THRESHOLD = 0.015  # of the makespan, by which a move may lengthen it at first
SECONDS_PER_TASK = 1.5e-7  # of one move, compiled
SECONDS, MOST_ROUNDS, FEWEST_ROUNDS = 0.25, 1_200, 100  # of one search; the most are multiplied by the number of factors
UNCOMPILED_ROUNDS = 750  # divided by the number of factors
SLICE = 0.1  # seconds between two looks at the clock


def anneal(trees: Trees, length: Any, table: int, seed: int) -> None:
    """Try moves in slices, and check the time between them.

    Parameters
    ----------
    trees : Trees
        What is changed; the best plan is offered to its incumbent.
    length : int or float
        The makespan of the tree from which the moves start.
    table : int
        The table of which it is built.
    seed : int
        Of the random numbers.
    """
    instance, incumbent, tables = trees.instance, trees.incumbent, trees.tables
    assert tables is not None
    rounds, slices = _rounds(instance.factors) if instance.is_compiled else (max(1, UNCOMPILED_ROUNDS // instance.factors), 1)
    root = trees.build_table(table)
    copy(trees.trees[0], trees.trees[2])
    state, lengths = instance.positions(5), instance.times(2)
    state[:3] = seed, root, root
    lengths[0] = lengths[1] = length
    try:
        for index in range(slices):
            trees.improve(
                rounds // slices,
                THRESHOLD * (slices - index) / slices,
                incumbent.bound,
                state,
                instance.workers,
                instance.columns,
                tables.splits,
                tables.joins,
                *trees.trees,
                trees.times,
                trees.numbers,
                lengths,
            )
            if lengths[1] <= incumbent.bound or not incumbent.goes_on():
                return
    finally:  # what is better when the user interrupts, too
        if lengths[1] < incumbent.makespan:
            trees.schedule_tree(trees.trees[2], int(state[2]), int(state[4]))


def _rounds(factors: int) -> tuple[int, int]:
    """Return how many moves are tried, and in how many slices."""
    seconds = 2 * factors * SECONDS_PER_TASK  # a move schedules all tasks anew
    rounds = max(FEWEST_ROUNDS, min(MOST_ROUNDS * factors, int(SECONDS / seconds)))
    return rounds, math.ceil(rounds * seconds / SLICE)
