"""The arrays of other libraries, alone and side by side."""

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

import chainopt
from chainopt import ChainError, optimal_order
from chainopt.testing import chain_dims


def dense_factors(dims=(4, 7, 2, 5, 3), dtype=float, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(-3, 4, shape).astype(dtype) for shape in pairwise(dims)]


def product_of(factors):
    return np.linalg.multi_dot(factors)


def test_sparse_and_dense_side_by_side():
    from scipy import sparse

    dense = dense_factors()
    for mask in range(16):
        factors = [sparse.csr_array(matrix) if mask >> at & 1 else matrix for at, matrix in enumerate(dense)]
        result = optimal_order(factors).execute(factors)
        assert sparse.issparse(result) == (mask == 15)
        np.testing.assert_allclose(result.toarray() if mask == 15 else result, product_of(dense))
    with pytest.raises(ChainError, match="out is a ndarray"):
        optimal_order(factors).execute(factors, out=np.empty((4, 3)))


def test_jax_traced_and_not(jax):
    dense = dense_factors(dtype=np.float32)
    factors = [jax.numpy.asarray(matrix) for matrix in dense]
    plan = optimal_order(factors)
    assert isinstance(plan.execute(factors), jax.Array)
    np.testing.assert_allclose(plan.execute(factors), product_of(dense))
    np.testing.assert_allclose(plan.execute([dense[0], *factors[1:]]), product_of(dense))
    np.testing.assert_allclose(jax.jit(lambda *arrays: optimal_order(arrays).execute(arrays))(*factors), product_of(dense))
    gradient = jax.grad(lambda first: plan.execute([first, *factors[1:]]).sum())(factors[0])
    np.testing.assert_allclose(gradient, np.ones((4, 3)) @ product_of(dense[1:]).T)
    batched = jax.vmap(lambda first: plan.execute([first, *factors[1:]]))(jax.numpy.stack([factors[0]] * 3))
    np.testing.assert_allclose(batched[2], product_of(dense))
    half = [np.asarray(matrix.astype(jax.numpy.bfloat16)) for matrix in factors]
    np.testing.assert_array_equal(plan.execute(half), (half[0] @ half[1]) @ (half[2] @ half[3]))


def flops(jax, function, arrays):
    analysis = jax.jit(function).lower(*arrays).compile().cost_analysis()
    return (analysis[0] if isinstance(analysis, list) else analysis)["flops"]  # a list before JAX 0.4.36


def test_jax_never_multiplies_more_than_jaxs_own(jax):
    jnp = jax.numpy
    for seed in range(12):
        dims = chain_dims("log-uniform", 10, seed)
        arrays = [jnp.zeros(shape, dtype=jnp.float32) for shape in pairwise(dims)]
        ours = flops(jax, lambda *matrices: chainopt.multi_dot(matrices), arrays)
        theirs = flops(jax, lambda *matrices: jnp.linalg.multi_dot(matrices), arrays)
        assert ours <= theirs
        assert ours <= 2 * optimal_order(arrays).cost


def test_torch_with_gradients(torch):
    dense = dense_factors()
    factors = [torch.tensor(matrix, requires_grad=True) for matrix in dense]
    plan = optimal_order(factors)
    result = plan.execute(factors)
    np.testing.assert_allclose(result.detach().numpy(), product_of(dense))
    result.sum().backward()
    np.testing.assert_allclose(factors[0].grad.numpy(), np.ones((4, 3)) @ product_of(dense[1:]).T)
    mixed = plan.execute([dense[0], *factors[1:]])
    assert isinstance(mixed, torch.Tensor)
    np.testing.assert_allclose(mixed.detach().numpy(), product_of(dense))
    assert plan.execute([factor.detach().to(torch.float32) for factor in factors]).dtype == torch.float32


def test_torch_out(torch):
    dense = dense_factors()
    factors = [torch.tensor(matrix) for matrix in dense]
    plan = optimal_order(factors)
    out = torch.empty((4, 3), dtype=torch.float64)
    assert plan.execute(factors, out=out) is out
    np.testing.assert_allclose(out.numpy(), product_of(dense))
    single = optimal_order(factors[:1])
    kept = torch.empty((4, 7), dtype=torch.float64)
    assert single.execute(factors[:1], out=kept) is kept
    np.testing.assert_allclose(kept.numpy(), dense[0])
    with pytest.raises(ChainError, match="out is a ndarray"):
        plan.execute(factors, out=np.empty((4, 3)))
    with pytest.raises(ChainError, match="out has the shape"):
        plan.execute(factors, out=torch.empty((3, 4)))


def test_torch_among_what_does_not_go_with_it(torch):
    from scipy import sparse

    dense = dense_factors()
    factors = [torch.tensor(dense[0]), sparse.csr_array(dense[1]), *dense[2:]]
    with pytest.raises(ChainError, match=r"factors\[1\] is a csr_array, which does not multiply with PyTorch tensors"):
        optimal_order(factors).execute(factors)


def test_torch_out_among_the_operands(torch):
    factors = [torch.rand(3, 3, dtype=torch.float64) for _ in range(3)]
    for order in (chainopt.forward_order, chainopt.reverse_order):
        for at in range(3):
            given = [factor.clone() for factor in factors]
            expected = given[0] @ given[1] @ given[2]
            assert order(given).execute(given, out=given[at]) is given[at]
            torch.testing.assert_close(given[at], expected)
    one = torch.eye(3) * 2
    assert (chainopt.multi_dot([one, torch.ones(3, 3)], out=one) == 2).all()


def test_tensors_beside_arrays_that_torch_does_not_take_as_they_are(torch):
    tensor = torch.ones((1, 2), dtype=torch.float64)
    plan = optimal_order([(1, 2), (2, 2)])
    frozen = np.ones((2, 2))
    frozen.setflags(write=False)
    for array in (np.ones((2, 2))[::-1], np.ones((2, 2)).astype(">f8"), frozen):
        torch.testing.assert_close(plan.execute([tensor, array]), torch.full((1, 2), 2.0, dtype=torch.float64))
    for array, message in (
        (np.ones((2, 2), dtype=np.longdouble), r"factors\[1\] has the dtype .*PyTorch does not take"),
        (np.ones((2, 2), dtype=np.float32), r"factors\[1\] has the dtype torch.float32, and factors\[0\] torch.float64"),
        (np.ma.masked_array(np.ones((2, 2)), [[0, 0], [0, 1]]), r"factors\[1\] \(J1\) is a masked array"),
    ):
        with pytest.raises(ChainError, match=message):
            plan.execute([tensor, array])


def test_torch_out_of_another_dtype(torch):
    single = optimal_order([(1, 2)])
    with pytest.raises(ChainError, match=r"out has the dtype torch.int32, but the product has torch.float32"):
        single.execute([torch.tensor([[1.7, 2.9]])], out=torch.empty((1, 2), dtype=torch.int32))


def test_data_frames_are_matrices(pandas):
    frame = pandas.DataFrame(np.ones((2, 2)), columns=["a", "b"])
    series = pandas.Series([1.0, 2.0])
    for arrays in ([frame] * 3, [series, np.ones((2, 2)), frame]):
        result = chainopt.multi_dot(arrays)
        assert type(result) is np.ndarray
        np.testing.assert_array_equal(result, np.linalg.multi_dot(arrays))
    plain = pandas.DataFrame(np.ones((2, 2)))
    np.testing.assert_array_equal(optimal_order([plain] * 3).execute([plain] * 3), np.full((2, 2), 4.0))


def test_labels_are_not_dropped(pandas):
    frame = pandas.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=["a", "b"], index=["p", "q"])
    turned = pandas.DataFrame([[1.0, 2.0], [3.0, 4.0]], index=["b", "a"], columns=["c", "d"])
    with pytest.raises(ChainError, match="differ in labels where they meet"):
        chainopt.multi_dot([frame, turned])
    aligned = turned.loc[["a", "b"]]
    np.testing.assert_array_equal(chainopt.multi_dot([frame, aligned, np.eye(2)]), (frame @ turned).to_numpy())
    with pytest.raises(ChainError, match="is a DataFrame with labels of its rows or columns, which would be lost"):
        optimal_order([frame, aligned]).execute([frame, aligned])
    graph = nx.DiGraph([("x", "y", {"jacobian": frame})])
    with pytest.raises(ChainError, match="is a DataFrame with labels"):
        chainopt.accumulate(graph)

    class DataArray:  # as xarray's
        dims, coords, shape = ("x", "y"), {}, (2, 2)

        def __array__(self, dtype=None, copy=None):
            return np.ones((2, 2))

    with pytest.raises(ChainError, match="with names of its dimensions"):
        optimal_order([(2, 2), (2, 2)]).execute([DataArray(), np.ones((2, 2))])


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_a_diagonal_is_accumulated_by_one_vjp(jax, torch, library):
    values = jax.numpy.arange(1.0, 4) if library == "jax" else torch.arange(1.0, 4, dtype=torch.float64)

    class Scaling:
        shape, dtype = (3, 3), values.dtype

        def rmatmat(self, columns):
            assert columns.shape == (3, 1)
            return values[:, None] * columns

    chain = [chainopt.Jacobian((3, 3), vjp_cost=1, structure=chainopt.Diagonal()), chainopt.Jacobian((3, 3))]
    ones = values[None, :] * 0 + values[:, None] * 0 + 1
    product = chainopt.optimal_order(chain).execute([Scaling(), ones])
    np.testing.assert_array_equal(np.asarray(product), [[1, 1, 1], [2, 2, 2], [3, 3, 3]])
