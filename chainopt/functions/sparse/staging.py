"""Whether a sparse Jacobian is computed by stages: where that promises to be cheaper than to color the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from chainopt.errors import ChainError
from chainopt.functions.sparse.backend import Recorded

if TYPE_CHECKING:
    from chainopt.functions.options import Options
    from chainopt.plan.plan import Plan
    from chainopt.structure.compression import Coloring
    from chainopt.structure.patterns import Entries

FEWEST = 6  # products of the whole, below which stages are not looked for
SHARE = 0.6  # of what stages cost, that they have to save, for a compiler makes more of one loop than the count says,
LEAST = 1_000_000  # and entries, for each stage takes some microseconds more


class Staged(Recorded, Protocol):
    """A traced function that is cut into stages."""

    plan: Plan
    """The order in which their Jacobians are multiplied."""
    cost: int
    """How many entries are passed over."""
    saved: int
    """How many fewer that is than by coloring the whole."""


@runtime_checkable
class Stageable(Protocol):
    """A traced function that can be cut into stages."""

    def staged(self, entries: Entries, products: int) -> Staged | None:
        """Return the function cut into stages, None where there is no place to cut it.

        Parameters
        ----------
        entries : scipy.sparse.csr_array of bool
            The pattern of the whole.
        products : int
            How many JVPs the whole takes.
        """


def with_stages(recorded: Recorded, entries: Entries, coloring: Coloring, options: Options) -> Recorded:
    """Return the function, cut into stages where that pays, or where a plan is asked for.

    Raises
    ------
    ChainError
        If a plan is asked for, and stages promise nothing.
    """
    must = options.mode == "planned"
    may = options.mode == "auto" and not coloring.is_symmetric and coloring.products >= FEWEST
    staged = recorded.staged(entries, coloring.products) if (must or may) and isinstance(recorded, Stageable) else None
    if staged is not None and (must or staged.saved >= max(SHARE * staged.cost, LEAST)):
        return staged
    if must:
        msg = (
            'mode is "planned", but no cut was found at which stages take less work than the colors of the whole: '
            'take mode "auto", which colors the whole'
        )
        raise ChainError(msg)
    return recorded
