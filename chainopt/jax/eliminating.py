"""JAX, as the front end of functions sees it, with Jacobians as straight-line code among the ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.jax.backend import JaxBackend
from chainopt.jax.elimination.choice import worthwhile
from chainopt.jax.elimination.straight_line import straight_line

if TYPE_CHECKING:
    from chainopt.functions.backend import StraightLine
    from chainopt.functions.trace import Trace


class EliminatingBackend(JaxBackend):
    """JAX, with straight-line code."""

    has_straight_lines = True

    def straight_line(self, trace: Trace, outputs: int, *, is_demanded: bool) -> StraightLine | None:
        """Write it where it is demanded, or promises to be the fastest way."""
        return straight_line(trace, outputs) if is_demanded else worthwhile(trace, outputs)


ELIMINATING = EliminatingBackend()
