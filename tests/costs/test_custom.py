"""Objectives of the user's own: against all bracketings, in ints of any size, in floats, and compiled."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import all_trees

import chainopt
from chainopt import ChainError, Diagonal, Jacobian, JacobianChain, Plan, optimal_order
from chainopt.costs import custom
from chainopt.testing import random_stages


def padded(m, k, n):
    """A cost of blocks of eight, as a matrix unit has them."""
    return 8**3 * -(-m // 8) * -(-k // 8) * -(-n // 8)


def with_overhead(m, k, n):
    return 1e-6 + 1e-9 * m * k * n


def tree_cost(tree, dims, function):
    def visit(node):
        if isinstance(node, int):
            return 0, node, node + 1
        left, i, k = visit(node[0])
        right, _, j = visit(node[1])
        return left + right + function(dims[i], dims[k], dims[j]), i, j

    return visit(tree)[0]


@given(st.lists(st.integers(0, 60), min_size=2, max_size=8))
def test_equal_to_the_best_of_all_bracketings(dims):
    for function in (padded, with_overhead, lambda m, k, n: 10**25 * m * k * n + 7):
        plan = optimal_order(JacobianChain.from_dims(dims), objective=function)
        best = min(tree_cost(tree, dims, function) for tree in all_trees(0, len(dims) - 2))
        if isinstance(best, float):
            assert math.isclose(plan.cost, best, rel_tol=1e-9)
        else:
            assert plan.cost == best
            assert type(plan.cost) is int
        assert plan.cost == pytest.approx(sum(step.cost for step in plan.operations))
        textbook = optimal_order(JacobianChain.from_dims(dims), objective=function, method="textbook")
        assert (textbook.cost, textbook.mode) == (pytest.approx(plan.cost), plan.mode)
        assert plan.objective == function.__name__


@pytest.mark.parametrize("fixture", ["cold", "warm"])
@given(st.integers(0, 10**6))
def test_with_matrix_free_stages(fixture, request, seed):
    request.getfixturevalue(fixture)
    rng = np.random.default_rng(seed)
    stages = random_stages(rng, int(rng.integers(1, 7)), 20, 500)
    for function in (padded, with_overhead):
        plan = optimal_order(stages, objective=function)
        assert plan.cost == pytest.approx(optimal_order(stages, objective=function, method="textbook").cost)
    counted = optimal_order(stages, objective=lambda m, k, n: m * k * n)
    plain = optimal_order(stages)
    assert (counted.cost, counted.mode) == (plain.cost, plain.mode)


@pytest.mark.usefixtures("warm")
def test_costs_beyond_int64_restart_in_python_ints():
    dims = [2, 3, 10**7, 5, 10**8, 2]
    plan = optimal_order(JacobianChain.from_dims(dims), objective=lambda m, k, n: (m * k * n) ** 2)
    assert plan.cost == min(tree_cost(tree, dims, lambda m, k, n: (m * k * n) ** 2) for tree in all_trees(0, 4))


@pytest.mark.parametrize("returns", [int, float])
def test_a_compiled_function_runs_compiled(monkeypatch, returns):
    import numba

    monkeypatch.setattr(custom, "FEWEST_COMPILED", 1)
    asked = []

    def plain(m, k, n):
        asked.append((m, k, n))
        return returns(m * k * n + 100)

    compiled = numba.njit({int: lambda m, k, n: m * k * n + 100, float: lambda m, k, n: m * k * n + 100.0}[returns])
    dims = np.random.default_rng(0).integers(1, 100, 30).tolist()
    chain = JacobianChain.from_dims(dims)
    quick, slow = optimal_order(chain, objective=compiled), optimal_order(chain, objective=plain)
    assert (quick.cost, quick.association) == (slow.cost, slow.association)
    assert type(quick.cost) is returns
    assert asked
    with pytest.raises(ChainError, match=r"\(1, 1, 1\) is -1"):
        optimal_order([(1, 1), (1, 1), (1, 1)], objective=numba.njit(lambda m, k, n: -m * k * n))


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf, None, "much", True])
def test_what_is_no_cost_is_refused(value):
    with pytest.raises(ChainError, match=r"objective <lambda>\(2, 3, 4\) is .*: a cost is a number, finite and not negative"):
        optimal_order([(2, 3), (3, 4)], objective=lambda *_: value)


def test_numpy_numbers_are_taken():
    assert optimal_order([(2, 3), (3, 4)], objective=lambda *_: np.int64(5)).cost == 5
    assert optimal_order([(2, 3), (3, 4)], objective=lambda *_: np.float32(0.5)).cost == 0.5


def test_stacks_count_every_matrix():
    stacked = [Jacobian((2, 3), batch=(5,)), Jacobian((3, 4)), Jacobian((4, 2))]
    plan = optimal_order(stacked, objective=padded)
    assert plan.cost == 512 * 6
    assert plan.bracketing == "(J3 (J2 J1))"


def test_batches_comparisons_and_sweeps():
    dims = [[9, 17, 3, 80], [1, 2, 3, 4]]
    batch = chainopt.optimal_orders(dims, objective=padded)
    plans = [optimal_order(JacobianChain.from_dims(row), objective=padded) for row in dims]
    assert [batch[at].cost for at in range(2)] == batch.costs.tolist() == [plan.cost for plan in plans]
    assert batch[0].operations == plans[0].operations
    assert batch.costs.dtype == np.int64
    assert chainopt.optimal_orders(dims, objective=with_overhead).costs.dtype == np.float64
    stages = [[Jacobian((2, 3), jvp_cost=1), Jacobian((3, 4))], [Jacobian((2, 3)), Jacobian((3, 4), structure=None)]]
    several = chainopt.optimal_orders([*map(JacobianChain, stages)], objective=padded)
    assert several.costs.tolist() == [optimal_order(row, objective=padded).cost for row in stages]
    comparison = chainopt.compare(JacobianChain.from_dims(dims[0]), objective=padded)
    assert comparison.forward.cost == tree_cost((0, (1, 2)), dims[0], padded)
    assert comparison.reverse.cost == tree_cost(((0, 1), 2), dims[0], padded)
    assert "cost as padded counts; peak memory" in str(comparison)
    assert "as padded counts" in str(comparison.optimal)
    assert chainopt.tape_frontier(stages[0], objective=padded)[0].cost == optimal_order(stages[0], objective=padded).cost


def test_what_a_function_cannot_do():
    structured = [Jacobian((2, 2), structure=Diagonal()), Jacobian((2, 2))]
    with pytest.raises(ChainError, match="prices products by their sizes"):
        optimal_order(structured, objective=padded)
    plan = optimal_order([(2, 3), (3, 4)], objective=padded)
    with pytest.raises(ChainError, match="padded is a function, which cannot be written as text"):
        plan.to_json()
    with pytest.raises(ChainError, match='"polygon", which needs dense matrices'):
        optimal_order([(2, 3), (3, 4)], objective=padded, method="polygon")
    data = optimal_order([(2, 3), (3, 4)]).to_dict()
    for change in ({"objective": "padded"}, {"model": {"name": "padded"}}, {"model": 3}):
        with pytest.raises(ChainError, match=r"model"):
            Plan.from_dict(data | change)
