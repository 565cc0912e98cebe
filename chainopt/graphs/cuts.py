"""Sets of cuts to try along a line, each a tuple of positions; the empty one makes one stage of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.graphs.liveness import Line

SMALL = 60  # variables up to which all positions of a line are tried as cuts
MOST_CUTS = 40  # of traced code, where each stage is work for the compiler, too


def candidates(line: Line) -> list[tuple[int, ...]]:
    """Return sets of cuts to try of any graph."""
    single = [position for position in line.positions if line.counts[position] == 1]
    low = _narrow(line)
    sets = [(), tuple(single), tuple(low), tuple(sorted({*single, *low}))]
    if len(line.order) <= SMALL:
        sets.append(tuple(line.positions))
    return list(dict.fromkeys(sets))


def candidates_of_code(line: Line) -> list[tuple[int, ...]]:
    """Return sets of cuts to try of traced code: where little is live, with and without those around the matrices at both ends.

    Around these no identity has to be multiplied.
    """
    around = _around_matrices(line)
    narrow = [smallest(line, _narrow(line, first_of_equals=first), MOST_CUTS) for first in (True, False)]
    sets = [(), *(sorted({*cuts, *around}) for cuts in narrow), *narrow]
    return list(dict.fromkeys(map(tuple, sets)))


def narrowest(line: Line) -> int | None:
    """Return the position where least is live, if that is narrower than both ends."""
    ends = [line.graph.size(line.graph.sources), line.graph.size(line.graph.targets)]
    position = min(line.positions, key=line.live.__getitem__, default=None)
    return position if position is not None and line.live[position] < min(ends) else None


def smallest(line: Line, positions: Sequence[int], most: int) -> list[int]:
    """Return at most ``most`` cuts, the smallest first, and of equal ones some that are evenly spread."""
    if len(positions) <= most:
        return list(positions)
    bound = line.live[sorted(positions, key=line.live.__getitem__)[most]]
    kept = [position for position in positions if line.live[position] < bound]
    equal = [position for position in positions if line.live[position] == bound]
    room = most - len(kept)
    return sorted([*kept, *(equal[len(equal) * number // room] for number in range(room))])


def _narrow(line: Line, *, first_of_equals: bool = False) -> list[int]:
    """Return where less is live than at the positions around; of equal neighbors the last one, where most has been released."""
    live = [line.live[position] for position in (0, *line.positions, len(line.order))]
    triples = zip(line.positions, live, live[1:], live[2:], strict=False)
    if first_of_equals:
        return [position for position, before, here, after in triples if before > here <= after]
    return [position for position, before, here, after in triples if before >= here < after]


def _around_matrices(line: Line) -> set[int]:
    """Return the position behind the first product with a matrix that the code holds, and that before the last one."""
    operations = line.graph.operations
    if operations is None:
        return set()
    heads = {head for _, head in operations.matrices}
    products = [index for index, node in enumerate(line.order) if node in heads]
    if not products:
        return set()
    behind = [position for position in line.positions if position > products[0]]
    before = [position for position in line.positions if position <= products[-1]]
    return {*behind[:1], *before[-1:]}
