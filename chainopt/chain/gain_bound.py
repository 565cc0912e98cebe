"""The most that a good order can gain, found without ordering anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chainopt.numbers import ratio
from chainopt.structure.coloring import column_colors, row_colors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.chain.factor_data import StageCosts
    from chainopt.structure.structure import Structure
    from chainopt.typing import Cost


def least_possible(dims: Sequence[int], costs: StageCosts | None, structures: Sequence[Structure] | None) -> Cost | None:
    """Return the least that accumulating the Jacobian can cost; None where a matrix is at hand.

    Parameters
    ----------
    dims : sequence of int
        The n + 1 sizes between the stages, outputs first.
    costs : StageCosts or None
        What is known of the stages.
    structures : sequence of Structure, or None
        Where their matrices have nonzeros; None where all are dense.

    Notes
    -----
    Each stage is accumulated, or a matrix is pushed or pulled through it. That matrix, and the stage's own, has at least as
    many columns, or rows, as the smallest size in the chain. A stage whose matrix costs less than that, by an
    ``accumulation_cost`` or by the colors of its structure, counts at that cost.
    """
    if costs is None:
        return None
    cut, least = min(dims), 0
    for position, (jvp, vjp, accumulation, _) in enumerate(zip(*costs, strict=True)):
        known = [cost for cost in (jvp, vjp) if cost is not None]
        if not known:
            return None
        costs_of_matrix = [cut * min(known)] + ([] if accumulation is None else [accumulation])
        if structures is not None and accumulation is None:
            shape = (dims[position], dims[position + 1])
            costs_of_matrix += [] if jvp is None else [column_colors(structures[position], shape) * jvp]
            costs_of_matrix += [] if vjp is None else [row_colors(structures[position], shape) * vjp]
        least += min(costs_of_matrix)  # type: ignore[assignment]
    return least


def swept(vectors: int, costs: Sequence[Cost | None]) -> list[Cost | None]:
    """Return what that many JVPs, or VJPs, of each stage cost; None where it has none."""
    return [None if cost is None else vectors * cost for cost in costs]


def better(forward: Sequence[Cost | None], reverse: Sequence[Cost | None]) -> Cost:
    """Return what the better homogeneous sweep costs, by stages; infinity where neither is possible."""
    modes = [sum(cost for cost in sweep if cost is not None) for sweep in (forward, reverse) if None not in sweep]
    return min(modes, default=math.inf)


def gain_bound(dims: Sequence[int], costs: StageCosts | None, structures: Sequence[Structure] | None) -> float | None:
    """Bound what any order of JVPs and VJPs gains over the better pure mode; None where a matrix is at hand.

    The parameters are those of `least_possible`.
    """
    least = least_possible(dims, costs, structures)
    if costs is None or least is None:
        return None
    forward, reverse = swept(dims[-1], costs.jvp), swept(dims[0], costs.vjp)
    for sweep, start in ((forward, -1), (reverse, 0)):
        known = costs.accumulation[start]
        if sweep[start] is not None and known is not None:  # a known accumulation is how the sweep begins, even a dear one
            sweep[start] = known
    return ratio(better(forward, reverse), least)
