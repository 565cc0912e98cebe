"""JAX, as the front end of functions sees it, with Jacobians as straight-line code and by sparse stages among the strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.jax.backend import JaxBackend
from chainopt.jax.elimination.choice import worthwhile
from chainopt.jax.elimination.straight_line import straight_line
from chainopt.jax.gates import may_be_sparse, stages_may_pay
from chainopt.jax.linearized.jacobian import linearized

if TYPE_CHECKING:
    from chainopt.functions.backend import Blocks, PureBlocks
    from chainopt.functions.trace import Trace
    from chainopt.plan.comparison import Comparison


class EliminatingBackend(JaxBackend):
    """JAX, with straight-line code and sparse stages."""

    has_straight_lines = True

    def straight_line(self, trace: Trace, outputs: int, *, is_demanded: bool) -> Blocks | None:
        """Write it where it is demanded, or promises to be the fastest way."""
        return straight_line(trace, outputs) if is_demanded else worthwhile(trace, outputs)

    def sparse_stages(self, trace: Trace, outputs: int) -> Blocks | None:
        """Cut it where what lies between wide and costly steps promises to be worth it, or color it where few nonzeros do."""
        if not self.fragile.isdisjoint(equation.name for equation in trace.equations):
            return None
        line: Blocks | None = None
        if stages_may_pay(trace, outputs):
            from chainopt.jax.mixed.choice import mixed_line  # with it comes SciPy

            line = mixed_line(trace, outputs)
        if line is None and may_be_sparse(trace, outputs):
            from chainopt.jax.scattered.choice import scattered

            line = scattered(trace, outputs)
        return line

    def linearized(self, trace: Trace, outputs: int, comparison: Comparison, mode: str) -> PureBlocks | None:
        """Keep what a compiler would compute anew for each tangent."""
        return linearized(trace, outputs, comparison, mode)


ELIMINATING = EliminatingBackend()
