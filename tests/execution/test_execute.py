import subprocess
import sys
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainopt
from chainopt import ChainError, JacobianChain, optimal_order
from chainopt.testing import chain_dims

ORDERS = [chainopt.optimal_order, chainopt.forward_order, chainopt.reverse_order]


class Subclass(np.ndarray):
    pass


class Shapeless:
    def __matmul__(self, other):
        return other


def integer_factors(dims, seed=0, dtype=np.int64):
    rng = np.random.default_rng(seed)
    return [rng.integers(-3, 4, shape).astype(dtype) for shape in pairwise(dims)]


def plain_product(factors):
    product = factors[0]
    for factor in factors[1:]:
        product = product @ factor
    return product


@given(
    st.lists(st.integers(0, 6), min_size=2, max_size=9),
    st.sampled_from(ORDERS),
    st.sampled_from([int, float, complex, np.float32, bool]),
)
def test_equals_the_plain_product(dims, order, dtype):
    factors = integer_factors(dims, dtype=dtype)
    expected = plain_product(factors)
    result = order(factors).execute(factors)
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == expected.dtype
    out = np.empty_like(expected)
    assert order(factors).execute(factors, out=out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("factors", [100, 3_000])
def test_long_chains(factors):
    matrices = [np.eye(2)[::-1]] * factors
    np.testing.assert_array_equal(optimal_order(matrices).execute(matrices), np.eye(2))


@given(
    st.lists(st.integers(1, 4), min_size=3, max_size=7),
    st.lists(st.sampled_from([(), (1,), (3,), (2, 1), (2, 3)]), min_size=7, max_size=7),
)
def test_stacks(dims, batches):
    rng = np.random.default_rng(0)
    factors = [rng.integers(-3, 4, (*batch, *shape)) for batch, shape in zip(batches, pairwise(dims), strict=False)]
    plan = optimal_order(factors)
    np.testing.assert_array_equal(plan.execute(factors), plain_product(factors))
    assert plan.cost == optimal_order(factors, method="textbook").cost == sum(op.cost for op in plan.operations)
    if any(factor.ndim > 2 for factor in factors):
        assert optimal_order(factors, method="interval").cost == plan.cost
    out = np.empty((*np.broadcast_shapes(*(factor.shape[:-2] for factor in factors)), dims[0], dims[-1]))
    assert plan.execute(factors, out=out) is out
    np.testing.assert_array_equal(out, plain_product(factors))


def test_unequal_stacks_change_the_optimum():
    shapes = [np.empty((1, 2)), np.empty((2, 3)), np.empty((1000, 3, 1))]
    assert optimal_order([(1, 2), (2, 3), (3, 1)]).mode == "forward"
    plan = optimal_order(shapes)
    assert (plan.mode, plan.cost) == ("reverse", 6 + 1000 * 3)
    with pytest.raises(ChainError, match='method is "polygon", which needs stacks of equal shape'):
        optimal_order([*shapes, np.empty((1, 5))], method="polygon")


def test_equal_stacks_and_empty_stacks():
    dims = chain_dims("random", 6)
    plain = optimal_order(JacobianChain.from_dims(dims))
    stacked = optimal_order([chainopt.Jacobian(shape, batch=(7,)) for shape in plain.chain.shapes])
    assert (stacked.cost, stacked.method) == (7 * plain.cost, "polygon")
    assert stacked.peak_memory == 7 * plain.peak_memory
    empty = [np.ones((0, 2, 3)), np.ones((3, 4)), np.ones((4, 2)), np.ones((2, 2))]
    plan = optimal_order(empty)
    assert plan.cost == 0
    assert plan.execute(empty).shape == (0, 2, 2)


def test_one_factor():
    factor = np.arange(6.0).reshape(2, 3)
    plan = optimal_order([factor])
    assert plan.execute([factor]) is factor
    out = np.empty((2, 3), dtype=complex)
    assert plan.execute([factor], out=out) is out
    assert (out == factor).all()


def test_intermediates_are_released():
    # Every product is 400 x 400, so that at most two intermediates and the one being made are alive at once.
    factors = [np.ones((400, 400)) for _ in range(12)]
    plan = chainopt.forward_order(factors)
    plan.execute(factors)
    tracemalloc.start()
    plan.execute(factors)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert plan.peak_memory == 2 * 400 * 400
    assert 8 * plan.peak_memory <= peak <= 8 * plan.peak_memory + 100_000


RELEASED = """
import chainopt

left = []

class Factor:
    shape = (2, 2)
    alive = 0

    def __init__(self):
        Factor.alive += 1

    def __del__(self):
        Factor.alive -= 1

    def __matmul__(self, other):
        left.append(Factor.alive)
        return Factor()

plan = chainopt.reverse_order([(2, 2)] * 6)
plan.execute(Factor() for _ in range(6))
Factor.alive = 0
plan.execute([Factor() for _ in range(6)])
print(left)
"""


def test_factors_are_released_one_by_one():
    # In a process of its own: where torch.compile has failed before, PyTorch's own frames hold the arguments of calls.
    done = subprocess.run([sys.executable, "-c", RELEASED], check=True, capture_output=True, text=True)
    # Before each product: the factors that are left, and from the second on the product so far.
    assert done.stdout.strip() == str([6, 5, 4, 3, 2] * 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: 7, "factors is of type int"),
        (lambda factors: factors[:2], "factors has 2 matrices, but the plan is for a chain of 3"),
        (
            lambda factors: [*factors[:2], factors[2].T],
            r"factors\[2\] \(J1\) has the shape \(5, 4\), but the plan is for \(4, 5\)",
        ),
        (lambda factors: [factors[0][0], *factors[1:]], r"factors\[0\] \(J3\) has the shape \(3,\)"),
        (lambda factors: [factors[0].astype(object), *factors[1:]], r"factors\[0\] \(J3\) has the dtype object: give numbers"),
        (lambda factors: [factors[0].astype(object).view(Subclass), *factors[1:]], r"factors\[0\] \(J3\) has the dtype object"),
        (lambda factors: [np.ma.masked_array(factors[0]), *factors[1:]], r"factors\[0\] \(J3\) is a masked array"),
        (lambda factors: [factors[0].astype(str), *factors[1:]], r"factors\[0\] \(J3\) has the dtype <U"),
        (lambda factors: [[[1, 2], [3]], *factors[1:]], r"factors\[0\] \(J3\) is not a matrix"),
        (lambda factors: [None, *factors[1:]], r"factors\[0\] \(J3\)"),
        (lambda factors: [Shapeless(), *factors[1:]], r"factors\[0\] \(J3\) is a Shapeless without a shape"),
    ],
)
def test_factors_that_do_not_fit_are_named(change, message):
    factors = [np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 5))]
    with pytest.raises(ChainError, match=message):
        optimal_order(factors).execute(change(factors))


def test_operators_are_refused():
    from scipy.sparse.linalg import aslinearoperator

    factors = [np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 5))]
    with pytest.raises(ChainError, match=r"factors\[1\] \(J2\) is matrix-free"):
        optimal_order(factors).execute([factors[0], aslinearoperator(factors[1]), factors[2]])


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty((2, 4)), r"out has the shape \(2, 4\), but the product has the shape \(2, 5\)"),
        (np.empty((2, 5), dtype=int), "out has the dtype int64, to which the product's float64 cannot be cast"),
        ([[0.0] * 5] * 2, "out is a list"),
        (np.empty((2, 5), dtype="U5"), "out has the dtype <U5"),
        (np.broadcast_to(0.0, (2, 5)), "out is read-only"),
    ],
)
def test_out_that_does_not_fit(out, message):
    factors = [np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 5))]
    with pytest.raises(ChainError, match=message):
        optimal_order(factors).execute(factors, out=out)


def test_nothing_is_computed_before_all_is_checked():
    class Fails(np.ndarray):
        def __matmul__(self, other):
            raise AssertionError

    factors = [np.ones((2, 3)).view(Fails), np.ones((3, 4)), np.ones((4, 5)), np.ones((5, 2))]
    plan = chainopt.reverse_order(factors)
    with pytest.raises(ChainError, match=r"factors\[3\]"):
        plan.execute([*factors[:3], np.ones((5, 7))])


def test_lists_are_taken_as_matrices():
    assert optimal_order([(1, 2), (2, 2), (2, 1)]).execute([[[1, 2]], [[1, 0], [0, 1]], [[3], [4]]]).tolist() == [[11]]


def test_progress(capsys):
    factors = [np.ones((4, 4))] * 5
    result = optimal_order(factors).execute(factors, progress=True)
    assert (result == 4.0**4).all()
    assert "multiplying" in capsys.readouterr().out


def test_progress_without_rich(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rich.progress", None)
    factors = [np.ones((4, 4))] * 5
    with pytest.raises(ChainError, match=r"jacobian-chainopt\[terminal\]"):
        optimal_order(factors).execute(factors, progress=True)
