import json
import pickle
from itertools import pairwise

import numpy as np
import pytest

import chainopt
from chainopt import ChainError, JacobianChain, Mode, Multiplication, Plan
from chainopt.testing import chain_dims

SHAPES = [(10, 2000), (2000, 30), (30, 1000)]


def test_what_a_plan_says():
    plan = chainopt.optimal_order(SHAPES)
    assert plan.cost == plan.makespan == plan.lower_bound == 900_000
    assert plan.mode is Mode.REVERSE
    assert plan.bracketing == "((J3 J2) J1)"
    assert plan.tree == ((0, 1), 2)
    assert plan.path == [(0, 1), (0, 1)]
    assert list(plan.operations) == [Multiplication(0, 0, 1, 600_000), Multiplication(0, 1, 2, 300_000)]
    assert (plan.workers, plan.objective, plan.method) == (1, "multiplications", "formula")
    assert plan.is_optimal
    assert plan.peak_memory == 10 * 30 + 10 * 1000
    assert plan.chain == JacobianChain(SHAPES)


def test_one_and_two_factors():
    one = chainopt.optimal_order([(3, 4)])
    assert (one.cost, one.mode, one.bracketing, one.tree, one.path, list(one.operations)) == (0, "any", "J1", 0, [], [])
    assert one.peak_memory == 0
    two = chainopt.optimal_order([(3, 4), (4, 5)])
    assert (two.cost, two.mode, two.bracketing, two.tree, two.path) == (60, "any", "(J2 J1)", (0, 1), [(0, 1)])
    assert two == chainopt.optimal_order([(3, 4), (4, 5)], method="interval")


def test_forward_and_reverse():
    forward, reverse = chainopt.forward_order(SHAPES), chainopt.reverse_order(SHAPES)
    assert (forward.cost, forward.mode, forward.bracketing) == (80_000_000, "forward", "(J3 (J2 J1))")
    assert (reverse.cost, reverse.mode, reverse.bracketing) == (900_000, "reverse", "((J3 J2) J1)")
    assert not forward.is_optimal
    assert forward.lower_bound == 0
    for pure in (chainopt.forward_order, chainopt.reverse_order, chainopt.compare, chainopt.optimal_order):
        with pytest.raises(ChainError, match="objective is 'flops': give one of 'multiplications', 'time', or give a function"):
            pure(SHAPES, objective="flops")
    for call in (chainopt.compare, chainopt.optimal_order):
        with pytest.raises(ChainError, match="method is 'best': give one of 'auto', 'polygon', 'interval', 'textbook'"):
            call(SHAPES, method="best")


def test_names_stand_in_the_bracketing():
    plan = chainopt.optimal_order([chainopt.Jacobian(SHAPES[0], name="readout"), *SHAPES[1:]])
    assert plan.bracketing == "((readout J2) J1)"
    assert "readout[10x2000]" in str(plan)


@pytest.mark.parametrize("factors", [1, 2, 3, 5, 29, 30, 31, 32, 999, 1000, 1001, 2500])
def test_texts_of_all_lengths_parse_back(factors):
    plan = chainopt.optimal_order(JacobianChain.from_dims(chain_dims("random", factors)))
    text = plan.bracketing
    assert text.replace("(", "").replace(")", "") == " ".join(f"J{stage}" for stage in range(factors, 0, -1))
    opened = np.zeros(factors, dtype=int)
    closed = np.zeros(factors, dtype=int)
    for at, word in enumerate(text.split()):
        opened[at], closed[at] = word.count("("), word.count(")")
    assert (opened == np.bincount(plan.association.first, minlength=factors)).all()
    assert (closed == np.bincount(plan.association.last, minlength=factors)).all()
    names = [f"ψ{at}" for at in range(factors)]
    named = JacobianChain([chainopt.Jacobian(shape, name=name) for shape, name in zip(plan.chain.shapes, names, strict=True)])
    renamed = chainopt.optimal_order(named).bracketing
    assert [word.strip("()") for word in renamed.split()] == names
    assert [word.count("(") - word.count(")") for word in renamed.split()] == (opened - closed).tolist()


@pytest.mark.parametrize("family", ["random", "huge", "zeros", "ones"])
@pytest.mark.parametrize("factors", [1, 2, 3, 12, 40])
def test_round_trips(family, factors):
    chain = JacobianChain.from_dims(chain_dims(family, factors))
    for plan in (chainopt.optimal_order(chain), chainopt.forward_order(chain), chainopt.reverse_order(chain)):
        again = Plan.from_json(plan.to_json())
        assert again == plan == Plan.from_dict(plan.to_dict()) == pickle.loads(pickle.dumps(plan))  # noqa: S301 -- our own bytes
        assert hash(again) == hash(plan)
        assert (again.cost, again.mode, again.tree) == (plan.cost, plan.mode, plan.tree)
    assert plan != "plan"


@pytest.mark.parametrize("factors", [1, 2])
def test_round_trip_of_what_is_both_pure_modes(factors):
    stages = [chainopt.Jacobian((2, 2), accumulation_cost=3)] * factors
    for plan in (chainopt.optimal_order(stages), chainopt.forward_order(stages), chainopt.reverse_order(stages)):
        restored = chainopt.Plan.from_json(plan.to_json())
        assert restored == plan
        assert restored.mode == plan.mode


def test_round_trip_of_stacks():
    plan = chainopt.optimal_order([np.ones((4, 2, 3)), np.ones((3, 5)), np.ones((5, 1))])
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "x"}, 'whose "format" is "chainopt.plan"'),
        ({"version": 2}, "version 2"),
        ({"chain": None}, "chainopt.chain"),
        ({"cost": 1}, "contradicts itself: its bracketing is reverse and costs 900,000"),
        ({"mode": "hybrid"}, "contradicts itself"),
        ({"cost": np.array([1, 2])}, "contradicts itself"),
        ({"first": [0]}, r'data\["first"\] must be a list with an entry for each product, 2 in all'),
        ({"first": "00"}, r'data\["first"\]'),
        ({"last": [1, 7]}, r'data\["last"\] must hold positions'),
        ({"last": [1, 2.0]}, r'data\["last"\] must hold positions'),
        ({"last": [1, 1]}, "cannot span"),
        ({"first": [1, 0]}, "cannot span"),
        ({"is_optimal": "yes"}, "is_optimal"),
        ({"method": None}, "method"),
    ],
)
def test_dicts_that_are_no_plan(change, message):
    data = chainopt.optimal_order(SHAPES).to_dict() | change
    with pytest.raises(ChainError, match=message):
        Plan.from_dict(data)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "nonsense", "[" * 100_000, None])
def test_texts_that_are_no_plan(text):
    with pytest.raises(ChainError):
        Plan.from_json(text)


def test_deep_trees():
    dims = list(range(1, 1003))
    plan = chainopt.optimal_order(JacobianChain.from_dims(dims[:1001]))
    tree, depth = plan.tree, 0
    while not isinstance(tree, int):
        tree, depth = next((side for side in tree if not isinstance(side, int)), 0), depth + 1
    assert depth == 999
    with pytest.raises(ChainError, match=r"1001 deep.*operations"):
        _ = chainopt.optimal_order(JacobianChain.from_dims(range(1, 1004))).tree


def test_operations_are_a_sequence():
    operations = chainopt.optimal_order(JacobianChain.from_dims(chain_dims("random", 20))).operations
    assert len(operations) == 19
    assert operations[-1].first == 0
    assert operations[-1].last == 19
    assert list(operations[2:5]) == list(operations)[2:5]
    assert operations[2:5] == operations[2:5]
    assert operations != operations[1:]
    assert operations != 3
    assert "16 more" in repr(operations)
    assert repr(operations[:1]).startswith("[Multiplication(")
    with pytest.raises(IndexError):
        operations[19]
    with pytest.raises(TypeError):
        hash(operations)


def test_path_is_what_opt_einsum_computes_with():
    from opt_einsum import contract, get_symbol

    rng = np.random.default_rng(0)
    for seed in range(20):
        dims = [1 + size % 7 for size in chain_dims("random", 2 + seed % 9, seed)]
        factors = [rng.random(shape) for shape in pairwise(dims)]
        plan = chainopt.optimal_order(factors)
        terms = [get_symbol(at) + get_symbol(at + 1) for at in range(len(factors))]
        equation = f"{','.join(terms)}->{get_symbol(0)}{get_symbol(len(factors))}"
        expected = plan.execute(factors)
        np.testing.assert_allclose(contract(equation, *factors, optimize=plan.path), expected, rtol=1e-10)
        np.testing.assert_allclose(np.einsum(equation, *factors, optimize=["einsum_path", *plan.path]), expected, rtol=1e-10)


def test_a_plan_prints_itself():
    assert str(chainopt.optimal_order(SHAPES)).splitlines() == [
        "chain        J3[10x2000] J2[2000x30] J1[30x1000]",
        "bracketing   ((J3 J2) J1), reverse mode",
        "cost         900,000 fused multiply-adds, optimal",
        "forward      80,000,000, 88.9 times as much",
        "reverse      900,000, the same",
        "peak memory  10,300 matrix entries",
    ]
    long = chainopt.optimal_order(JacobianChain.from_dims(chain_dims("random", 1000)))
    assert "... 996 more ..." in str(long)
    assert max(map(len, str(long).splitlines())) < 140
    assert "J1000" in repr(long)
    assert len(repr(long)) < 200


def test_a_free_chain_prints_itself():
    text = str(chainopt.optimal_order([(2, 3), (3, 4), (4, 0)]))
    assert "0 fused multiply-adds, optimal" in text
    assert "infinitely many times as much" in text


def test_json_is_plain():
    data = json.loads(chainopt.optimal_order(SHAPES).to_json())
    assert data["cost"] == 900_000
    assert data["mode"] == "reverse"


def test_names_with_blanks_in_long_chains():
    jacobians = [chainopt.Jacobian((2, 2), name=f"stage {at}") for at in range(13)]
    plan = chainopt.reverse_order(jacobians)
    line = str(plan).splitlines()[1]
    assert line == f"bracketing   {plan.bracketing}, reverse mode"
    assert plan.bracketing.endswith("stage 11) stage 12)")
