"""The kernel for stages as it stands, uncompiled, held against the doors that use it."""

from itertools import pairwise

import numpy as np
import pytest

from chainopt import InfeasibleError, Jacobian, JacobianChain, forward_order, reverse_order
from chainopt.kernels import stages
from chainopt.solvers.pure_modes import FORWARD, REVERSE

NONE = stages.NEVER


def random_rows(seed, count=40, length=5):
    """Return sizes, and what stages cost, a row a chain; below zero is what they lack."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, (count, length + 1))
    jvp, vjp, accumulation = (
        np.where(rng.random((count, length)) < 0.7, rng.integers(1, 30, (count, length)), NONE) for _ in "jva"
    )
    accumulation[(jvp < 0) & (vjp < 0)] = NONE
    return sizes, jvp, vjp, accumulation, rng.integers(0, 9, (count, length))


def chain_of(sizes, jvp, vjp, accumulation, tape):
    costs = zip(jvp.tolist(), vjp.tolist(), accumulation.tolist(), tape.tolist(), strict=True)
    known = [[None if cost == NONE else cost for cost in row] for row in costs]
    return JacobianChain(
        [
            Jacobian(shape, jvp_cost=row[0], vjp_cost=row[1], accumulation_cost=row[2], tape=row[3] * (row[1] is not None))
            for shape, row in zip(pairwise(sizes.tolist()), known, strict=True)
        ]
    )


@pytest.mark.parametrize("limit", [NONE, 4])
def test_the_matrix_of_a_stage_is_had_in_the_cheapest_way(limit):
    sizes, jvp, vjp, accumulation, tape = random_rows(0)
    leaves, ways, pull = (np.full(jvp.shape, 99) for _ in range(3))
    stages.choose_many(sizes, jvp, vjp, accumulation, tape, limit, leaves, ways, pull)
    for place in np.ndindex(jvp.shape):
        row, stage = place
        may_pull = vjp[place] >= 0 and (limit == NONE or tape[place] <= limit)
        assert pull[place] == (vjp[place] if may_pull else NONE)
        offers = [(sizes[row, stage + 1] * jvp[place], stages.BY_JVPS)] * bool(jvp[place] >= 0)
        offers += [(sizes[row, stage] * vjp[place], stages.BY_VJPS)] * bool(may_pull)
        if accumulation[place] >= 0:
            expected = accumulation[place], stages.OTHERWISE
        elif jvp[place] < 0 and vjp[place] < 0:
            expected = 0, stages.GIVEN
        else:
            expected = min(offers, default=(NONE, stages.BY_JVPS))
        assert (leaves[place], ways[place]) == expected


@pytest.mark.parametrize(("sweep", "door"), [(FORWARD, forward_order), (REVERSE, reverse_order)], ids=["forward", "reverse"])
def test_a_sweep_takes_the_place_of_what_costs_no_less(sweep, door):
    sizes, jvp, vjp, accumulation, tape = random_rows(1)
    count, length = jvp.shape
    leaves, ways, pull = (np.zeros(jvp.shape, dtype=int) for _ in range(3))
    stages.choose_many(sizes, jvp, vjp, accumulation, tape, NONE, leaves, ways, pull)
    is_free, through = (jvp >= 0) | (vjp >= 0), jvp if sweep is FORWARD else pull
    plans = []
    for row in range(count):
        try:
            plans.append(door(chain_of(*(column[row] for column in (sizes, jvp, vjp, accumulation, tape)))))
        except InfeasibleError:
            plans.append(None)
    possible = [plan for plan in plans if plan is not None]
    assert 5 < len(possible) < count
    # Before there are plans that cost as much, or one less.
    costs = np.array([0 if plan is None else plan.cost - (row % 3 == 0) for row, plan in enumerate(plans)])
    kinds, needed, taken = np.full((count, length - 1), 9), np.full((count, length), 9), np.full(count, 9)
    ends = sweep.start(length), sweep.end(length), sweep.through_kind, sweep.start_way
    stages.sweep_many(sizes, is_free, through, leaves, ways, *ends, costs, kinds, needed, taken)
    for row, plan in enumerate(plans):
        assert taken[row] == (plan is not None and row % 3 != 0)
        if not taken[row]:
            assert (kinds[row] == 9).all()
        elif plan.association.kinds is not None:
            assert kinds[row].tolist() == plan.association.kinds.tolist()
            assert needed[row].tolist() == plan.association.ways.tolist()
