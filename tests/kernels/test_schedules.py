"""The kernels of schedules do the same compiled, on arrays, and as they stand, on lists of ints."""

import math

import numpy as np
import pytest

from chainopt import JacobianChain
from chainopt.costs.custom import CustomModel
from chainopt.kernels.tree_moves import copy
from chainopt.schedules import branch_and_bound, options
from chainopt.schedules.incumbent import Incumbent
from chainopt.schedules.instance import instance_of
from chainopt.schedules.interval_tables import ONE_WORKER, UNLIMITED, Program, extended, fill
from chainopt.schedules.starts import offer_starts
from chainopt.schedules.trees import Trees
from chainopt.solvers.base import Problem
from chainopt.testing import random_stages


def both(monkeypatch, problem):
    """Make the instance of a problem that runs compiled, and the one that does not."""
    instances = []
    for pays in (True, False):
        monkeypatch.setattr("chainopt.schedules.instance.compiled_pays", lambda _, pays=pays: pays)
        instances.append(instance_of(problem))
    assert [instance.is_compiled for instance in instances] == [True, False]
    return instances


def instances(monkeypatch, factors, workers, seed):
    chain = JacobianChain(random_stages(np.random.default_rng(seed), factors, largest_size=12, largest_cost=90))
    return both(monkeypatch, Problem(chain, workers=workers))


@pytest.mark.parametrize("seed", range(4))
def test_tables(monkeypatch, seed):
    programs = [ONE_WORKER, Program(3), UNLIMITED]
    first, second = (fill(instance, programs, Incumbent(math.inf)) for instance in instances(monkeypatch, 14, 3, seed))
    assert first.bound == second.bound
    assert np.array_equal(first.splits, second.splits)
    assert np.array_equal(first.joins, second.joins)
    assert np.array_equal(first.work, second.work)
    whole = int(first.work[0][14])
    more = [
        extended(instance, [Program(3, 1, whole // 6)], Incumbent(math.inf), tables)
        for instance, tables in zip(instances(monkeypatch, 14, 3, seed), (first, second), strict=True)
    ]
    assert np.array_equal(more[0].splits, more[1].splits)
    assert len(more[0].splits) == 4


@pytest.mark.parametrize("seed", range(4))
def test_moves(monkeypatch, seed):
    outcomes = []
    for instance in instances(monkeypatch, 13, 2 + seed % 2, seed):
        incumbent = Incumbent(math.inf)
        tables = fill(instance, [ONE_WORKER, Program(2), UNLIMITED], incumbent)
        trees = Trees(instance, incumbent, tables)
        starts = trees.schedule_tables(0, 3)
        root = trees.build_table(1)
        copy(trees.trees[0], trees.trees[2])
        state, pair = instance.positions(5), instance.times(2)
        state[:3] = 1 + seed, root, root
        pair[0] = pair[1] = starts[1][0]
        columns = (instance.workers, instance.columns, tables.splits, tables.joins)
        trees.improve(150, 0.05, 0, state, *columns, *trees.trees, trees.times, trees.numbers, pair)
        trees.schedule_tree(trees.trees[2], int(state[2]), int(state[4]))
        assert incumbent.makespan <= min(length for length, _ in starts)
        assert pair[1] <= pair[0]
        outcomes.append([*starts, *map(int, pair), *map(int, state), incumbent.timetable])
    assert [str(entry) for entry in outcomes[0][:-1]] == [str(entry) for entry in outcomes[1][:-1]]
    assert outcomes[0][-1] == outcomes[1][-1]


def proved(instance):
    """Search all plans, from the cheapest on."""
    incumbent = Incumbent(math.inf, instance.rounding)
    offer_starts(instance, incumbent, [ONE_WORKER])
    branch_and_bound.search(instance, incumbent)
    assert incumbent.is_proved()
    return incumbent.makespan


@pytest.mark.parametrize("seed", range(3))
def test_the_search(monkeypatch, seed):
    first, second = map(proved, instances(monkeypatch, 8, 2 + seed, seed))
    assert first == second


@pytest.mark.parametrize("seed", [34, 53, 103])
def test_large_ints_are_compared_as_ints(monkeypatch, seed):
    # A float beside them would round what is above 2**53: proofs were off by one.
    dims = np.random.default_rng(seed).integers(1, 10, 7).tolist()
    model = CustomModel(lambda m, k, n: 2**52 + (m * 7 + k * 3 + n * 5) * (seed + 1) % 11)
    first, second = map(proved, both(monkeypatch, Problem(JacobianChain.from_dims(dims), model, workers=2)))
    assert first == second


def test_a_front_that_is_thinned_stays_a_bound(monkeypatch):
    instance, _ = instances(monkeypatch, 12, 3, 1)
    full = options.Options(instance)
    monkeypatch.setattr(options, "ROOMS", {200: 3})
    thin = options.Options(instance)
    number = instance.factors
    assert thin.counts[number] <= 2 < full.room

    def points(front):
        begin = number * front.room
        return [(front.times[place], front.works[place]) for place in range(begin, begin + front.counts[number])]

    assert all(any(time <= other and work <= most for time, work in points(thin)) for other, most in points(full))


def test_numbers_that_no_machine_number_holds():
    chain = JacobianChain(random_stages(np.random.default_rng(0), 6, largest_size=9, largest_cost=10**30))
    instance = instance_of(Problem(chain, workers=2))
    assert not instance.is_compiled
    assert instance.clock.dtype is object
