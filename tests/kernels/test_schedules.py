"""The kernels of schedules do the same compiled, on arrays, and as they stand, on lists of ints."""

import math

import numpy as np
import pytest

from chainopt import JacobianChain
from chainopt.costs.custom import CustomModel
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.costs.stage_choices import stage_choices
from chainopt.schedules import annealing, branch_and_bound
from chainopt.schedules.incumbent import Best
from chainopt.schedules.interval_tables import ONE_WORKER, UNLIMITED, Program, fill
from chainopt.schedules.problem import problem_of
from chainopt.testing import random_stages


def problems(monkeypatch, factors, workers, seed):
    chain = JacobianChain(random_stages(np.random.default_rng(seed), factors, largest_size=12, largest_cost=90))
    found = []
    for pays in (True, False):
        monkeypatch.setattr("chainopt.schedules.problem.compiled_pays", lambda _, pays=pays: pays)
        found.append(problem_of(chain, stage_choices(chain), MULTIPLICATIONS, workers))
    assert [problem.is_compiled for problem in found] == [True, False]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_tables(monkeypatch, seed):
    programs = [ONE_WORKER, Program(3), UNLIMITED]
    first, second = (fill(problem, programs, Best(math.inf)) for problem in problems(monkeypatch, 14, 3, seed))
    assert first.bound == second.bound
    assert np.array_equal(first.splits, second.splits)
    assert np.array_equal(first.kinds, second.kinds)
    assert np.array_equal(first.work, second.work)
    whole = int(first.work[0][14])
    more = [
        fill(problem, [Program(3, 1, whole // 6)], Best(math.inf), tables)
        for problem, tables in zip(problems(monkeypatch, 14, 3, seed), (first, second), strict=True)
    ]
    assert np.array_equal(more[0].splits, more[1].splits)
    assert len(more[0].splits) == 4


@pytest.mark.parametrize("seed", range(4))
def test_moves(monkeypatch, seed):
    lengths = []
    for problem in problems(monkeypatch, 13, 2 + seed % 2, seed):
        tables = fill(problem, [ONE_WORKER, Program(2), UNLIMITED], Best(math.inf))
        trees, best = annealing.Search(problem, tables), Best(math.inf)
        begin = trees.scheduled_tables(best, 0, 3)
        top = trees.of_table(1)
        trees.copy(0, 2)
        numbers, pair = problem.numbers(5), problem.array(2)
        numbers[:3] = 1 + seed, top, top
        pair[0] = pair[1] = begin[1][0]
        stage = (problem.workers, problem.stage, tables.splits, tables.kinds)
        trees.improve(150, 0.05, 0, numbers, *stage, *trees.trees, trees.times, trees.numbers, pair)
        trees.scheduled(trees.trees[2], int(numbers[2]), best, int(numbers[4]))
        assert best.makespan <= min(length for length, _ in begin)
        assert pair[1] <= pair[0]
        lengths.append([*begin, *map(int, pair), *map(int, numbers), best.timetable])
    assert [str(entry) for entry in lengths[0][:-1]] == [str(entry) for entry in lengths[1][:-1]]
    assert lengths[0][-1] == lengths[1][-1]


@pytest.mark.parametrize("seed", range(3))
def test_the_search(monkeypatch, seed):
    plans = []
    for problem in problems(monkeypatch, 8, 2 + seed, seed):
        best = Best(math.inf)
        annealing._begin(problem, best, [ONE_WORKER])
        branch_and_bound.search(problem, best)
        assert best.is_proved()
        plans.append(best.timetable)
    assert plans[0].makespan == plans[1].makespan


def test_large_ints_are_compared_as_ints(monkeypatch):
    # A float beside them would round what is above 2**53: proofs were off by one.
    makespans = []
    for pays in (True, False):
        monkeypatch.setattr("chainopt.schedules.problem.compiled_pays", lambda _, pays=pays: pays)
        for seed in (34, 53, 103):
            dims = np.random.default_rng(seed).integers(1, 10, 7).tolist()
            model = CustomModel(lambda m, k, n, seed=seed: 2**52 + (m * 7 + k * 3 + n * 5) * (seed + 1) % 11)
            chain = JacobianChain.from_dims(dims)
            problem = problem_of(chain, stage_choices(chain), model, 2)
            assert problem.is_compiled == pays
            best = Best(math.inf)
            annealing._begin(problem, best, [ONE_WORKER])
            branch_and_bound.search(problem, best)
            assert best.is_proved()
            makespans.append(best.makespan)
    assert makespans[:3] == makespans[3:]


def test_a_front_that_is_thinned_stays_a_bound(monkeypatch):
    problem, _ = problems(monkeypatch, 12, 3, 1)
    full = branch_and_bound.Options(problem)
    monkeypatch.setattr(branch_and_bound, "ROOMS", {200: 3})
    thin = branch_and_bound.Options(problem)
    number = problem.factors
    assert thin.counts[number] <= 2 < full.room
    points = [(full.times[number * full.room + at], full.works[number * full.room + at]) for at in range(full.counts[number])]
    thinned = [(thin.times[number * thin.room + at], thin.works[number * thin.room + at]) for at in range(thin.counts[number])]
    assert all(any(time <= other and work <= most for time, work in thinned) for other, most in points)


def test_numbers_that_no_machine_number_holds():
    chain = JacobianChain(random_stages(np.random.default_rng(0), 6, largest_size=9, largest_cost=10**30))
    problem = problem_of(chain, stage_choices(chain), MULTIPLICATIONS, 2)
    assert not problem.is_compiled
    assert problem.dtype is object
