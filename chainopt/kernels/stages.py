"""What can be done with the stages of a chain, and what the homogeneous sweeps through them cost.

One source for both: lists of Python numbers for a chain at a time, compiled for many chains at once in int64. A cost below zero
stands for what a stage cannot do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

NEVER = -1
GIVEN, BY_JVPS, BY_VJPS, OTHERWISE = 0, 1, 2, 3
PRODUCT = 0


def choose(
    jvp: Sequence[float],
    vjp: Sequence[float],
    accumulation: Sequence[float],
    tape: Sequence[int],
    tape_limit: float,
    jvps: Sequence[int],
    vjps: Sequence[int],
    leaves: MutableSequence[float],
    ways: MutableSequence[int],
    pull: MutableSequence[float],
) -> None:
    """Write for each stage what its matrix costs, how it is obtained, and what one VJP costs where its tape is within the limit.

    ``jvps`` and ``vjps`` are how many of them find the matrix. A limit below zero is none. A matrix that cannot be had has a cost
    below zero.
    """
    for stage in range(len(jvp)):
        pull[stage] = vjp[stage]
        if tape_limit >= 0 and tape[stage] > tape_limit:
            pull[stage] = NEVER
        if accumulation[stage] >= 0:
            leaves[stage] = accumulation[stage]
            ways[stage] = OTHERWISE
        elif jvp[stage] < 0 and vjp[stage] < 0:
            leaves[stage] = 0
            ways[stage] = GIVEN
        elif pull[stage] < 0:
            leaves[stage] = NEVER if jvp[stage] < 0 else jvps[stage] * jvp[stage]
            ways[stage] = BY_JVPS
        else:
            leaves[stage] = vjps[stage] * pull[stage]
            ways[stage] = BY_VJPS
            if jvp[stage] >= 0 and jvps[stage] * jvp[stage] <= leaves[stage]:
                leaves[stage] = jvps[stage] * jvp[stage]
                ways[stage] = BY_JVPS


def sweep(
    sizes: Sequence[int],
    is_free: Sequence[int],
    through: Sequence[float],
    leaves: Sequence[float],
    ways: Sequence[int],
    start: int,
    vectors: float,
) -> float:
    """Return what a homogeneous sweep costs that starts at a stage with so many columns, or rows; NEVER where it is impossible.

    Stages that ``is_free`` says are matrix-free are gone through, for ``through`` a vector, the others are multiplied by.
    """
    cost = 0 * vectors
    for stage in range(len(leaves)):
        if not is_free[stage]:
            cost += leaves[stage]
            if stage != start:
                cost += vectors * sizes[stage] * sizes[stage + 1]
        elif through[stage] < 0:
            return 0 * vectors + NEVER
        elif stage == start and ways[stage] == OTHERWISE:  # a known accumulation replaces its JVPs or VJPs
            cost += leaves[stage]
        else:
            cost += vectors * through[stage]
    return cost


def sweep_operations(
    is_free: Sequence[int],
    ways: Sequence[int],
    start: int,
    through_kind: int,
    start_way: int,
    kinds: MutableSequence[int],
    needed: MutableSequence[int],
) -> None:
    """Write what a homogeneous sweep does at each gap, and how each matrix is obtained that it needs.

    Matrix-free stages are gone through by ``through_kind``, but for the one that the sweep starts at: its matrix is obtained by
    ``start_way``, unless it is known otherwise.
    """
    for stage in range(len(ways)):
        needed[stage] = ways[stage]
        if stage == start:
            if is_free[stage] and ways[stage] != OTHERWISE:
                needed[stage] = start_way
            continue
        gap = stage if stage < start else stage - 1
        kinds[gap] = PRODUCT
        if is_free[stage]:
            kinds[gap] = through_kind
            needed[stage] = GIVEN


def choose_many(
    sizes: Sequence[Sequence[int]],
    jvp: Sequence[Sequence[float]],
    vjp: Sequence[Sequence[float]],
    accumulation: Sequence[Sequence[float]],
    tape: Sequence[Sequence[int]],
    tape_limit: float,
    leaves: Sequence[MutableSequence[float]],
    ways: Sequence[MutableSequence[int]],
    pull: Sequence[MutableSequence[float]],
) -> None:
    """Do what `choose` does for many chains, a row each."""
    for row in range(len(sizes)):
        jvps, vjps = sizes[row][1:], sizes[row][:-1]
        choose(jvp[row], vjp[row], accumulation[row], tape[row], tape_limit, jvps, vjps, leaves[row], ways[row], pull[row])


def sweep_many(
    sizes: Sequence[Sequence[int]],
    is_free: Sequence[Sequence[int]],
    through: Sequence[Sequence[float]],
    leaves: Sequence[Sequence[float]],
    ways: Sequence[Sequence[int]],
    start: int,
    end: int,
    through_kind: int,
    start_way: int,
    costs: Sequence[float],
    kinds: Sequence[MutableSequence[int]],
    needed: Sequence[MutableSequence[int]],
    is_taken: MutableSequence[int],
) -> None:
    """Put a homogeneous sweep in the place of what costs no less, for many chains, a row each.

    It starts at the stage ``start``, with as many vectors as the size at ``end`` says.
    """
    for row in range(len(sizes)):
        cost = sweep(sizes[row], is_free[row], through[row], leaves[row], ways[row], start, sizes[row][end])
        is_taken[row] = 0 <= cost <= costs[row]
        if is_taken[row]:
            sweep_operations(is_free[row], ways[row], start, through_kind, start_way, kinds[row], needed[row])
