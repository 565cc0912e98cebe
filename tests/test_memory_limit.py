"""Limits on the matrix entries alive at once: against a search over all orders of execution, and traced."""

import heapq
import math
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainopt
from chainopt import (
    Accumulation,
    ChainError,
    Diagonal,
    InfeasibleError,
    Jacobian,
    JacobianChain,
    Multiplication,
    Plan,
    optimal_order,
)
from chainopt.testing import random_stages

RAW = -1


def least_costs(jacobians, limit, tape_limit=math.inf):  # noqa: C901 -- one plain search, in one piece
    """Search all states for the least cost and, separately, for the least peak. Dijkstra, nothing clever.

    A block is (begin, end, entries): RAW where the stage has no matrix yet, 0 where the matrix is given.
    """
    dims = [jacobian.shape[0] for jacobian in jacobians] + [jacobians[-1].shape[1]]
    free = [jacobian.jvp_cost is not None or jacobian.vjp_cost is not None for jacobian in jacobians]
    costly = [is_free or jacobian.accumulation_cost is not None for is_free, jacobian in zip(free, jacobians, strict=True)]
    start = tuple((at, at + 1, RAW if costly[at] else 0) for at in range(len(jacobians)))

    def ways_to_accumulate(at):
        stage, (rows, columns) = jacobians[at], jacobians[at].shape
        if stage.accumulation_cost is not None:
            return [(stage.accumulation_cost, 0)]
        by_jvps = [] if stage.jvp_cost is None else [(columns * stage.jvp_cost, columns**2)]
        if stage.vjp_cost is None or stage.tape > tape_limit:
            return by_jvps
        return [*by_jvps, (rows * stage.vjp_cost, rows**2)]

    def steps(state):
        alive = sum(max(entries, 0) for *_, entries in state)
        for at, (i, j, entries) in enumerate(state):
            result = dims[i] * dims[j]
            for cost, seed in ways_to_accumulate(i) if entries == RAW else ():
                yield cost, alive + result + seed, (*state[:at], (i, j, result), *state[at + 1 :])
            if at + 1 == len(state):
                continue
            k, end, right_entries = state[at + 1]
            result = dims[i] * dims[end]
            joined = (*state[:at], (i, end, result), *state[at + 2 :])
            right = jacobians[k]
            if RAW not in {entries, right_entries}:
                yield dims[i] * dims[k] * dims[end], alive + result, joined
            if entries == RAW != right_entries and jacobians[i].jvp_cost is not None:
                yield dims[end] * jacobians[i].jvp_cost, alive + result, joined
            if entries != RAW == right_entries and right.vjp_cost is not None and right.tape <= tape_limit:
                yield dims[i] * right.vjp_cost, alive + result, joined

    def search(weigh):
        queue, done = [(0, start)], set()
        while queue:
            weight, state = heapq.heappop(queue)
            if state in done:
                continue
            done.add(state)
            if len(state) == 1 and state[0][2] != RAW:
                return weight
            for cost, peak, after in steps(state):
                heavier = weigh(weight, cost, peak)
                if heavier is not None:
                    heapq.heappush(queue, (heavier, after))
        return None

    cheapest = search(lambda weight, cost, peak: weight + cost if peak <= limit else None)
    return cheapest, search(lambda weight, _, peak: max(weight, peak))


def replayed_peak(plan):
    """Follow the operations step by step, single stages of runs one by one, and count what is alive."""
    dims, held, alive, peak = plan.chain.dims, {}, 0, 0
    for step in plan.operations:
        i, j = step.first, step.last + 1
        if isinstance(step, Accumulation):
            seed = {"forward": dims[j] ** 2, "reverse": dims[i] ** 2, None: 0}[step.mode]
            peak = max(peak, alive + dims[i] * dims[j] + seed)
            moves = []
        elif isinstance(step, Multiplication):
            peak = max(peak, alive + dims[i] * dims[j])
            moves = [(i, step.split + 1), (step.split + 1, j)]
        else:
            is_push = isinstance(step, chainopt.Pushforward)
            ends = [(at, j) for at in range(step.split, i, -1)] if is_push else [(i, at) for at in range(step.split + 2, j)]
            source = (step.split + 1, j) if is_push else (i, step.split + 1)
            entries = held.get(source, 0)
            for begin, end in ends:
                size = dims[begin] * dims[end]
                peak = max(peak, alive + size)
                alive, entries = alive + size - entries, size
            peak = max(peak, alive + dims[i] * dims[j])
            held[source] = entries
            moves = [source]
        alive += dims[i] * dims[j] - sum(held.pop(move, 0) for move in moves)
        held[i, j] = dims[i] * dims[j]
    assert list(held) in ([(0, len(dims) - 1)], [])
    return peak


@pytest.mark.parametrize("fixture", ["cold", "warm"])
@settings(max_examples=150)
@given(st.integers(0, 10**6), st.booleans())
def test_equal_to_a_search_over_all_orders(fixture, request, seed, is_dense):
    request.getfixturevalue(fixture)
    rng = np.random.default_rng(seed)
    factors = int(rng.integers(1, 7))
    if is_dense:
        sizes = rng.integers(1, 12, factors + 1).tolist()
        jacobians = [Jacobian(shape) for shape in pairwise(sizes)]
    else:
        jacobians = random_stages(rng, factors, 9, 60)
    tape_limit = None if seed % 2 else 15
    try:
        unlimited = optimal_order(jacobians, tape_limit=tape_limit)
    except InfeasibleError:
        return
    limit = int(rng.integers(0, unlimited.peak_memory + 3))
    expected, least = least_costs(jacobians, limit, math.inf if tape_limit is None else tape_limit)
    if expected is None:
        with pytest.raises(InfeasibleError, match=rf"memory_limit is {limit}, .*the least limit is {least}$"):
            optimal_order(jacobians, memory_limit=limit, tape_limit=tape_limit)
        assert optimal_order(jacobians, memory_limit=least, tape_limit=tape_limit).peak_memory == least
        return
    plan = optimal_order(jacobians, memory_limit=limit, tape_limit=tape_limit)
    assert (plan.cost, plan.is_optimal) == (expected, True)
    assert plan.lower_bound == plan.cost == sum(step.cost for step in plan.operations)
    assert replayed_peak(plan) == plan.peak_memory <= limit
    assert tape_limit is None or plan.tape <= tape_limit
    assert Plan.from_json(plan.to_json()) == plan
    plan.association.check()


@pytest.fixture
def without_search(monkeypatch):
    monkeypatch.setattr("chainopt.solvers.memory_limited.bitmask.MOST_BITS", 0)


@pytest.mark.parametrize("fixture", ["cold", "warm"])
@settings(max_examples=40)
@given(st.integers(0, 10**6), st.booleans())
def test_longer_chains_keep_the_limit_and_state_a_bound(fixture, request, seed, is_dense):
    for name in (fixture, "without_search"):
        request.getfixturevalue(name)
    rng = np.random.default_rng(seed)
    factors = int(rng.integers(2, 7))
    jacobians = random_stages(rng, factors, 9, 60)
    if is_dense:
        jacobians = [Jacobian(shape) for shape in pairwise(rng.integers(1, 12, factors + 1).tolist())]
    limit = int(rng.integers(0, optimal_order(jacobians).peak_memory + 3))
    expected, least = least_costs(jacobians, limit)
    if expected is None:
        with pytest.raises(InfeasibleError, match=r": the least limit known to do is \d+$"):
            optimal_order(jacobians, memory_limit=limit)
        return
    try:
        plan = optimal_order(jacobians, memory_limit=limit)
    except InfeasibleError:  # one side completely before the other cannot be
        assert limit < 2 * least
        return
    assert least <= replayed_peak(plan) == plan.peak_memory <= limit
    assert plan.lower_bound <= expected <= plan.cost
    assert not plan.is_optimal or plan.cost == expected


def test_long_chains():
    chain = JacobianChain(random_stages(np.random.default_rng(0), 50, 100, 3000))
    free = optimal_order(chain)
    with pytest.raises(InfeasibleError, match=r"memory_limit is 3, .* the least limit known to do is 13156") as refused:
        optimal_order(chain, memory_limit=3)
    least = int(str(refused.value).split()[-1])
    for limit, is_optimal in ((least, False), ((least + free.peak_memory) // 2, True), (free.peak_memory, True)):
        plan = optimal_order(chain, memory_limit=limit)
        assert replayed_peak(plan) == plan.peak_memory <= limit
        assert free.cost <= plan.lower_bound <= plan.cost
        assert plan.is_optimal == (plan.lower_bound == plan.cost) == is_optimal
        assert ("lower bound" in str(plan)) != is_optimal
        assert Plan.from_json(plan.to_json()) == plan


def test_chains_too_long_for_points_are_swept(monkeypatch):
    monkeypatch.setattr("chainopt.solvers.memory_limited.frontier.MOST_FACTORS", 3)
    monkeypatch.setattr("chainopt.solvers.memory_limited.bitmask.MOST_BITS", 0)
    shapes = [*pairwise([4, 17, 5, 5, 3, 3])]
    free = optimal_order(shapes)
    reverse = chainopt.reverse_order(shapes)
    assert reverse.peak_memory < free.peak_memory
    plan = optimal_order(shapes, memory_limit=reverse.peak_memory)
    assert (plan.cost, plan.mode, plan.is_optimal, plan.lower_bound) == (reverse.cost, "reverse", False, free.cost)
    with pytest.raises(InfeasibleError, match="more than 3 factors: the least limit known to do is"):
        optimal_order(shapes, memory_limit=1)


@pytest.mark.parametrize("has_room", [True, False])
def test_limits_of_any_magnitude_are_compared_exactly(has_room, monkeypatch):
    if not has_room:
        monkeypatch.setattr("chainopt.solvers.memory_limited.bitmask.MOST_BITS", 0)
    shapes = [(10**30, 7), (7, 10**25), (10**25, 3), (3, 10**20)]
    free = optimal_order(shapes)
    assert optimal_order(shapes, memory_limit=free.peak_memory).cost == free.cost
    plan = optimal_order(shapes, memory_limit=free.peak_memory - 1)
    assert plan.peak_memory < free.peak_memory
    assert plan.cost >= free.cost
    least = optimal_order(shapes, memory_limit=plan.peak_memory)
    assert least.peak_memory == plan.peak_memory
    assert optimal_order([(3, 4), (4, 5), (5, 6), (6, 2)], memory_limit=np.int64(30)).peak_memory <= 30


def test_what_is_no_order_is_refused():
    plan = next(
        plan
        for seed in range(100)
        if (plan := tight(random_stages(np.random.default_rng(seed), 6, 9, 60))).association.order is not None
    )
    data = plan.to_dict()
    assert Plan.from_dict(data) == plan
    for order in (data["order"][::-1], data["order"][:-1], "first", [0.5]):
        with pytest.raises(ChainError, match="order"):
            Plan.from_dict(data | {"order": order})


def tight(jacobians):
    return optimal_order(jacobians, memory_limit=least_costs(jacobians, 0)[1])


def test_costs_beyond_int64():
    dims = [10**12, 3, 10**11, 2, 10**12]
    jacobians = [Jacobian(shape) for shape in pairwise(dims)]
    limit = optimal_order(jacobians).peak_memory - 1
    expected, least = least_costs(jacobians, limit)
    if expected is None:
        with pytest.raises(InfeasibleError, match=f"the least limit is {least}$"):
            optimal_order(jacobians, memory_limit=limit)
    else:
        assert optimal_order(jacobians, memory_limit=limit).cost == expected


def test_less_memory_costs_more():
    shapes = [(40, 2), (2, 60), (60, 3), (3, 50)]
    free = optimal_order(shapes)
    least = least_costs([Jacobian(shape) for shape in shapes], 0)[1]
    costs = [optimal_order(shapes, memory_limit=limit).cost for limit in range(least, free.peak_memory + 1)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == free.cost
    assert optimal_order(shapes, memory_limit=math.inf) == free
    assert optimal_order(shapes, memory_limit=1e300).cost == free.cost


def test_with_the_sweeps_and_other_objectives():
    shapes = [(10, 20), (20, 30), (30, 5)]
    assert chainopt.forward_order(shapes, memory_limit=150).peak_memory == 150
    with pytest.raises(InfeasibleError, match="memory_limit is 100, but reverse mode needs 350: the least limit for it"):
        chainopt.reverse_order(shapes, memory_limit=100)
    comparison = chainopt.compare(shapes, memory_limit=200)
    assert comparison.reverse is None
    assert comparison.optimal.peak_memory <= 200
    plan = optimal_order(shapes, memory_limit=200, objective=lambda m, k, n: m + k + n)
    assert plan.cost == 55 + 35
    with pytest.raises(ChainError, match="memory_limit is -1"):
        optimal_order(shapes, memory_limit=-1)
    with pytest.raises(ChainError, match="memory_limit is 'much'"):
        optimal_order(shapes, memory_limit="much")


def test_structures_count_what_is_held():
    jacobians = [Jacobian((500, 500), structure=Diagonal())] * 3 + [Jacobian((500, 2))]
    assert optimal_order(jacobians, memory_limit=2_000).peak_memory == 1_500
    diagonals = jacobians[:3]
    assert optimal_order(diagonals, memory_limit=1_000).peak_memory == 1_000
    with pytest.raises(InfeasibleError, match="the least limit is 1000"):
        optimal_order(diagonals, memory_limit=999)


class Stage:
    """A matrix known by its products only, which hold nothing but their results."""

    def __init__(self, matrix):
        self.matrix, self.shape, self.dtype = matrix, matrix.shape, matrix.dtype

    def matmat(self, columns):
        return self.matrix @ columns

    def rmatmat(self, columns):
        return self.matrix.T @ columns


@pytest.mark.parametrize("seed", range(12))
def test_no_more_is_held_than_the_plan_says(seed):
    rng = np.random.default_rng(seed)
    factors = 6
    sizes = rng.integers(1, 6, factors + 1) * 60
    jacobians, given_factors = [], []
    for at in range(factors):
        matrix = rng.random((sizes[at], sizes[at + 1])) / sizes[at]
        is_free = bool(rng.integers(2))
        costs = {"jvp_cost": int(rng.integers(9)), "vjp_cost": int(rng.integers(9))} if is_free else {}
        jacobians.append(Jacobian(matrix.shape, **costs))
        given_factors.append(Stage(matrix) if is_free else matrix)
    free = optimal_order(jacobians)
    plan = optimal_order(jacobians, memory_limit=max(free.peak_memory * 3 // 4, least_costs(jacobians, 0)[1]))
    for order in (free, plan):
        order.execute(given_factors)
        tracemalloc.start()
        product = order.execute(given_factors)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 8 * order.peak_memory + 50_000
        expected = np.linalg.multi_dot([getattr(factor, "matrix", factor) for factor in given_factors])
        np.testing.assert_allclose(product, expected)
