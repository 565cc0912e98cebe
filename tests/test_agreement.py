"""Every solver against independent code: brute force over all bracketings, and the plain recurrence."""

import csv
import itertools
from operator import mul
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import brute_force, recurrence, tree_cost

import chainopt
from chainopt.testing import FAMILIES, chain_dims

SIZES = {
    "small": st.integers(1, 6),
    "with zeros": st.integers(0, 4),
    "any": st.integers(0, 1_000),
    "near ties": st.integers(10**9, 10**9 + 2),
    "around the limit": st.integers(2**20, 2**22),
    "huge": st.integers(0, 10**40),
}
METHODS = ("auto", "polygon", "interval", "textbook")


def shapes_of(dims):
    return list(itertools.pairwise(dims))


def plain_cost(dims):
    return recurrence(dims).cost[0, len(dims) - 1]


def is_bracketing(tree, first, last):
    if first == last:
        return tree == first
    left, right = tree
    split = leaves(left)[-1]
    return first <= split < last and is_bracketing(left, first, split) and is_bracketing(right, split + 1, last)


def leaves(tree):
    return [tree] if isinstance(tree, int) else leaves(tree[0]) + leaves(tree[1])


def check_plan(plan, dims):
    """The cost is that of the operations and of the tree, and the tree is a bracketing."""
    assert type(plan.cost) is int
    assert plan.cost == sum(operation.cost for operation in plan.operations)
    assert plan.cost == tree_cost(plan.tree, shapes_of(dims))[0]
    assert is_bracketing(plan.tree, 0, len(dims) - 2)
    assert plan.chain.dims == tuple(dims)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("method", METHODS)
@given(data=st.data())
def test_every_method_finds_the_least_cost_of_all_bracketings(method, sizes, data):
    dims = data.draw(st.lists(SIZES[sizes], min_size=2, max_size=8))
    plan = chainopt.optimal_order(shapes_of(dims), method=method)
    assert plan.cost == brute_force(shapes_of(dims))
    assert plan.is_optimal
    check_plan(plan, dims)


@pytest.mark.parametrize("sizes", SIZES)
@given(data=st.data())
def test_uncompiled_and_compiled_agree(sizes, data):
    dims = data.draw(st.lists(SIZES[sizes], min_size=4, max_size=40))
    for method in ("polygon", "interval"):
        with pytest.MonkeyPatch.context() as patch:
            plans = []
            for pays in (False, True):
                patch.setattr("chainopt.kernels.policy.compiled_pays", lambda _, pays=pays: pays)
                plans.append(chainopt.optimal_order(shapes_of(dims), method=method))
        assert plans[0] == plans[1]
        assert plans[0].cost == plans[1].cost == plain_cost(dims)
        check_plan(plans[0], dims)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=9))
def test_mode_is_forward_then_reverse_then_hybrid_among_equals(dims):
    shapes = shapes_of(dims)
    plan = chainopt.optimal_order(shapes)
    forward, reverse = chainopt.forward_order(shapes), chainopt.reverse_order(shapes)
    if len(shapes) <= 2:
        assert plan.mode == forward.mode == reverse.mode == "any"
    elif forward.cost == plan.cost:
        assert plan.mode == "forward"
        assert plan.association == forward.association
    elif reverse.cost == plan.cost:
        assert plan.mode == "reverse"
        assert plan.association == reverse.association
    else:
        assert plan.mode == "hybrid"
    for pure in (forward, reverse):
        check_plan(pure, dims)


def random_batch(rng, factors, chains):
    return rng.integers(1, 6, (chains, factors + 1), endpoint=True)


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("factors", range(2, 13))
def test_two_hundred_thousand_random_chains(factors):
    dims = random_batch(np.random.default_rng(factors), factors, 18_200)
    costs = chainopt.optimal_orders(dims).costs.tolist()
    assert costs == [plain_cost(row) for row in dims.tolist()]


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("factors", range(1, 7))
def test_all_chains_of_up_to_six_factors_with_sizes_one_to_four(factors):
    dims = np.array(list(itertools.product(range(1, 5), repeat=factors + 1)))
    batch = chainopt.optimal_orders(dims)
    assert batch.costs.tolist() == [plain_cost(row) for row in dims.tolist()]
    step = max(1, len(dims) // 500)
    for at in range(0, len(dims), step):
        check_plan(batch[at], dims[at].tolist())


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize("factors", range(4, 7))
def test_all_small_chains_uncompiled(factors):
    for dims in itertools.product(range(3), repeat=factors + 1):
        assert chainopt.optimal_order(shapes_of(dims), method="polygon").cost == plain_cost(dims)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_two_thousand_factors_against_the_interval_program(family):
    factors = 150 if family in ("huge", "near ties") else 2_000  # their costs need Python ints, and those take their time
    chain = chainopt.JacobianChain.from_dims(chain_dims(family, factors, seed=5))
    polygon = chainopt.optimal_order(chain, method="polygon")
    interval = chainopt.optimal_order(chain, method="interval")
    assert polygon.cost == interval.cost == sum(operation.cost for operation in polygon.operations)
    assert interval.cost == sum(operation.cost for operation in interval.operations)
    assert polygon.mode == interval.mode


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_against_the_plain_recurrence(family):
    for factors, seed in itertools.product((1, 2, 3, 4, 7, 30), range(3)):
        dims = chain_dims(family, factors, seed)
        plan = chainopt.optimal_order(shapes_of(dims))
        assert plan.cost == plain_cost(dims)
        check_plan(plan, dims)


def reference_chains():
    path = Path(__file__).parent / "reference" / "dense_chains.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("known", reference_chains(), ids=lambda known: known["name"])
@pytest.mark.parametrize("method", METHODS)
def test_published_values(known, method):
    dims = [int(size) for size in known["dims"].split()]
    plan = chainopt.optimal_order(shapes_of(dims), method=method)
    assert plan.cost == int(known["cost"])
    assert known["tree"] in ("", str(plan.tree))
    check_plan(plan, dims)


def test_bitonic_chain_of_a_hundred_thousand():
    factors = 100_000
    rise = list(range(1, factors // 2 + 2))
    dims = rise + rise[::-1][1:]
    plan = chainopt.optimal_order(chainopt.JacobianChain.from_dims(dims))
    # The two ones are the lightest corners, neighbors in the polygon: the fan from either is cheapest, and forward goes first.
    assert plan.cost == sum(plan.operations.cost.tolist()) == sum(map(mul, dims[:-2], dims[1:-1]))
    assert plan.mode == "forward"


def test_long_chains_of_every_depth():
    for family in ("random", "bitonic", "valley"):
        chain = chainopt.JacobianChain.from_dims(chain_dims(family, 200_000))
        plan = chainopt.optimal_order(chain)
        plan.association.check()
        assert plan.cost == sum(plan.operations.cost.tolist())
        assert plan.cost <= min(chainopt.forward_order(chain).cost, chainopt.reverse_order(chain).cost)


def test_sizes_of_ten_to_the_thirty():
    dims = [10**30, 1, 10**30, 2, 10**30]
    plan = chainopt.optimal_order(shapes_of(dims))
    assert plan.cost == plain_cost(dims) == 10**60 + 4 * 10**30
    check_plan(plan, dims)
