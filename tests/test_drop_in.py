from itertools import pairwise

import numpy as np
import numpy.linalg.tests.test_linalg as numpy_tests
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_sparse import random_sparse
from scipy.sparse.linalg import aslinearoperator

import chainopt
from chainopt import ChainError, multi_dot

NUMPY_TESTS = [name for name in dir(numpy_tests.TestMultiDot) if name.startswith("test_")]


@pytest.mark.parametrize("name", NUMPY_TESTS)
def test_numpys_own_tests(name, monkeypatch):
    monkeypatch.setattr(numpy_tests, "multi_dot", multi_dot)
    assert len(NUMPY_TESTS) > 8
    getattr(numpy_tests.TestMultiDot(), name)()


def arrays_of(dims, rng, dtype=float):
    return [rng.integers(-4, 5, shape).astype(dtype) for shape in pairwise(dims)]


@given(
    st.lists(st.integers(0, 5), min_size=3, max_size=8),
    st.booleans(),
    st.booleans(),
    st.sampled_from([int, float, complex, object]),
)
def test_as_numpy_does(dims, first_is_vector, last_is_vector, dtype):
    arrays = arrays_of(dims, np.random.default_rng(0), dtype)
    if first_is_vector and len(arrays[0]):
        arrays[0] = arrays[0][0]
    if last_is_vector and arrays[-1].shape[1]:
        arrays[-1] = arrays[-1][:, 0]
    expected = np.linalg.multi_dot(arrays)
    result = multi_dot(arrays)
    np.testing.assert_array_equal(result, expected)
    assert type(result) is type(expected)
    if dtype is not object:
        assert result.dtype == expected.dtype


@pytest.mark.parametrize("count", [2, 3, 4, 70])
def test_out_as_numpy_takes_it(count):
    arrays = arrays_of([3] * (count + 1), np.random.default_rng(0))
    arrays = [array / 10 for array in arrays]
    out = np.empty((3, 3))
    assert multi_dot(arrays, out=out) is out
    np.testing.assert_allclose(out, np.linalg.multi_dot(arrays), rtol=1e-12, atol=1e-300)
    for wrong in (np.empty((3, 2)), np.empty((3, 3), dtype=np.float32), np.empty((3, 3), order="F")):
        for call in (multi_dot, np.linalg.multi_dot):
            with pytest.raises(ValueError, match="output array"):
                call(arrays, out=wrong)


def test_vectors_with_out_as_numpy_takes_it():
    arrays = [np.ones(2), np.ones((2, 3)), np.ones((3, 4))]
    for call in (multi_dot, np.linalg.multi_dot):
        out = np.empty((1, 4))
        assert call(arrays, out=out).base is out
        assert (out == 6).all()


@pytest.mark.parametrize(
    ("arrays", "error"),
    [
        ([], ValueError),
        ([np.ones((2, 2))], ValueError),
        ([np.ones((2, 2)), np.ones(2), np.ones((2, 2))], np.linalg.LinAlgError),
        ([np.ones((2, 3)), np.ones((4, 2)), np.ones((2, 2))], ValueError),
        ([np.ones((2, 3)), np.ones((4, 2))], ValueError),
        ([np.ones((2, 2)), np.float64(3), np.ones((2, 2))], np.linalg.LinAlgError),
    ],
)
def test_errors_as_numpys(arrays, error):
    for call in (multi_dot, np.linalg.multi_dot):
        with pytest.raises(error):
            call(arrays)


def test_errors_name_the_arrays():
    for arrays in ([np.ones((2, 3)), np.ones((4, 2)), np.ones((2, 2))], [np.ones((1, 2, 3)), np.ones((4, 2)), np.ones((2, 2))]):
        with pytest.raises(ValueError, match=r"J3 \(arrays\[0\]\) has 3 columns"):
            multi_dot(arrays)


def test_text_is_named():
    for arrays in (["ab", "cd"], [np.eye(2), "x"], [np.array([["a"]])] * 3, [np.array(["a"])] * 2):
        with pytest.raises(ChainError, match=r"arrays\[[01]\] has the dtype <U.: give numbers"):
            multi_dot(arrays)


@pytest.mark.parametrize("dtype", ["M8[s]", "V4", [("real", "f4"), ("imaginary", "f4")]])
@pytest.mark.parametrize("count", [2, 3])
def test_dates_and_records_are_named(dtype, count):
    with pytest.raises(ChainError, match=r"arrays\[0\] has the dtype .*: give numbers"):
        multi_dot([np.zeros((2, 2), np.dtype(dtype))] * count)


def test_lists_and_matrices():
    assert multi_dot([[[1, 2]], [[3], [4]], [[2]]]).tolist() == [[22]]
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1, 2], [3, 4]])
    assert type(multi_dot([matrix, matrix, matrix])) is np.matrix
    vector = np.array([5, 6])
    for arrays in ([vector, matrix, matrix], [matrix, matrix, vector], [vector, matrix, vector]):
        found, expected = multi_dot(arrays), np.linalg.multi_dot(arrays)
        assert (type(found), np.shape(found)) == (type(expected), np.shape(expected))
        np.testing.assert_array_equal(found, expected)


def test_stacks_broadcast_as_in_matmul():
    rng = np.random.default_rng(0)
    arrays = [rng.random((5, 1, 2, 3)), rng.random((4, 3, 3)), rng.random((3, 2))]
    np.testing.assert_allclose(multi_dot(arrays), arrays[0] @ arrays[1] @ arrays[2])
    np.testing.assert_allclose(multi_dot(arrays[:2]), arrays[0] @ arrays[1])
    row, column = rng.random(3), rng.random(3)
    np.testing.assert_allclose(multi_dot([row, arrays[1], arrays[1]]), np.einsum("i,bij,bjk->bk", row, arrays[1], arrays[1]))
    np.testing.assert_allclose(
        multi_dot([arrays[1], arrays[1], column]), np.einsum("bij,bjk,k->bi", arrays[1], arrays[1], column)
    )
    np.testing.assert_allclose(multi_dot([row, arrays[1], column]), np.einsum("i,bij,j->b", row, arrays[1], column))


def test_sparse_arrays():
    from scipy import sparse

    rng = np.random.default_rng(0)
    arrays = [random_sparse(rng, shape, 0.4) for shape in ((4, 5), (5, 6), (6, 3))]
    result = multi_dot(arrays)
    assert sparse.issparse(result)
    expected = arrays[0].toarray() @ arrays[1].toarray() @ arrays[2].toarray()
    np.testing.assert_allclose(result.toarray(), expected)
    np.testing.assert_allclose(multi_dot([np.ones(4), *arrays]), np.ones(4) @ expected)
    np.testing.assert_allclose(multi_dot([*arrays, np.ones(3)]), expected @ np.ones(3))


def test_jax_inside_jit(jax):
    arrays = arrays_of([4, 7, 2, 5, 3], np.random.default_rng(0), np.float32)
    result = jax.jit(lambda *matrices: multi_dot(matrices))(*arrays)
    assert isinstance(result, jax.Array)
    np.testing.assert_allclose(result, np.linalg.multi_dot(arrays))
    row = jax.numpy.ones(4)
    assert jax.jit(lambda *matrices: multi_dot(matrices))(row, *arrays).shape == (3,)
    assert multi_dot([row, *map(jax.numpy.asarray, arrays), jax.numpy.ones(3)]).shape == ()


def test_torch_with_gradients(torch):
    arrays = [torch.tensor(array, requires_grad=True) for array in arrays_of([4, 7, 2, 5], np.random.default_rng(0))]
    result = multi_dot(arrays)
    torch.testing.assert_close(result, torch.linalg.multi_dot(arrays))
    result.sum().backward()
    assert all(array.grad is not None and array.grad.shape == array.shape for array in arrays)
    out = torch.empty((4, 5), dtype=torch.float64)
    with torch.no_grad():
        assert multi_dot(arrays, out=out) is out
    torch.testing.assert_close(out, result.detach())
    assert multi_dot([torch.ones(3), torch.ones((3, 2)), torch.ones(2)]).item() == 6


def test_long_chains_are_not_kept():
    from chainopt.ordering.multi_dot import _association

    before = _association.cache_info().currsize
    arrays = [np.eye(2)] * 100
    np.testing.assert_array_equal(multi_dot(arrays), np.eye(2))
    assert _association.cache_info().currsize == before
    assert chainopt.multi_dot is multi_dot


def test_operators_are_told_where_they_go():
    operator = aslinearoperator(np.ones((4, 5)))
    with pytest.raises(chainopt.ChainError, match=r"arrays\[1\] is matrix-free .*: plan with optimal_order, .* to plan.execute"):
        multi_dot([np.ones((3, 4)), operator, np.ones((5, 2))])
