"""The option ``patterns``: what is counted, what is estimated, and that neither is taken for the other."""

import copy
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainopt
from chainopt import (
    Banded,
    BlockDiagonal,
    ChainError,
    Diagonal,
    Identity,
    Jacobian,
    JacobianChain,
    Plan,
    Sparse,
    compare,
    forward_order,
    optimal_order,
    reverse_order,
)
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.costs.operation_costs import total
from chainopt.plan.plan_data import known_bound
from chainopt.plan.summary import facts

sparse = pytest.importorskip("scipy.sparse")
from random_sparse import random_sparse  # noqa: E402 -- which needs SciPy


def regular(rows, columns, each, seed=0):
    places = np.random.default_rng(seed).integers(0, columns, rows * each)
    matrix = sparse.csr_array((np.ones(rows * each), (np.repeat(np.arange(rows), each), places)), shape=(rows, columns))
    matrix.sum_duplicates()
    return matrix


def power(n=2_000, length=4):
    return [regular(n, n, 5)] * length + [np.ones((n, 1))]


def galerkin():
    return [regular(300, 900, 6, 1), regular(900, 900, 4, 2), regular(900, 300, 3, 3), regular(300, 500, 4, 4)]


def least_by_hand(patterns):
    """Return the least number of multiplications, of all bracketings, given arrays of bools."""
    if len(patterns) == 1:
        return 0, patterns[0]
    costs = []
    for k in range(1, len(patterns)):
        left_cost, left = least_by_hand(patterns[:k])
        right_cost, right = least_by_hand(patterns[k:])
        costs.append(left_cost + right_cost + int(left.sum(axis=0) @ right.sum(axis=1)))
    return min(costs), (left.astype(int) @ right.astype(int)) > 0


STORED_ZERO = sparse.csr_array((np.array([1.0, 0, 1, 1]), (np.arange(4), np.arange(4))), shape=(4, 4))
MINIMAL = {
    "two identities and a column": ([sparse.csr_array(np.eye(4))] * 2 + [sparse.csr_array(np.ones((4, 1)))], 8, (0, (1, 2))),
    "nothing in the column": ([sparse.csr_array(np.eye(4))] * 2 + [sparse.csr_array((4, 1))], 0, (0, (1, 2))),
    "a stored zero is an entry": ([STORED_ZERO, np.ones((4, 3))], 12, (0, 1)),
    "nothing in the middle": ([np.ones((4, 4)), sparse.csr_array((4, 4)), np.ones((4, 3))], 0, None),
    "column, row, column": (
        [sparse.csr_array(np.ones((7, 1))), sparse.csr_array(np.ones((1, 7))), sparse.csr_array(np.ones((7, 1)))],
        14,
        (0, (1, 2)),
    ),
    "empty sizes": ([sparse.csr_array((0, 3)), sparse.csr_array((3, 0)), sparse.csr_array((0, 2))], 0, None),
}


@pytest.mark.parametrize("case", MINIMAL)
@pytest.mark.parametrize("patterns", ["auto", "exact"])
def test_minimal_chains_are_counted(case, patterns):
    factors, cost, tree = MINIMAL[case]
    plan = optimal_order(factors, patterns=patterns)
    assert (plan.cost, plan.cost_is_exact, plan.is_optimal) == (cost, True, True)
    assert tree is None or plan.tree == tree
    assert plan.execute(factors).shape == (factors[0].shape[0], factors[-1].shape[1])


@pytest.mark.parametrize("case", MINIMAL)
def test_minimal_chains_are_estimated_where_that_is_asked_for(case):
    factors, cost, tree = MINIMAL[case]
    plan = optimal_order(factors, patterns="estimated")
    assert plan.cost_is_exact == (case in {"column, row, column", "empty sizes"})  # which have no zeros
    assert plan.is_optimal == plan.cost_is_exact
    assert cost in {0, plan.cost}
    assert tree is None or plan.tree == tree
    assert plan.execute(factors).shape == (factors[0].shape[0], factors[-1].shape[1])


@given(st.integers(0, 2**32))
def test_exact_is_what_an_independent_count_gives(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 6, rng.integers(3, 7)).tolist()
    patterns = [rng.random(shape) < rng.choice([0.2, 0.5, 0.9]) for shape in pairwise(sizes)]
    factors = [sparse.csr_array(pattern.astype(float)) for pattern in patterns]
    plan = optimal_order(factors, patterns="exact")
    assert plan.cost == least_by_hand(patterns)[0]
    assert plan.cost_is_exact
    assert plan.is_optimal
    assert sum(operation.cost for operation in plan.operations) == plan.cost


@pytest.mark.parametrize("make", [power, galerkin])
def test_an_estimated_plan_says_so(make):
    factors = make()
    plan, counted = optimal_order(factors, patterns="estimated"), optimal_order(factors, patterns="exact")
    assert not plan.cost_is_exact
    assert not plan.is_optimal
    assert (plan.lower_bound, known_bound(plan)) == (0, None)
    assert type(plan.cost) is int
    assert plan.cost == pytest.approx(counted.cost, rel=0.3)
    assert [type(operation.cost) for operation in plan.operations] == [int] * (len(factors) - 1)
    assert sum(operation.cost for operation in plan.operations) == plan.cost
    assert type(plan.peak_memory) is int
    lines = dict(facts(plan))
    assert lines["cost"] == f"about {plan.cost:,} fused multiply-adds"
    assert all(lines[name].startswith("about ") for name in ("forward", "reverse", "peak memory"))
    assert f"cost about {plan.cost:,}" in repr(plan)
    assert counted.cost_is_exact
    assert "about" not in str(counted)
    assert plan != counted
    result, expected = plan.execute(factors), counted.execute(factors)
    np.testing.assert_allclose(*(each if isinstance(each, np.ndarray) else each.toarray() for each in (result, expected)))


def test_peak_memory_is_estimated_and_close():
    factors = [*galerkin(), sparse.eye_array(500, format="csr")]
    plan = optimal_order(factors, patterns="estimated")
    exact = Plan(plan.problem._replace(model=MULTIPLICATIONS), plan.solution)
    assert plan.peak_memory == pytest.approx(exact.peak_memory, rel=0.2)


def aggregates(points=80):
    """R A P of a five-point stencil, with blocks of 2 x 2 points."""
    number = np.arange(points**2)
    ones = np.ones(points**2)
    prolongation = sparse.csr_array((ones, (number, number // points // 2 * (points // 2) + number % points // 2)))
    stencil = sparse.diags_array([1.0] * 5, offsets=[-points, -1, 0, 1, points], shape=(points**2, points**2), format="csr")
    return [prolongation.T.tocsr(), stencil, prolongation]


def test_auto_estimates_short_products_roughly():
    rough, fine = (optimal_order(aggregates(), patterns=patterns) for patterns in ("auto", "estimated"))
    exact = optimal_order(aggregates(), patterns="exact").cost
    assert not rough.cost_is_exact
    assert rough.cost != fine.cost
    assert exact <= total(JacobianChain(aggregates()), rough.association, MULTIPLICATIONS) <= 1.1 * exact
    assert "is_rough" not in fine.to_dict()
    with pytest.raises(ChainError, match=r'"is_rough"\] must be true or false'):
        Plan.from_dict({**rough.to_dict(), "is_rough": 1})


@pytest.mark.parametrize(("make", "patterns"), [(power, "estimated"), (galerkin, "estimated"), (aggregates, "auto")])
def test_an_estimated_plan_is_stored_as_one(make, patterns):
    plan = optimal_order(make(), patterns=patterns)
    for again in (Plan.from_json(plan.to_json()), Plan.from_dict(plan.to_dict()), copy.deepcopy(plan)):
        assert again == plan
        assert hash(again) == hash(plan)
        assert (again.cost, again.cost_is_exact, again.is_optimal) == (plan.cost, False, False)
        assert again.operations == plan.operations
        assert again.peak_memory == plan.peak_memory
    assert plan.to_dict()["cost_is_exact"] is False


def test_what_a_file_says_of_an_estimate_is_not_believed():
    data = optimal_order(galerkin(), patterns="estimated").to_dict()
    assert Plan.from_dict({**data, "cost": 1}).cost == data["cost"]
    exact = total(JacobianChain(galerkin()), Plan.from_dict(data).association, MULTIPLICATIONS)
    with pytest.raises(ChainError, match=f"costs {exact:,}"):
        Plan.from_dict({**data, "cost_is_exact": True})
    with pytest.raises(ChainError, match='"cost_is_exact" is false, and it says "is_optimal"'):
        Plan.from_dict({**data, "is_optimal": True})
    with pytest.raises(ChainError, match=r'"cost_is_exact"\] must be true or false'):
        Plan.from_dict({**data, "cost_is_exact": "no"})
    dense = optimal_order([(3, 4), (4, 5)]).to_dict()
    with pytest.raises(ChainError, match="no chain of sparse matrices"):
        Plan.from_dict({**dense, "cost_is_exact": False, "is_optimal": False})
    del dense["cost_is_exact"]  # as it was written before there were estimates
    assert Plan.from_dict(dense).cost_is_exact


def test_auto_counts_where_that_is_cheap_and_estimates_elsewhere():
    assert not optimal_order(power()).cost_is_exact  # a product in a tenth of the time in which it is counted
    assert optimal_order(power(40)).cost_is_exact
    thick = [Jacobian((3_000, 3_000), structure=Sparse(regular(3_000, 3_000, 3, seed))) for seed in range(2)]
    assert optimal_order([*thick, (3_000, 4_000)]).cost_is_exact  # for products take far longer
    assert not optimal_order([*thick, (3_000, 4)]).cost_is_exact


def test_auto_estimates_where_a_sweep_takes_a_millisecond_and_an_estimate_draws_no_rows():
    """To count thirty permutations took 0.3 s; and no few nonzeros that may meet are a reason to leave the thin end."""
    rng = np.random.default_rng(0)
    shuffles = [sparse.csr_array((np.ones(900), rng.permutation(900), np.arange(901)), shape=(900, 900)) for _ in range(30)]
    for factors, mode in (([*shuffles, np.ones((900, 1))], "forward"), ([np.ones((1, 900)), *shuffles], "reverse")):
        plan = optimal_order(factors)
        assert (plan.mode, plan.cost, plan.cost_is_exact) == (mode, 30 * 900, False)


@given(st.integers(0, 2**32))
def test_auto_says_exact_only_where_it_is(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 200, rng.integers(3, 7)).tolist()
    factors = [rng.random(shape) if rng.random() < 0.2 else random_sparse(rng, shape, 0.1) for shape in pairwise(sizes)]
    plan = optimal_order(factors)
    if plan.cost_is_exact:
        exact = optimal_order(factors, patterns="exact")
        assert (plan.cost, plan.tree, plan.is_optimal) == (exact.cost, exact.tree, True)
        assert plan.cost == total(plan.chain, plan.association, MULTIPLICATIONS)


@pytest.mark.parametrize(
    "chain",
    [
        [(10, 2000), (2000, 30), (30, 1000)],
        [Jacobian((4, 4), structure=Diagonal()), Jacobian((4, 4), structure=Banded(1, 0)), (4, 2)],
        [Jacobian((4, 4), structure=Identity()), Jacobian((4, 4), structure=Sparse(np.ones((4, 4)))), (4, 2)],
        [Jacobian((4, 4), structure=BlockDiagonal([4])), (4, 2)],
    ],
)
def test_dense_and_banded_chains_are_always_exact(chain):
    plans = [optimal_order(chain, patterns=patterns) for patterns in ("auto", "exact", "estimated")]
    assert all(plan.cost_is_exact and plan.is_optimal for plan in plans)
    assert plans[0] == plans[1] == plans[2]


def test_structures_of_all_kinds_are_estimated_together():
    n = 120
    kinds = [Identity(), Diagonal(), Banded(2, 1), BlockDiagonal([30] * 4), Sparse(regular(n, n, 4))]
    chain = [
        *[Jacobian((n, n), structure=kind) for kind in kinds],
        Jacobian((n, 7)),
        Jacobian((7, n)),
        *[Jacobian((n, n), structure=kind) for kind in kinds[:2]],
    ]
    estimated, exact = (optimal_order(chain, patterns=patterns) for patterns in ("estimated", "exact"))
    assert not estimated.cost_is_exact
    assert estimated.cost == pytest.approx(exact.cost, rel=0.1)
    assert total(exact.chain, estimated.association, MULTIPLICATIONS) <= 1.05 * exact.cost
    identities = [operation.cost for operation in estimated.operations if operation.first == operation.split == 0]
    assert identities == [0]


def test_chains_that_are_empty_in_parts():
    nothing = sparse.csr_array((300, 300))
    factors = [regular(300, 300, 3), nothing, np.ones((300, 40)), regular(40, 300, 9), regular(300, 300, 3)]
    plan = optimal_order(factors, patterns="estimated")
    assert total(plan.chain, plan.association, MULTIPLICATIONS) == 0
    assert plan.cost == 0


@pytest.mark.parametrize("make", [power, galerkin])
def test_all_doors_estimate_alike(make):
    factors = make()
    comparison = compare(factors, patterns="estimated")
    sweeps = forward_order(factors, patterns="estimated"), reverse_order(factors, patterns="estimated")
    assert (comparison.forward, comparison.reverse) == sweeps
    assert comparison.optimal == optimal_order(factors, patterns="estimated")
    for plan in (*sweeps, comparison.optimal):
        assert not plan.cost_is_exact
        assert not plan.is_optimal
        assert plan.cost >= comparison.optimal.cost
    assert f"about {comparison.reverse.cost:,}" in str(comparison)
    assert compare(factors, patterns="exact").forward.cost == forward_order(factors, patterns="exact").cost


def arrowhead(n):
    whole, rest = np.arange(n), np.arange(1, n)
    places = np.concatenate([whole, rest, 0 * rest]), np.concatenate([whole, 0 * rest, rest])
    return sparse.csr_array((np.ones(places[0].size), places), shape=(n, n))


@pytest.mark.parametrize("patterns", ["auto", "estimated"])
@pytest.mark.parametrize(
    "factors",
    [
        [*[arrowhead(2_000)] * 3, np.ones((2_000, 1))],
        [np.ones((1, 2_000)), *[arrowhead(2_000)] * 3],
        [regular(4_000, 300, 5), regular(4_000, 300, 5).T.tocsr(), np.ones((4_000, 1))],
        power(2_000, 6),
    ],
    ids=["arrowheads", "row", "Gram", "power"],
)
def test_the_pure_modes_beside_an_estimated_plan_are_not_far_off(factors, patterns):
    estimated, exact = compare(factors, patterns=patterns), compare(factors, patterns="exact")
    assert not estimated.optimal.cost_is_exact
    for mode in ("forward", "reverse"):  # of which one may fill up
        about, counted = getattr(estimated, mode), getattr(exact, mode)
        assert about.cost == pytest.approx(counted.cost, rel=0.2)
        assert about.peak_memory == pytest.approx(counted.peak_memory, rel=0.2)
        assert about == Plan.from_json(about.to_json())


def test_a_pure_mode_that_would_fill_memory_is_estimated_beside_a_counted_plan(monkeypatch):
    monkeypatch.setattr("chainopt.solvers.counting._is_counted_within", lambda *_: True)
    words = (np.random.default_rng(0).zipf(1.5, 50_000) - 1) % 500
    matrix = sparse.csr_array((np.ones(50_000), (np.repeat(np.arange(5_000), 10), words)), shape=(5_000, 500))
    matrix.sum_duplicates()
    factors = [matrix, matrix.T.tocsr(), np.ones((5_000, 1))]
    plan = optimal_order(factors)
    assert (plan.cost, plan.cost_is_exact, plan.mode) == (2 * matrix.nnz, True, "forward")
    lines = dict(facts(plan))
    assert lines["forward"].startswith(f"{2 * matrix.nnz:,}, ")
    assert lines["reverse"].startswith("about ")
    comparison = compare(factors)
    assert comparison.forward.cost_is_exact
    assert not comparison.reverse.cost_is_exact
    assert comparison.reverse.cost == pytest.approx(reverse_order(factors, patterns="exact").cost, rel=0.1)
    assert reverse_order(factors) == comparison.reverse
    assert "about" in str(comparison)
    again = Plan.from_json(plan.to_json())
    assert (again, again.is_optimal) == (plan, True)


def test_what_would_fill_memory_is_refused_where_it_cannot_be_estimated(monkeypatch):
    monkeypatch.setattr("chainopt.costs.structured.MOST_FORMED", 3_000)
    factors = [regular(100, 80, 6), regular(80, 100, 6), regular(100, 100, 6), np.ones((100, 1))]
    for options in ({"objective": "time"}, {"workers": 2}):
        with pytest.raises(ChainError, match=r'with up to 3,[0-9]+ nonzeros, which are not counted: take the objective "multipl'):
            optimal_order(factors, **options)
    assert optimal_order(factors, patterns="exact").mode == "forward"


def test_the_whole_is_not_formed_to_count_what_it_needs(monkeypatch):
    from chainopt.structure import patterns

    formed = []
    product = patterns.product
    monkeypatch.setattr(patterns, "product", lambda *sides: formed.append(sides) or product(*sides))
    matrix = regular(50, 50, 3)
    plan = reverse_order([matrix] * 3, patterns="exact")
    assert len(formed) == 1
    squares = (matrix @ matrix).astype(bool)
    columns = [np.bincount(each.indices, minlength=50) for each in (matrix, squares)]
    assert plan.cost == sum(int(count @ np.diff(matrix.indptr)) for count in columns)


def test_other_methods_estimate_by_the_same_counts():
    textbook, usual = (optimal_order(galerkin(), patterns="estimated", method=method) for method in ("textbook", "auto"))
    assert (textbook.cost, textbook.cost_is_exact, textbook.is_optimal) == (usual.cost, False, False)
    assert textbook.method == "textbook"


def test_long_chains():
    different = [regular(20, 20, 2, seed) for seed in range(101)]
    assert not optimal_order(different).cost_is_exact  # which would take thousands of times as long as the product
    estimated = optimal_order([*different, np.ones((20, 1))], patterns="estimated")
    assert not estimated.cost_is_exact
    assert estimated.mode == "forward"
    assert estimated.cost == sum(matrix.nnz for matrix in different)
    power = optimal_order([regular(2_000, 2_000, 5)] * 101 + [np.ones((2_000, 1))])
    assert (power.mode, power.cost_is_exact) == ("forward", False)


def test_several_workers_execute_an_estimated_plan():
    factors = galerkin()
    plan = optimal_order(factors, patterns="estimated")
    expected = plan.execute(factors).toarray()
    np.testing.assert_allclose(plan.execute(factors, workers=2).toarray(), expected)


def test_equal_orders_are_forward_then_reverse():
    matrix = regular(400, 400, 1)
    assert optimal_order([matrix] * 2, patterns="estimated").mode == "any"
    assert optimal_order([np.ones((1, 400)), matrix, matrix], patterns="estimated").mode == "reverse"
    assert optimal_order([matrix, matrix, np.ones((400, 1))], patterns="estimated").mode == "forward"
    assert optimal_order([matrix], patterns="estimated").cost == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "time"}, 'is for the objective "multiplications"'),
        ({"workers": 2}, "is for one worker"),
        ({"memory_limit": 10**9}, "cannot keep a memory_limit"),
    ],
)
def test_what_is_not_estimated_is_refused_and_auto_counts(options, message):
    factors = power(300, 2)
    with pytest.raises(ChainError, match=f'patterns is "estimated", which {message}: take patterns="exact"'):
        optimal_order(factors, patterns="estimated", **options)
    assert optimal_order(factors, **options).cost_is_exact


def test_stages_and_huge_sizes_are_not_estimated():
    diagonal = Jacobian((4, 4), structure=Sparse(np.eye(4)))
    with pytest.raises(ChainError, match="needs matrices at hand"):
        optimal_order([diagonal, Jacobian((4, 4), jvp_cost=3)], patterns="estimated")
    with pytest.raises(ChainError, match="needs sizes up to 33,554,432"):
        optimal_order([diagonal, (4, 2**63)], patterns="estimated")


@pytest.mark.parametrize("patterns", ["sketched", None, 1])
def test_an_unknown_option_is_refused(patterns):
    for door in (optimal_order, compare, forward_order, reverse_order):
        with pytest.raises(ChainError, match="give one of 'auto', 'exact', 'estimated'"):
            door([(2, 3), (3, 4)], patterns=patterns)


def test_the_pattern_of_a_matrix_that_changed_in_place_is_read_anew():
    matrix = sparse.csr_array(np.triu(np.ones((3, 3))))
    assert matrix.has_canonical_format
    before = copy.deepcopy(matrix)
    matrix.indices[:3] = 2, 1, 1  # not sorted any more, with a column twice
    structure = Sparse(matrix)
    assert structure.indices.tolist() == [1, 2, 1, 2, 2]
    matrix.indices[:] = before.indices
    assert structure.indices.tolist() == [1, 2, 1, 2, 2]
    assert Sparse(matrix) == Sparse(before)


def test_the_command_line_passes_it_on(tmp_path, capsys):
    from chainopt.cli import main

    path = tmp_path / "chain.json"
    chain = JacobianChain(galerkin())
    import json

    path.write_text(json.dumps(chain.to_dict()), encoding="utf-8")
    assert main(["order", "--file", str(path), "--patterns", "estimated"]) == 0
    assert "cost         about" in capsys.readouterr().out
    assert main(["order", "--file", str(path), "--patterns", "exact"]) == 0
    assert f"{chainopt.optimal_order(chain, patterns='exact').cost:,}" in capsys.readouterr().out
