"""What a file says of a plan is counted again, or not believed."""

import pytest

import chainopt
from chainopt import ChainError, Jacobian, Plan

DIMS = [(10, 2000), (2000, 30), (30, 1000)]


def stored(plan, **changes):
    return Plan.from_dict(plan.to_dict() | changes)


def test_only_the_cheapest_is_optimal():
    best, worse = chainopt.optimal_order(DIMS), chainopt.forward_order(DIMS)
    assert stored(best).is_optimal
    assert stored(best).lower_bound == best.cost
    assert not stored(worse, is_optimal=True).is_optimal
    assert not stored(best, is_optimal=False).is_optimal


def test_the_cheapest_within_a_limit_on_the_tape_is_optimal():
    chain = [Jacobian((2, 2), jvp_cost=663, vjp_cost=663, tape=94, accumulation_cost=47), Jacobian((2, 2))]
    plan = chainopt.optimal_order(chain, tape_limit=0)
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.is_optimal
    assert again.problem.tape_limit == 0


def test_a_plan_that_does_not_keep_its_limit_is_not_optimal():
    chain = [Jacobian((2, 2), jvp_cost=663, vjp_cost=1, tape=94), Jacobian((2, 9))]
    plan = chainopt.optimal_order(chain)
    assert chainopt.optimal_order(chain, tape_limit=0).cost > plan.cost
    with pytest.raises(ChainError, match="contradicts itself"):  # by its mode, which was found without that limit
        stored(plan, tape_limit=0)
    assert not stored(plan, tape_limit=0, mode="hybrid").is_optimal


@pytest.mark.parametrize("is_short", [True, False])
@pytest.mark.parametrize("options", [{"workers": 2, "method": "exact"}, {}])
def test_what_would_take_long_to_prove_is_not_believed(options, is_short):
    chain = chainopt.JacobianChain.from_dims([3, 2, 5, 2, 8, 8, 3, 2, 5, 2, 8, 8][: 6 if is_short else None])
    peak = chainopt.optimal_order(chain).peak_memory
    limits = [{}] if options else [{"memory_limit": peak}, {"memory_limit": peak - 1}]
    for limit in limits:
        plan = chainopt.optimal_order(chain, **options, **limit)
        again = Plan.from_json(plan.to_json())
        assert again == plan
        assert plan.is_optimal
        assert again.is_optimal == (is_short or limit.get("memory_limit") == peak)


def test_a_plan_that_does_not_keep_its_memory_limit_is_not_optimal():
    plan = chainopt.optimal_order([(30, 5), (5, 20), (20, 7), (7, 24)])
    assert stored(plan, memory_limit=plan.peak_memory).is_optimal
    assert not stored(plan, memory_limit=plan.peak_memory - 1).is_optimal


def test_a_schedule_that_could_be_shorter():
    chain = chainopt.JacobianChain.from_dims([30, 40, 10, 40, 30])
    serial = chainopt.forward_order(chain, workers=2)
    assert serial.makespan > chainopt.optimal_order(chain, workers=2).makespan
    assert not stored(serial, is_optimal=True).is_optimal


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "made up"}, "known are"),
        ({"cost": 900_000.0}, "contradicts itself"),
        ({"cost": True}, "contradicts itself"),
        ({"kinds": [0, 0]}, "no matrix-free stage"),
        ({"ways": [0, 0, 0]}, "no matrix-free stage"),
        ({"tape_limit": "much"}, "tape_limit"),
    ],
)
def test_what_cannot_be(changes, message):
    with pytest.raises(ChainError, match=message):
        stored(chainopt.optimal_order(DIMS), **changes)
