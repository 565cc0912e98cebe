"""A Jacobian left as two thin factors, which meet where the function is narrowest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.chain.chain import JacobianChain
from chainopt.ordering.order import step_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.program import Program
    from chainopt.plan.plan import Plan
    from chainopt.typing import Array


class Halves(NamedTuple):
    """What multiplies each half, None for an identity, and between which factors they meet."""

    gap: int
    left: Plan | None
    right: Plan | None

    def execute(self, stages: Sequence[Array], identity: Callable[[int], Array], chunk_size: int | None) -> tuple[Array, Array]:
        """Return the two factors.

        Parameters
        ----------
        stages : sequence of stages
            In product order.
        identity : callable
            What makes an identity of a size.
        chunk_size : int, optional
            How many columns, or rows, go through a stage at once.
        """
        left, right = stages[: self.gap], stages[self.gap :]
        return (
            identity(stages[0].shape[0]) if self.left is None else self.left.execute(left, chunk_size=chunk_size),
            identity(stages[-1].shape[1]) if self.right is None else self.right.execute(right, chunk_size=chunk_size),
        )


def halves_of(program: Program) -> Halves:
    """Part the chain where it is narrowest, and order each half."""
    chain = program.chain
    gap = min(range(len(chain) + 1), key=lambda gap: (chain.dims[gap], gap in {0, len(chain)}))
    left, right = (step_order(JacobianChain(half)) if half else None for half in (list(chain)[:gap], list(chain)[gap:]))
    return Halves(gap, left, right)
