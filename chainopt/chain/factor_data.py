"""What a chain says of its factors beyond their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chainopt.structure.structure import Structure

Cost = int | float


class StageCosts(NamedTuple):
    """What is known of the stages, a tuple for each quantity with an entry for each factor, None where it is not known."""

    jvp: tuple[Cost | None, ...]
    vjp: tuple[Cost | None, ...]
    accumulation: tuple[Cost | None, ...]
    tape: tuple[int, ...]

    @property
    def are_seconds(self) -> bool:
        """Whether one of the costs is a float: then it counts seconds."""
        return float in {*map(type, self.jvp), *map(type, self.vjp), *map(type, self.accumulation)}


class Details(NamedTuple):
    """Stacks, names, costs and structures of the factors; each None where no factor has one."""

    batches: tuple[tuple[int, ...], ...] | None = None
    names: tuple[str | None, ...] | None = None
    stage_costs: StageCosts | None = None
    structures: tuple[Structure | None, ...] | None = None
