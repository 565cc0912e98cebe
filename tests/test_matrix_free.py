"""Matrix-free stages and tape limits: against a search over all that can be done, and against published optima."""

import csv
import heapq
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainopt
from chainopt import (
    Accumulation,
    ChainError,
    InfeasibleError,
    Jacobian,
    JacobianChain,
    Multiplication,
    Plan,
    Pullback,
    Pushforward,
)
from chainopt.testing import random_stages

REFERENCE = Path(__file__).parent / "reference"


def least_cost(jacobians, tape_limit=math.inf):
    """Search all states: each block of the chain is a stage, or the matrix of a run of stages. Dijkstra, nothing clever."""
    dims = [jacobian.shape[0] for jacobian in jacobians] + [jacobians[-1].shape[1]]
    start = tuple((at, at + 1, has_matrix(jacobian)) for at, jacobian in enumerate(jacobians))
    queue, done = [(0, start)], set()
    while queue:
        cost, state = heapq.heappop(queue)
        if state in done:
            continue
        done.add(state)
        if len(state) == 1 and state[0][2]:
            return cost
        for at, (i, j, is_matrix) in enumerate(state):
            if not is_matrix:
                for price in ways_to_accumulate(jacobians[i], tape_limit):
                    heapq.heappush(queue, (cost + price, (*state[:at], (i, j, True), *state[at + 1 :])))
            if at + 1 == len(state):
                continue
            k, end, right_is_matrix = state[at + 1]
            left, right = jacobians[i], jacobians[k]
            prices = []
            if is_matrix and right_is_matrix:
                prices.append(dims[i] * dims[k] * dims[end])
            if j - i == 1 and left.jvp_cost is not None and right_is_matrix:
                prices.append(dims[end] * left.jvp_cost)
            if end - k == 1 and right.vjp_cost is not None and right.tape <= tape_limit and is_matrix:
                prices.append(dims[i] * right.vjp_cost)
            for price in prices:
                heapq.heappush(queue, (cost + price, (*state[:at], (i, end, True), *state[at + 2 :])))
    return None


def has_matrix(jacobian):
    return jacobian.jvp_cost is jacobian.vjp_cost is jacobian.accumulation_cost is None


def ways_to_accumulate(jacobian, tape_limit):
    if jacobian.accumulation_cost is not None:
        return [jacobian.accumulation_cost]
    ways = [] if jacobian.jvp_cost is None else [jacobian.shape[1] * jacobian.jvp_cost]
    if jacobian.vjp_cost is not None and jacobian.tape <= tape_limit:
        ways.append(jacobian.shape[0] * jacobian.vjp_cost)
    return ways


def check_plan(plan, tape_limit=math.inf):
    """The costs are those of the contract, the operations can be executed in their order, and the tape is kept."""
    chain, dims, total = plan.chain, plan.chain.dims, 0
    matrices = {(at, at) for at, jacobian in enumerate(chain) if has_matrix(jacobian)}
    for operation in plan.operations:
        first, last, cost = operation.first, operation.last, 0
        match operation:
            case Accumulation(mode=None):
                cost = chain[first].accumulation_cost
            case Accumulation(mode="forward"):
                cost = dims[first + 1] * chain[first].jvp_cost
            case Accumulation(mode="reverse"):
                cost = dims[first] * chain[first].vjp_cost
                assert chain[first].tape <= min(tape_limit, plan.tape)
            case Multiplication(split=split):
                assert {(first, split), (split + 1, last)} <= matrices
                cost = dims[first] * dims[split + 1] * dims[last + 1]
            case Pushforward(split=split):
                assert (split + 1, last) in matrices
                cost = dims[last + 1] * sum(chain[at].jvp_cost for at in range(first, split + 1))
            case Pullback(split=split):
                assert (first, split) in matrices
                cost = dims[first] * sum(chain[at].vjp_cost for at in range(split + 1, last + 1))
                assert all(chain[at].tape <= min(tape_limit, plan.tape) for at in range(split + 1, last + 1))
        assert operation.cost == cost
        total += cost
        matrices.add((first, last))
    assert (0, len(chain) - 1) in matrices
    assert plan.cost == total
    for one, other in itertools.pairwise(plan.operations):
        assert not (isinstance(one, Pushforward) and isinstance(other, Pushforward) and other.split + 1 == one.first), "one run"


@pytest.mark.parametrize("seed", range(20))
def test_a_thousand_random_chains_of_all_kinds_each(seed):
    rng = np.random.default_rng(seed)
    for _ in range(1_000):
        jacobians = random_stages(rng, int(rng.integers(1, 5, endpoint=True)), largest_size=4, largest_cost=12)
        limit = None if rng.random() < 0.5 else int(rng.integers(0, 12))
        expected = least_cost(jacobians, math.inf if limit is None else limit)
        if expected is None:
            with pytest.raises(InfeasibleError):
                chainopt.optimal_order(jacobians, tape_limit=limit)
            continue
        plan = chainopt.optimal_order(jacobians, tape_limit=limit)
        assert plan.cost == expected
        check_plan(plan, math.inf if limit is None else limit)


@given(st.integers(0, 10**6), st.integers(1, 30), st.sampled_from([None, 0, 5, math.inf]), st.sampled_from([9, 10**6, 10**30]))
def test_compiled_uncompiled_and_the_plain_recurrence_agree(seed, factors, limit, largest_cost):
    jacobians = random_stages(np.random.default_rng(seed), factors, largest_size=9, largest_cost=largest_cost)
    plans = []
    for method, pays in (("interval", False), ("interval", True), ("textbook", False)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("chainopt.kernels.policy.compiled_pays", lambda _, pays=pays: pays)
            try:
                plans.append(chainopt.optimal_order(jacobians, method=method, tape_limit=limit))
            except InfeasibleError as error:
                plans.append(str(error))
    if isinstance(plans[0], str):
        assert plans[0] == plans[1] == plans[2]
        return
    assert plans[0] == plans[1]
    assert plans[0].cost == plans[2].cost
    for plan in plans:
        check_plan(plan, math.inf if limit is None else limit)
        assert Plan.from_json(plan.to_json()) == plan
        assert hash(Plan.from_json(plan.to_json())) == hash(plan)


def test_tiles_of_generalized_chains():
    from chainopt.solvers import interval

    jacobians = random_stages(np.random.default_rng(0), 150, largest_size=30, largest_cost=500)
    chain = JacobianChain(jacobians)
    expected = chainopt.optimal_order(chain, method="textbook").cost
    for tile, untiled in ((16, 10), (37, 10), (64, 10), (128, 1000)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(interval, "TILE", tile)
            patch.setattr(interval, "UNTILED", untiled)
            patch.setattr("chainopt.kernels.policy.compiled_pays", lambda _: True)
            plan = chainopt.optimal_order(chain)
        assert plan.cost == expected
        check_plan(plan)


@pytest.mark.parametrize("factors", [10, 50, 100])
def test_published_matrix_free_chains(factors):
    lines = (REFERENCE / f"matrix_free_{factors}.txt").read_text().split("\n")[1 : factors + 1]
    stages = [[int(number) for number in line.split()] for line in lines]
    chain = JacobianChain.from_stages([Jacobian((m, n), jvp_cost=cost, vjp_cost=cost, tape=cost) for m, n, cost in stages])
    known = {10: (296, 296, 2_072), 50: (135_228, 839_925, 604_746), 100: (231_143, 19_160_886, 21_611_697)}[factors]
    comparison = chainopt.compare(chain)
    assert (comparison.optimal.cost, comparison.forward.cost, comparison.reverse.cost) == known
    assert comparison.full_trace == sum(cost for *_, cost in stages)
    check_plan(comparison.optimal)


@pytest.mark.parametrize("length", [3, 5, 6])
def test_published_scheduled_chains_on_one_worker(length):
    with (REFERENCE / f"scheduled_length_{length}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2_000
    chains = []
    for row in rows:
        sizes = [int(row[f"d{at}"]) for at in range(length + 1)]
        costs = [int(row[f"edges{at}"]) for at in range(1, length + 1)]
        shapes = [(outputs, inputs) for inputs, outputs in itertools.pairwise(sizes)]
        stages = [Jacobian(shape, jvp_cost=cost, vjp_cost=cost, tape=cost) for shape, cost in zip(shapes, costs, strict=True)]
        chains.append(JacobianChain.from_stages(stages))
    expected = [int(row["optimum_1"]) for row in rows]
    assert chainopt.optimal_orders(chains).costs.tolist() == expected
    assert [chainopt.optimal_order(chain).cost for chain in chains[::20]] == expected[::20]


def stage(shape, **options):
    return Jacobian(shape, **options)


def test_modes_are_homogeneous_sweeps():
    both = [stage((3, 4), jvp_cost=5, vjp_cost=6, tape=2), stage((4, 6)), stage((6, 5), jvp_cost=7, vjp_cost=8, tape=9)]
    comparison = chainopt.compare(both)
    assert comparison.forward.cost == 5 * 7 + 4 * 6 * 5 + 5 * 5
    assert comparison.reverse.cost == 3 * 6 + 3 * 4 * 6 + 3 * 8
    assert comparison.reverse.tape == 9
    assert comparison.forward.tape == 0
    assert comparison.full_trace == 11
    assert comparison.forward.bracketing == "(J3 > (J2 (J1 > I)))"
    assert comparison.reverse.bracketing == "(((I < J3) J2) < J1)"
    assert (comparison.optimal.mode, comparison.optimal.cost) == ("hybrid", 6 * 5 + 3 * 8)
    assert "tape" in str(comparison).splitlines()[0]
    assert str(comparison).splitlines()[-1].endswith("the tapes of all stages together: 11)")
    assert list(comparison.forward.operations) == [
        Accumulation(2, 2, chainopt.Mode.FORWARD, 35),
        Multiplication(1, 1, 2, 120),
        Pushforward(0, 0, 2, 25),
    ]


def test_runs_are_one_operation():
    stages = [stage((3, 3), jvp_cost=at + 1) for at in range(6)]
    plan = chainopt.forward_order(stages)
    assert [type(operation) for operation in plan.operations] == [Accumulation, Pushforward]
    assert plan.bracketing == "(J6 J5 J4 J3 J2 > (J1 > I))"
    assert plan.operations[1] == Pushforward(0, 4, 5, 3 * (1 + 2 + 3 + 4 + 5))


def test_a_stage_that_lacks_the_mode():
    chain = [stage((2, 3), jvp_cost=4), stage((3, 4), vjp_cost=5, tape=6)]
    for order, lacking in ((chainopt.forward_order, "J1 has no JVP"), (chainopt.reverse_order, "J2 has no VJP")):
        with pytest.raises(InfeasibleError, match=lacking):
            order(chain)
    comparison = chainopt.compare(chain)
    assert comparison.forward is comparison.reverse is None
    assert comparison.optimal.mode == "hybrid"
    assert comparison.speedup == math.inf
    assert len(str(comparison).splitlines()) == 3
    with pytest.raises(InfeasibleError, match="tape_limit is 5, but J1 has only a VJP, whose tape is 6: the least limit is 6"):
        chainopt.optimal_order(chain, tape_limit=5)
    assert chainopt.optimal_order(chain, tape_limit=6) == comparison.optimal
    vjps = [stage((2, 3), vjp_cost=4, tape=7), stage((3, 4), vjp_cost=4, tape=9), stage((4, 4), vjp_cost=4, tape=8)]
    with pytest.raises(InfeasibleError, match="J2 has only a VJP, whose tape is 9: the least limit is 9"):
        chainopt.optimal_order(vjps, tape_limit=0)
    with pytest.raises(InfeasibleError, match="tape_limit"):
        chainopt.reverse_order([stage((2, 3), jvp_cost=1, vjp_cost=4, tape=7)], tape_limit=1)


def test_an_accumulation_cost_replaces_the_rule():
    plan = chainopt.optimal_order([stage((3, 4), jvp_cost=1, accumulation_cost=100)])
    assert list(plan.operations) == [Accumulation(0, 0, None, 100)]
    assert (plan.bracketing, plan.mode) == ("[J1]", "forward")
    at_hand = chainopt.optimal_order([stage((3, 4), vjp_cost=1_000, accumulation_cost=0), stage((4, 2))])
    assert at_hand.cost == 24
    assert chainopt.optimal_order([stage((3, 4), accumulation_cost=7), stage((4, 2))]).mode == "forward"


@given(st.integers(0, 10**6))
def test_the_frontier_has_all_corners(seed):
    rng = np.random.default_rng(seed)
    jacobians = random_stages(rng, int(rng.integers(1, 8)), largest_size=6, largest_cost=30)
    expected = {}
    for limit in range(31):
        try:
            plan = chainopt.optimal_order(jacobians, tape_limit=limit)
        except InfeasibleError:
            continue
        expected.setdefault(plan.cost, limit)
    frontier = chainopt.tape_frontier(jacobians)
    assert [corner.cost for corner in frontier] == list(expected)
    assert [corner.tape for corner in frontier] <= list(expected.values())
    assert all(plan.tape == tape and plan.cost == cost for plan, (tape, cost) in zip(frontier.plans, frontier, strict=True))
    tapes = [corner.tape for corner in frontier]
    assert tapes == sorted(set(tapes))


def test_the_frontier_prints_and_plots():
    late, early = stage((2, 50), jvp_cost=90, vjp_cost=90, tape=7), stage((50, 60), jvp_cost=100, vjp_cost=100, tape=9)
    frontier = chainopt.tape_frontier([late, early])
    assert frontier[:] == [(0, 11_400), (9, 380)]
    assert str(frontier).splitlines() == [
        "tape    cost  times least  bracketing",
        "   0  11,400           30  (J2 > (J1 > I))",
        "   9     380            1  ((I < J2) < J1)",
    ]
    import matplotlib as mpl

    mpl.use("agg")
    axes = frontier.plot()
    assert axes.get_xlabel().startswith("tape")
    assert frontier.to_dict()["corners"] == [[0, 11_400], [9, 380]]
    for draw in (frontier.plans[0].plot, frontier.plans[1].plot):
        draw().figure.canvas.draw()
    assert "JVPs, cost 5,400" in frontier.plans[0].to_dot()


@pytest.mark.parametrize(
    "options",
    [
        {"jvp_cost": -1},
        {"vjp_cost": math.nan},
        {"vjp_cost": math.inf},
        {"accumulation_cost": -0.5},
        {"jvp_cost": True},
        {"jvp_cost": "3"},
        {"tape": -1},
        {"tape": 1.5},
    ],
)
def test_costs_that_are_none(options):
    with pytest.raises(ChainError, match=next(iter(options))):
        Jacobian((2, 3), **options)


@pytest.mark.parametrize("limit", [-1, math.nan, "7", True, [3]])
def test_limits_that_are_none(limit):
    for call in (chainopt.optimal_order, chainopt.forward_order, chainopt.reverse_order, chainopt.compare):
        with pytest.raises(ChainError, match="tape_limit is"):
            call([(2, 3), (3, 4)], tape_limit=limit)


def test_seconds_are_no_counts():
    with pytest.raises(ChainError, match="costs in seconds"):
        chainopt.optimal_order([stage((2, 3), jvp_cost=0.5), (3, 4)])


def test_stacks_beside_costs():
    with pytest.raises(ChainError, match="stacks beside stages with costs"):
        chainopt.optimal_order([Jacobian((2, 3), batch=(4,)), stage((3, 4), jvp_cost=1)])


def test_the_polygon_is_for_matrices():
    with pytest.raises(ChainError, match='method is "polygon", which needs matrices at hand'):
        chainopt.optimal_order([stage((2, 3), jvp_cost=1), (3, 4), (4, 4)], method="polygon")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kinds": [0]}, r'data\["kinds"\] must be a list of 2 ints'),
        ({"kinds": [0, 9]}, r'data\["kinds"\]'),
        ({"ways": None}, r'data\["ways"\]'),
        ({"kinds": [0, 2]}, "a way that the stage lacks"),
        ({"ways": [0, 0, 2]}, "a way that the stage lacks"),
        ({"ways": [0, 0, 0]}, "a way that the stage lacks"),
        ({"cost": 1}, "contradicts itself"),
    ],
)
def test_dicts_that_are_no_plan(change, message):
    plan = chainopt.optimal_order([stage((3, 4), jvp_cost=1), (4, 6), stage((6, 5), jvp_cost=7)])
    assert Plan.from_dict(plan.to_dict()) == plan
    with pytest.raises(ChainError, match=message):
        Plan.from_dict(plan.to_dict() | change)


def test_chains_keep_their_costs():
    chain = JacobianChain([stage((3, 4), jvp_cost=1, tape=2, name="a"), (4, 6)])
    assert chain[0] == Jacobian((3, 4), jvp_cost=1, tape=2, name="a")
    assert chain[1] == Jacobian((4, 6))
    assert JacobianChain.from_dict(chain.to_dict()) == chain
    assert repr(chain[0]) == "Jacobian((3, 4), jvp_cost=1, tape=2, name='a')"
