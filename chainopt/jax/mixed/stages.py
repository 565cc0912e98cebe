"""Stages of a Jacobian between narrow ends: what each costs, whether it is colored or its tangents are pushed through."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.chain.chain import JacobianChain
from chainopt.chain.jacobian import Jacobian
from chainopt.functions.sparse.given_pattern import tidy
from chainopt.functions.sparse.stages import PRODUCT, merged
from chainopt.functions.sparsity.detection import Detection
from chainopt.jax.jaxprs import size
from chainopt.jax.rules import derivative_of
from chainopt.jax.rules.registry import PRODUCTS
from chainopt.jax.staged.segments import work_of as passed_over
from chainopt.ordering.order import optimal_order
from chainopt.structure.sparse import Sparse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.sparsity.index_sets import IndexSets
    from chainopt.jax.linear_program import LinearProgram, Step
    from chainopt.plan.plan import Plan
    from chainopt.structure.patterns import Entries

FULL = 1 / 4  # of all places: what has more nonzeros is not colored
MOST_NONZEROS = 2_000_000
# What touches an entry takes as long as so many multiplications of a nonzero by entries that lie together; multiplications of
# dense matrices are quicker than those.
ENTRY, DENSE = 4, 0.5
TURNED = 40  # the same where the columns of a matrix are pushed at once, and lie apart for that,
READ = 16  # the same of reading a nonzero off a JVP, which is a jump,
STAGE = 50_000  # and of a stage more


class Stage(NamedTuple):
    """A section of a function, as a linear map."""

    first: int  # where it begins among the cuts,
    last: int  # and where it ends
    rows: int
    columns: int
    pattern: Entries | None  # None where it is not sparse
    work: int  # what one JVP or VJP costs

    @property
    def nonzeros(self) -> int:
        """How many it has; only of one that is sparse."""
        return 0 if self.pattern is None else int(self.pattern.nnz)

    @property
    def fullest_row(self) -> int:
        """How many nonzeros that has."""
        return 0 if self.pattern is None else int(np.diff(self.pattern.indptr).max(initial=0))

    @property
    def coloring_cost(self) -> int:
        """What the nonzeros cost, at the least: a JVP for each entry of the fullest row."""
        return self.cost_of_colors(self.fullest_row)

    def cost_of_colors(self, colors: int) -> int:
        """Return what the nonzeros cost by so many JVPs."""
        return 0 if self.pattern is None else colors * self.work + READ * self.nonzeros + STAGE

    def cost(self, passes: int) -> int:
        """Return what it costs, at the least, to apply it to so many tangents, by its nonzeros or without them."""
        pushed = passes * self.work
        return pushed if self.pattern is None else min(pushed, self.coloring_cost + passes * (self.nonzeros + self.rows))

    def settled(self, passes: int) -> Stage:
        """Return it without the pattern where that does not make it cheaper."""
        return self if self.cost(passes) < passes * self.work else self._replace(pattern=None)

    def jacobian(self, name: str, *, has_vjps: bool) -> Jacobian:
        """Describe it to the planner: one whose nonzeros are known is applied by these."""
        each = self.work if self.pattern is None else self.nonzeros + self.rows
        return Jacobian(
            (self.rows, self.columns),
            jvp_cost=each,
            vjp_cost=each if has_vjps or self.pattern is not None else None,
            accumulation_cost=None if self.pattern is None else PRODUCT * self.nonzeros * (self.fullest_row + 2),
            structure=None if self.pattern is None else Sparse(self.pattern),
            name=name,
        )

    def then(self, later: Stage) -> Stage:
        """Return this stage and the one behind it as one."""
        pattern = None
        if self.pattern is not None and later.pattern is not None:
            pattern = tidy(later.pattern.astype(np.int32) @ self.pattern.astype(np.int32))
            pattern = pattern if _is_sparse(pattern.nnz, later.rows, self.columns) else None
        return Stage(self.first, later.last, later.rows, self.columns, pattern, self.work + later.work)


def pricing(program: LinearProgram, of_matrices: int) -> Callable[[Step], int]:
    """Return what gives for an equation what a JVP takes of it, in multiplications of a nonzero by an entry of a row.

    Parameters
    ----------
    program : LinearProgram
        Whose equations they are.
    of_matrices : int
        What an entry takes of tangents of a matrix that is multiplied: of each it is read once, of vectors it is kept.
    """
    moved = {*program.tangents, *(variable for step in program.steps if step.is_linear for variable in step.written)}

    def work_of(step: Step) -> int:
        if str(step.equation.primitive) in PRODUCTS:
            entries = max(size(variable) for variable in (*step.written, *step.read) if variable in moved)
            return max(int(DENSE * (derivative_of(step.equation).price.jvp or 0)), of_matrices * entries)
        return ENTRY * passed_over(step)

    return work_of


def pattern_of(sets: IndexSets) -> Entries | None:
    """Return a pattern, None where it is not sparse."""
    if not _is_sparse(int(sets.counts().sum()), sets.size, sets.columns):
        return None
    return tidy(Detection(sets).pattern)


def _is_sparse(nonzeros: int, rows: int, columns: int) -> bool:
    return nonzeros <= min(FULL * rows * columns, MOST_NONZEROS)


def planned(stages: Sequence[Stage], has_vjps: Sequence[bool]) -> Plan:
    """Return the cheapest order of the product of some stages, once the nonzeros of those that are sparse are computed.

    Parameters
    ----------
    stages : sequence of Stage
        In evaluation order.
    has_vjps : sequence of bool
        Whether cotangents can be pulled through each.
    """
    each = zip(stages, has_vjps, strict=True)
    chain = [stage.jacobian(f"J{number}", has_vjps=has) for number, (stage, has) in enumerate(each, 1)]
    return optimal_order(JacobianChain.from_stages(chain), patterns="exact")


def joined(stages: Sequence[Stage], passes: int) -> list[Stage]:
    """Join neighbors, those first that gain most by it, as long as it costs nothing.

    Parameters
    ----------
    stages : sequence of Stage
        In evaluation order.
    passes : int
        How many tangents go through.
    """

    def pair(before: Stage, behind: Stage) -> tuple[int, Stage]:
        whole = before.then(behind)
        return before.cost(passes) + behind.cost(passes) - whole.cost(passes), whole

    return merged(stages, pair)
