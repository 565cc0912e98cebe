"""Plans with matrix-free stages are executed, by operators and by matrices in their place."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator

import chainopt
from chainopt import ChainError, Jacobian
from chainopt.testing import random_stages


class Operator:
    """A stage that counts what it is asked for; ``library`` makes its arrays."""

    def __init__(self, matrix):
        self.matrix = matrix
        self.shape = tuple(matrix.shape)
        self.widest = 0

    def matmat(self, matrix):
        self.widest = max(self.widest, matrix.shape[1])
        return self.matrix @ matrix

    def rmatmat(self, matrix):
        self.widest = max(self.widest, matrix.shape[1])
        return self.matrix.conj().T @ matrix


def matrices_for(jacobians, rng, dtype=float):
    matrices = [rng.integers(-3, 4, jacobian.shape).astype(dtype) for jacobian in jacobians]
    return [matrix + 1j * matrix[::-1] for matrix in matrices] if dtype is complex else matrices


def product_of(matrices):
    product = matrices[0]
    for matrix in matrices[1:]:
        product = product @ matrix
    return product


@pytest.mark.parametrize("wrap", [Operator, aslinearoperator, np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [float, complex])
@given(seed=st.integers(0, 10**6), chunk_size=st.sampled_from([None, 1, 2, 100]), order=st.integers(0, 2))
def test_equals_the_plain_product(wrap, dtype, seed, chunk_size, order):
    rng = np.random.default_rng(seed)
    jacobians = random_stages(rng, int(rng.integers(1, 7)), largest_size=5, largest_cost=12)
    matrices = matrices_for(jacobians, rng, dtype)
    comparison = chainopt.compare(jacobians)
    plan = (comparison.optimal, comparison.forward, comparison.reverse)[order]
    if plan is None:
        return
    factors = [
        wrap(matrix) if jacobian.is_matrix_free or jacobian.accumulation_cost is not None else matrix
        for matrix, jacobian in zip(matrices, jacobians, strict=True)
    ]
    result = plan.execute(factors, chunk_size=chunk_size)
    result = result.toarray() if sparse.issparse(result) else np.asarray(result)
    np.testing.assert_allclose(result, product_of(matrices))
    if wrap is Operator:
        widest = max([factor.widest for factor in factors if isinstance(factor, Operator)], default=0)
        assert chunk_size is None or widest <= chunk_size
    if wrap is not sparse.csr_array:
        out = np.empty_like(product_of(matrices))
        assert plan.execute(factors, out=out, chunk_size=chunk_size) is out
        np.testing.assert_allclose(out, product_of(matrices))


def test_never_more_in_memory_than_the_plan_says():
    size, narrow = 600, 80
    jacobians = [
        Jacobian((size, size), jvp_cost=1, vjp_cost=1),
        Jacobian((size, narrow)),
        Jacobian((narrow, size), jvp_cost=1, vjp_cost=1, accumulation_cost=10**9),
        Jacobian((size, size), vjp_cost=1),
    ]
    rng = np.random.default_rng(0)
    factors = [
        rng.random(jacobian.shape) if not jacobian.is_matrix_free else Operator(rng.random(jacobian.shape))
        for jacobian in jacobians
    ]
    for plan in (chainopt.optimal_order(jacobians), chainopt.optimal_order(jacobians[:3])):
        plan.execute(factors[: len(plan.chain)])
        tracemalloc.start()
        plan.execute(factors[: len(plan.chain)])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 8 * plan.peak_memory + 100_000


def test_peak_memory_of_each_operation():
    accumulated = chainopt.optimal_order([Jacobian((3, 4), jvp_cost=1)])
    assert accumulated.peak_memory == 4 * 4 + 3 * 4
    assert chainopt.optimal_order([Jacobian((3, 4), vjp_cost=1)]).peak_memory == 3 * 3 + 3 * 4
    assert chainopt.optimal_order([Jacobian((3, 4), accumulation_cost=1)]).peak_memory == 12
    pushed = chainopt.optimal_order([Jacobian((3, 4), jvp_cost=1), Jacobian((4, 5), jvp_cost=1), Jacobian((5, 2))])
    assert pushed.bracketing == "(J3 J2 > J1)"
    assert pushed.peak_memory == 4 * 2 + 3 * 2  # the given 5 x 2 is not counted
    pulled = chainopt.optimal_order([Jacobian((2, 5)), Jacobian((5, 4), vjp_cost=1), Jacobian((4, 3), vjp_cost=1)])
    assert pulled.bracketing == "(J3 < J2 J1)"
    assert pulled.peak_memory == 2 * 4 + 2 * 3


def test_operators_without_what_the_plan_uses():
    class OnlyPushed:
        shape = (3, 4)

        def matmat(self, matrix):
            return np.ones((3, 4)) @ matrix

    jacobians = [Jacobian((2, 3)), Jacobian((3, 4), vjp_cost=1, tape=3)]
    with pytest.raises(ChainError, match=r"factors\[1\] \(J1\) is a OnlyPushed without rmatmat .*, which the plan uses"):
        chainopt.optimal_order(jacobians).execute([np.ones((2, 3)), OnlyPushed()])
    forward = chainopt.optimal_order([Jacobian((2, 3)), Jacobian((3, 4), jvp_cost=1)])
    np.testing.assert_allclose(forward.execute([np.ones((2, 3)), OnlyPushed()]), np.full((2, 4), 3.0))
    with pytest.raises(ChainError, match=r"factors\[0\] \(J2\) is matrix-free \(a OnlyPushed\), but the plan needs its matrix"):
        chainopt.optimal_order([Jacobian((3, 4)), Jacobian((4, 2))]).execute([OnlyPushed(), np.ones((4, 2))])
    with pytest.raises(ChainError, match="has the shape"):
        forward.execute([np.ones((2, 3)), aslinearoperator(np.ones((4, 3)))])


@pytest.mark.parametrize("chunk_size", [0, -1, 2.5, True])
def test_chunk_sizes_that_are_none(chunk_size):
    with pytest.raises(ChainError, match="chunk_size"):
        chainopt.optimal_order([(2, 3)]).execute([np.ones((2, 3))], chunk_size=chunk_size)


def test_empty_sizes():
    jacobians = [Jacobian((2, 0), jvp_cost=1), Jacobian((0, 3), vjp_cost=1)]
    result = chainopt.optimal_order(jacobians).execute([Operator(np.ones((2, 0))), Operator(np.ones((0, 3)))], chunk_size=2)
    assert result.shape == (2, 3)
    assert not result.any()


def test_progress_over_operations(capsys):
    jacobians = [Jacobian((2, 3), jvp_cost=4), Jacobian((3, 4), vjp_cost=2)]
    chainopt.optimal_order(jacobians).execute([Operator(np.ones((2, 3))), Operator(np.ones((3, 4)))], progress=True)
    assert "multiplying" in capsys.readouterr().out


@pytest.mark.parametrize("chunk_size", [None, 2])
def test_jax_and_torch_operators(jax, torch, chunk_size):
    rng = np.random.default_rng(0)
    jacobians = [Jacobian((4, 5)), Jacobian((5, 6), jvp_cost=1), Jacobian((6, 3), jvp_cost=1), Jacobian((3, 7), vjp_cost=1)]
    matrices = matrices_for(jacobians, rng, np.float32)
    for convert in (jax.numpy.asarray, torch.tensor):
        converted = [convert(matrix) for matrix in matrices]
        for plan in (
            chainopt.optimal_order(jacobians),
            chainopt.forward_order(jacobians[:3]),
            chainopt.optimal_order(jacobians[2:]),
        ):
            begin = 2 if plan.chain.dims[0] == 6 else 0
            factors = converted[begin : begin + len(plan.chain)]
            wrapped = [
                Operator(factor) if jacobian.is_matrix_free else factor
                for factor, jacobian in zip(factors, plan.chain, strict=True)
            ]
            if begin:
                for factor in wrapped:
                    factor.dtype = factor.matrix.dtype
            result = plan.execute(wrapped, chunk_size=chunk_size)
            np.testing.assert_allclose(np.asarray(result), product_of(matrices[begin : begin + len(plan.chain)]))
