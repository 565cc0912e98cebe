"""What is held at the places that a function reaches, and what of that it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.functions.signature import SCALARS, static_key

if TYPE_CHECKING:
    from collections.abc import Hashable

    from chainopt.functions.reachable import Reachable
    from chainopt.typing import Array


def places_of(reached: Reachable) -> dict[Hashable, list[Array]]:
    """Return what is at each place now."""
    now: dict[Hashable, list[Array]] = {id(cell): _contents(cell) for cell in reached.cells}
    now |= {(address, name): [mapping.get(name)] for mapping, name, address in reached.variables}
    now |= {(id(owner), name): [getattr(owner, name, None)] for owner, name in reached.slots}
    now |= {(id(mapping), name): [value] for mapping in reached.mappings for name, value in [*mapping.items()]}
    return (
        now
        | {id(sequence): [*sequence] for sequence in reached.sequences}
        | {address: [*view] for address, view in reached.views}
    )


def written(before: dict[Hashable, list[Array]], after: dict[Hashable, list[Array]]) -> frozenset[Hashable]:
    """Return the places at which something has changed, or has come or gone: what a function writes to while it runs."""
    return frozenset(
        place
        for place in before.keys() | after.keys()
        if len(before.get(place, ())) != len(after.get(place, ()))
        or not all(map(are_alike, before.get(place, ()), after.get(place, ())))
    )


def _contents(cell: Array) -> list[Array]:
    try:
        return [cell.cell_contents]
    except ValueError:  # it has no value
        return []


def are_alike(one: Array, other: Array) -> bool:
    """Whether two objects are the same, or values that nobody can tell apart."""
    return one is other or (type(one) is type(other) and type(one) in SCALARS and static_key(one) == static_key(other))
