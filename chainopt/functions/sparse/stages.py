"""Stages of a sparse Jacobian: neighbors are joined where their colors save less than their products cost."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from chainopt.chain.chain import JacobianChain
from chainopt.chain.jacobian import Jacobian
from chainopt.functions.sparse.given_pattern import tidy
from chainopt.ordering.order import step_order
from chainopt.structure.sparse import Sparse
from chainopt.structure.two_sided_coloring import fewest_products

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.plan.plan import Plan
    from chainopt.structure.patterns import Entries

PRODUCT = 8  # what a multiplication of two stored entries costs, which are gathered, in entries that a JVP passes over
READ = 2  # what reading an entry off a JVP costs


class Stage(NamedTuple):
    """A section of a function, as a linear map."""

    first: int  # where it begins among the cuts,
    last: int  # and where it ends
    pattern: Entries
    work: int  # what one JVP passes over

    @property
    def accumulation(self) -> int:
        """What its Jacobian costs, at the least: a JVP for each entry of its fullest row."""
        return int(np.diff(self.pattern.indptr).max(initial=0)) * self.work + READ * int(self.pattern.nnz)

    def then(self, later: Stage) -> Stage:
        """Return this stage and the one behind it as one."""
        pattern = tidy(later.pattern.astype(np.int32) @ self.pattern.astype(np.int32))
        return Stage(self.first, later.last, pattern, self.work + later.work)


Linear = TypeVar("Linear")


def joined(stages: Sequence[Stage]) -> list[Stage]:
    """Join neighbors, those first that gain most by it, as long as it gains anything.

    Parameters
    ----------
    stages : sequence of Stage
        In evaluation order.
    """
    return merged(stages, _pair)


def merged(stages: Sequence[Linear], pair: Callable[[Linear, Linear], tuple[int, Linear]]) -> list[Linear]:
    """Join neighbors, those first that gain most by it, until it would cost something.

    Parameters
    ----------
    stages : sequence
        In evaluation order.
    pair : callable
        Returns what is gained by joining two of them, and both as one.
    """
    left = list(stages)
    pairs = [pair(*both) for both in pairwise(left)]
    while pairs:
        best = max(range(len(pairs)), key=lambda place: pairs[place][0])
        gain, whole = pairs[best]
        if gain < 0:
            break
        left[best : best + 2] = [whole]
        pairs[best : best + 1] = []
        for place in (best - 1, best):
            if 0 <= place < len(pairs):
                pairs[place] = pair(left[place], left[place + 1])
    return left


def _pair(before: Stage, behind: Stage) -> tuple[int, Stage]:
    """Return what is gained by joining two stages, and both as one."""
    whole = before.then(behind)
    apart = before.accumulation + behind.accumulation + PRODUCT * multiplications(behind.pattern, before.pattern)
    return apart - whole.accumulation, whole


def multiplications(left: Entries, right: Entries) -> int:
    """Count those of a product of sparse matrices."""
    return int(np.diff(right.indptr).astype(np.int64)[left.indices].sum())


def planned(stages: Sequence[Stage]) -> tuple[Plan, int]:
    """Return the cheapest order of the product of some stages, and what it costs, in entries that a JVP passes over.

    Parameters
    ----------
    stages : sequence of Stage
        In evaluation order.
    """
    chain = JacobianChain.from_stages(
        [
            Jacobian(stage.pattern.shape, jvp_cost=-(-stage.work // PRODUCT), structure=Sparse(stage.pattern), name=f"J{number}")
            for number, stage in enumerate(stages, 1)
        ]
    )
    plan = step_order(chain)
    reading = READ * sum(int(stage.pattern.nnz) for stage in stages)
    return plan, int(plan.cost) * PRODUCT + reading


def colors_of(stage: Stage) -> np.ndarray:
    """Return the colors of the columns of a stage."""
    return fewest_products(stage.pattern, has_vjps=False).columns
