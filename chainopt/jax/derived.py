"""What a traced function has in common with one that is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chainopt.functions.sparse.backend import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.sparse.blocks import Block
    from chainopt.functions.sparsity.detection import Detection
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array


class TracedJaxpr(Recorded, Protocol):
    """A function as a jaxpr, as far as others are made of it."""

    inputs: Sequence[Array]
    """By which it is differentiated: shapes and types."""
    others: Sequence[Array]
    """Its further arguments."""

    def run(self, inputs: Sequence[Array], others: Sequence[Array]) -> list[Array]:
        """Compute all results."""

    def check_before_listing(self, found: Detection) -> None:
        """Refuse what a part of the pattern shows to be dense."""


class Derived:
    """A function that has the shapes, the pattern and the products of another one.

    Parameters
    ----------
    recorded : TracedJaxpr
        The other one.
    """

    def __init__(self, recorded: TracedJaxpr) -> None:
        self.recorded = recorded
        self.shapes, self.dtypes = recorded.shapes, recorded.dtypes

    @property
    def has_jvps(self) -> bool:
        """Whether there are JVPs of it."""
        return self.recorded.has_jvps

    @property
    def has_vjps(self) -> bool:
        """Whether there are VJPs of it."""
        return self.recorded.has_vjps

    @property
    def belongs_to_a_transformation(self) -> bool:
        """Whether a constant is a tracer."""
        return self.recorded.belongs_to_a_transformation

    def detected(self) -> tuple[Entries, str | None]:
        """Return the pattern for all inputs, and what made it dense."""
        return self.recorded.detected()

    def read(self) -> list[Array]:
        """List the arrays besides the arguments whose numbers decided on the pattern, and may change."""
        return self.recorded.read()

    def is_current(self) -> bool:
        """Whether those numbers are as they were, where that matters."""
        return self.recorded.is_current()

    def mismatch(
        self, arrays: Sequence[Array], entries: Entries, nonzeros: Sequence[Array], blocks: Sequence[Block]
    ) -> str | None:
        """Compare nonzeros with a product of the function's own; return where they differ, or None."""
        return self.recorded.mismatch(arrays, entries, nonzeros, blocks)
