"""What the state of a loop depends on after any number of steps."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.jax.detection.values import seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.jax.detection.values import Value

MOST_ROUNDS = 4  # in which a state settles, or else is closed by what is connected


def settled(
    step: Callable[[Sequence[Value]], list[Value]], join: Callable[[Sequence[Value]], Value], state: Sequence[Value]
) -> list[Value] | None:
    """Return what holds before and after all steps; None where some rounds do not suffice.

    Parameters
    ----------
    step : callable
        Returns what is known of the state after a step.
    join : callable
        Returns what is known of a variable that is one of several.
    state : sequence
        What is known of it before the first one.
    """
    current = list(state)
    for _ in range(MOST_ROUNDS):
        after = [join(pair) for pair in zip(current, step(current), strict=True)]
        if all(map(same, current, after)):
            return current
        current = after
    return None


def same(one: Value, other: Value) -> bool:
    """Whether two values say the same."""
    if isinstance(one, IndexSets) and isinstance(other, IndexSets):
        return all(map(np.array_equal, one.listed(), other.listed()))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return one is None and other is None


def closed(
    step: Callable[[Sequence[Value]], list[Value]],
    linear_part: Callable[[Sequence[Value], int], list[Value]],
    join: Callable[[Sequence[Value]], Value],
    state: Sequence[Value],
) -> list[Value]:
    """Return what holds before and after all steps, at least: what is connected by steps depends on the same.

    Parameters
    ----------
    step : callable
        As for `settled`.
    linear_part : callable
        The same for other columns, of which there are so many, and on which nothing but the state depends.
    join, state
        As for `settled`.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    current = list(state)
    while True:  # until it is clear which variables depend on anything, and which are the same in all steps
        after = [join(pair) for pair in zip(current, step(current), strict=True)]
        kinds = [type(value) for value in current]
        current, before = after, current
        if kinds == [type(value) for value in after] and all(
            same(*pair) for pair in zip(before, after, strict=True) if not isinstance(pair[0], IndexSets)
        ):
            break
    sets = seeded(current)
    total = sum(value.size for value in sets)
    ends = np.cumsum([0, *(value.size for value in sets)])
    firsts = iter(ends)
    fresh = [
        IndexSets.seeds(value.size, total, int(next(firsts))) if isinstance(value, IndexSets) else value for value in current
    ]
    relation = joined([value for value in linear_part(fresh, total) if isinstance(value, IndexSets)])
    indptr, indices = relation.listed()
    graph = csr_array((np.ones(indices.size), indices, indptr), shape=(total, total))
    count, labels = connected_components(graph, directed=False)
    every = joined(sets).merged(labels.astype(np.int64), np.arange(total), int(count)).taken(labels)
    cuts = iter(pairwise(ends))
    return [every.taken(np.arange(*next(cuts))) if isinstance(value, IndexSets) else value for value in current]
