"""Arrays that are written to, as `jax.new_ref` makes them: what they hold depends on the order of the equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.functions.backend import UnplannableError

if TYPE_CHECKING:
    from jax.extend import core

EFFECTS = frozenset({"ReadEffect", "WriteEffect", "AccumEffect", "InternalMutableArrayEffect"})  # names that are not public


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
