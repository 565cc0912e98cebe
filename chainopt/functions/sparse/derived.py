"""What a traced function has in common with one that is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from chainopt.functions.sparse.backend import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.sparse.blocks import Block
    from chainopt.functions.sparsity.detection import Detection
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array


class Traced(Recorded, Protocol):
    """A traced function, as far as others are made of it."""

    def check_before_listing(self, found: Detection) -> None:
        """Refuse what a part of the pattern shows to be dense."""


F = TypeVar("F", bound=Traced)


class Derived(Generic[F]):
    """A function that has the shapes, the pattern and the products of another one."""

    def __init__(self, recorded: F) -> None:
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
        """Whether it holds arrays that are gone as soon as a transformation ends."""
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
