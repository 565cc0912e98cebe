"""What is held at the places that a function reaches, and what of that it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.functions.signature import SCALARS, static_key

if TYPE_CHECKING:
    from collections.abc import Hashable

    from chainopt.functions.backend import Backend
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


def traces_left(backend: Backend, before: dict[Hashable, list[Array]], after: dict[Hashable, list[Array]]) -> tuple[bool, bool]:
    """Return whether what was traced has been written somewhere, and whether that took the place of an array."""
    is_left = is_overwritten = False
    for place in written(before, after):
        old = [leaf for held in before.get(place, ()) for leaf in _leaves(backend, held)]
        present = set(map(id, old))
        new = [leaf for held in after.get(place, ()) for leaf in _leaves(backend, held)]
        if any(backend.is_traced(leaf) and id(leaf) not in present for leaf in new):
            is_left = True
            is_overwritten |= len(new) <= len(old) and any(map(backend.is_result, old))
    return is_left, is_overwritten


def _leaves(backend: Backend, held: Array) -> list[Array]:
    """Return the leaves of a pytree, and what those hold that are objects."""
    try:
        leaves, _ = backend.flatten(held)
    except Exception:  # noqa: BLE001 -- of a pytree of the user's own, or a dict without an order
        return [held]
    return [inner for leaf in leaves for inner in (leaf, *getattr(leaf, "__dict__", {}).values())]


def _contents(cell: Array) -> list[Array]:
    try:
        return [cell.cell_contents]
    except ValueError:  # it has no value
        return []


def are_alike(one: Array, other: Array) -> bool:
    """Whether two objects are the same, or values that nobody can tell apart."""
    return one is other or (type(one) is type(other) and type(one) in SCALARS and static_key(one) == static_key(other))
