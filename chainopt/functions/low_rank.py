"""A Jacobian left as two thin factors, which meet where the function is narrowest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chainopt.chain.chain import JacobianChain
from chainopt.ordering.order import optimal_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.program import Program
    from chainopt.plan.plan import Plan


class Halves(NamedTuple):
    """What multiplies each half, None for an identity, and between which factors they meet."""

    at: int
    left: Plan | None
    right: Plan | None

    def execute(self, stages: Sequence[Any], identity: Callable[[int], Any], chunk_size: int | None) -> tuple[Any, Any]:
        """Return the two factors, of stages in product order."""
        left, right = stages[: self.at], stages[self.at :]
        return (
            identity(stages[0].shape[0]) if self.left is None else self.left.execute(left, chunk_size=chunk_size),
            identity(stages[-1].shape[1]) if self.right is None else self.right.execute(right, chunk_size=chunk_size),
        )


def halves_of(program: Program) -> Halves:
    """Part the chain where it is narrowest, and order each half."""
    chain = program.chain
    at = min(range(len(chain) + 1), key=lambda place: (chain.dims[place], place in {0, len(chain)}))
    parts = [list(chain)[:at], list(chain)[at:]]
    left, right = (optimal_order(JacobianChain(part)) if part else None for part in parts)
    return Halves(at, left, right)
