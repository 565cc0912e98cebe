"""What a chain knows of its factors beyond their sizes."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chainopt.structure.structure import Structure
    from chainopt.typing import Cost

    Batch = tuple[int, ...]


class StageCosts(NamedTuple):
    """What is known of the stages: for each quantity a tuple with an entry for each factor, None where unknown."""

    jvp: tuple[Cost | None, ...]
    vjp: tuple[Cost | None, ...]
    accumulation: tuple[Cost | None, ...]
    tape: tuple[int, ...]

    def of(self, position: int) -> tuple[Cost | None, Cost | None, Cost | None, int]:
        """Return what is known of one stage."""
        return self.jvp[position], self.vjp[position], self.accumulation[position], self.tape[position]

    @property
    def are_seconds(self) -> bool:
        """Whether one of the costs is a float, which is in seconds."""
        return float in {*map(type, self.jvp), *map(type, self.vjp), *map(type, self.accumulation)}


class Details(NamedTuple):
    """Stacks, names, costs and structures of the factors; each None where no factor has one."""

    batches: tuple[Batch, ...] | None = None
    names: tuple[str | None, ...] | None = None
    stage_costs: StageCosts | None = None
    structures: tuple[Structure | None, ...] | None = None


def broadcast(left: Batch, right: Batch) -> Batch:
    """Return the leading sizes of a product of two stacks, as for ``@``, but of any magnitude and number.

    Raises
    ------
    ValueError
        If they do not broadcast.
    """
    if left == right or not right:
        return left
    joined = []
    for size, other in zip_longest(reversed(left), reversed(right), fillvalue=1):
        if size != other and 1 not in {size, other}:
            msg = f"{size} and {other} do not broadcast"
            raise ValueError(msg)
        joined.append(other if size == 1 else size)
    return tuple(reversed(joined))


def broadcast_all(batches: Iterable[Batch]) -> Batch:
    """Return the leading sizes of a product of many stacks."""
    joined: Batch = ()
    for batch in batches:
        joined = broadcast(joined, batch)
    return joined
