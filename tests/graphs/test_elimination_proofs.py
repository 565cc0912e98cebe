"""Proofs of eliminations: tables of all sets and bounds by groups, against dynamic programming of the tests' own."""

import random

import pytest
from elimination_oracle import check, graph_of, least_cost, random_graph

import chainopt
from chainopt.graphs.elimination import component_graph, group_bound, proof, subset_table
from chainopt.graphs.elimination.budget import Budget
from chainopt.graphs.elimination.component_graph import ComponentGraph
from chainopt.graphs.elimination.group_bound import grouped_bound
from chainopt.graphs.elimination.problem import problem_of
from chainopt.graphs.elimination.replay import KindReplay, cost_of
from chainopt.graphs.elimination.subset_table import by_table, fits
from chainopt.graphs.reader import read_graph


def read(graph, inputs, outputs):
    """Return what is to be eliminated, and all of it as one component."""
    problem = problem_of(read_graph(graph, inputs, outputs, is_peeled=False), [], [])
    return problem, ComponentGraph(range(problem.count), KindReplay(problem), problem.sizes)


def tangled(count, seed):
    """Return scalars each of which depends on two before it: of so many most are in one component."""
    chance = random.Random(seed)
    names = [*(f"x{i}" for i in range(3)), *(f"v{i}" for i in range(count)), *(f"y{i}" for i in range(3))]
    edges = [(tail, f"v{v}") for v in range(count) for tail in chance.sample(names[: 3 + v], 2)]
    edges += [(f"v{v}", f"y{chance.randrange(3)}") for v in range(count)]
    return graph_of(dict.fromkeys(names, 1), edges), names[:3], names[-3:]


@pytest.mark.parametrize("seed", range(40))
def test_the_least_of_all_orders(seed):
    graph, inputs, outputs = random_graph(seed)
    least = least_cost(graph, inputs, outputs)
    problem, part = read(graph, inputs, outputs)
    answer = by_table(part, least + 1, Budget(None))
    assert answer.cost == cost_of(problem, answer.order) == least
    assert by_table(part, least, Budget(None)) == ((None, least) if problem.count else ([], 0))


@pytest.mark.parametrize("seed", range(12))
def test_the_kernel_uncompiled(seed, monkeypatch):
    for module in (subset_table, component_graph):
        monkeypatch.setattr(module, "compiled", lambda kernel, *_: kernel)
    graph, inputs, outputs = random_graph(seed, most=5)
    _, part = read(graph, inputs, outputs)
    assert by_table(part, 10**6, Budget(None)).cost == least_cost(graph, inputs, outputs)


def test_the_search_and_the_table_agree(monkeypatch):
    monkeypatch.setattr("chainopt.graphs.elimination.search.QUICK", 0)
    for seed in range(6):
        graph, inputs, outputs = tangled(13, seed)
        by_sets = chainopt.optimal_elimination(graph, inputs=inputs, outputs=outputs, method="exact")
        check(graph, by_sets, inputs, outputs)
        with monkeypatch.context() as patched:
            patched.setattr(proof, "fits", lambda *_: False)
            by_search = chainopt.optimal_elimination(graph, inputs=inputs, outputs=outputs, method="exact")
        assert by_sets.cost == by_search.cost
        assert by_sets.is_optimal
        assert by_search.is_optimal


@pytest.mark.parametrize("seed", range(40))
def test_groups_bound_from_below(seed, monkeypatch):
    for size in ((2,), (3,), range(3, 10)):
        monkeypatch.setattr(group_bound, "SIZES", size)
        graph, inputs, outputs = random_graph(seed)
        problem, part = read(graph, inputs, outputs)
        bound = grouped_bound(part, Budget(None))
        assert part.cuts_bound() <= bound <= (least_cost(graph, inputs, outputs) if problem.count else 0)


def test_groups_raise_the_bound_unless_time_is_over_or_there_are_too_many(monkeypatch):
    raised = 0
    for seed in range(4):
        graph, inputs, outputs = tangled(16, seed)
        _, part = read(graph, inputs, outputs)
        raised += grouped_bound(part, Budget(None)) > part.cuts_bound()
        assert grouped_bound(part, Budget(0)) == part.cuts_bound()
    assert raised
    monkeypatch.setattr(group_bound, "MOST_VERTICES", 15)
    assert grouped_bound(part, Budget(None)) == part.cuts_bound()


def test_no_answer_when_time_is_over():
    graph, inputs, outputs = tangled(13, 0)
    _, part = read(graph, inputs, outputs)
    assert by_table(part, 1000, Budget(0)) is None


def test_what_has_no_table():
    graph, inputs, outputs = tangled(13, 0)
    _, part = read(graph, inputs, outputs)
    assert fits(part, 100)
    assert not fits(part, 2**31)
    graph, inputs, outputs = tangled(26, 0)
    assert not fits(read(graph, inputs, outputs)[1], 100)
