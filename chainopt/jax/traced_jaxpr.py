"""What a function as a jaxpr gives, so that others are made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chainopt.functions.sparse.derived import Traced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Array


class TracedJaxpr(Traced, Protocol):
    """A function as a jaxpr, as far as others are made of it."""

    inputs: Sequence[Array]
    """By which it is differentiated: shapes and types."""
    others: Sequence[Array]
    """Its further arguments."""

    def run(self, inputs: Sequence[Array], others: Sequence[Array]) -> list[Array]:
        """Compute all results."""
