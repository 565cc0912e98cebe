"""What JAX's own programs say of themselves: the parts of a scan, and references, which are written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chainopt.functions.backend import UnplannableError
from chainopt.functions.sparse.derived import Traced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jax.extend import core

    from chainopt.typing import Array

EFFECTS = frozenset({"ReadEffect", "WriteEffect", "AccumEffect", "InternalMutableArrayEffect"})  # names that are not public


def loop_parts(parameters: Mapping[str, Array]) -> tuple[int, int]:
    """Return how many of the first operands are constants, and how many of those behind them are the state.

    Parameters
    ----------
    parameters : dict
        Of the equation of a scan.
    """
    if "num_consts" in parameters:
        return int(parameters["num_consts"]), int(parameters["num_carry"])
    constants, state, _ = parameters["ft_in"].unpack()  # from JAX 0.11 on
    return len(constants), len(state)


def refuse_references(closed: core.ClosedJaxpr) -> None:
    """Refuse to plan what makes, reads or writes a reference: equations are reordered, and dropped where no result needs them.

    Raises
    ------
    UnplannableError
        Which says so.
    """
    if any(type(effect).__name__ in EFFECTS for effect in closed.effects):
        msg = "it uses arrays that are written to, as `jax.new_ref` makes them"
        raise UnplannableError(msg)


class TracedJaxpr(Traced, Protocol):
    """A function as a jaxpr, as far as others are made of it."""

    inputs: Sequence[Array]
    """By which it is differentiated: shapes and types."""
    others: Sequence[Array]
    """Its further arguments."""

    def run(self, inputs: Sequence[Array], others: Sequence[Array]) -> list[Array]:
        """Compute all results."""
