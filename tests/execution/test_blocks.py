"""Dask arrays in, a Dask array out: in chunks throughout, lazy without a cluster, persisted with one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operators import Operator
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator

import chainopt
from chainopt import Banded, ChainError, Diagonal, Identity, Jacobian, optimal_order
from chainopt.testing import random_stages


@pytest.fixture(scope="module")
def arrays(dask_client):
    assert dask_client.status == "running"
    import dask.array

    return dask.array


def random_factors(dims, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.random(shape) for shape in pairwise(dims)]


def computed(array):
    import dask

    return array.compute(scheduler=dask.get)  # "sync" would warn of the client, before Dask 2025


def chunked(arrays, matrix, chunks):
    return arrays.from_array(matrix, chunks=chunks)


@pytest.mark.filterwarnings("ignore:Increasing number of chunks")  # of chunks that do not fit, by Dask before 2025
@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), chunks=st.integers(1, 9))
def test_equals_the_plain_product(arrays, seed, chunks):
    rng = np.random.default_rng(seed)
    dims = rng.integers(1, 12, rng.integers(2, 6)).tolist()
    matrices = random_factors(dims, seed)
    factors = [chunked(arrays, matrix, chunks) if rng.random() < 0.6 else matrix for matrix in matrices]
    factors[0] = chunked(arrays, matrices[0], chunks)
    result = optimal_order(factors).execute(factors)
    assert isinstance(result, arrays.Array)
    np.testing.assert_allclose(computed(result), optimal_order(matrices).execute(matrices))


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), chunk_size=st.sampled_from([None, 2]))
def test_stages_without_matrices_go_block_by_block(arrays, seed, chunk_size):
    rng = np.random.default_rng(seed)
    jacobians = [*random_stages(rng, int(rng.integers(1, 6)), largest_size=6, largest_cost=12)]
    jacobians.append(Jacobian((jacobians[-1].shape[1], 4)))
    matrices = [rng.random(jacobian.shape) for jacobian in jacobians]
    factors = [
        aslinearoperator(matrix) if jacobian.is_matrix_free or jacobian.accumulation_cost is not None else matrix
        for matrix, jacobian in zip(matrices, jacobians, strict=True)
    ]
    factors[-1] = chunked(arrays, matrices[-1], 3)
    result = optimal_order(jacobians).execute(factors, chunk_size=chunk_size, workers=2)
    assert isinstance(result, arrays.Array)
    np.testing.assert_allclose(computed(result), np.linalg.multi_dot(matrices))


def test_nothing_is_computed_before_it_is_asked_for(arrays):
    called = []
    stages = [Jacobian((4, 6), jvp_cost=1), Jacobian((6, 5))]
    stage = Operator(np.ones((4, 6)), lambda: called.append(1))
    result = optimal_order(stages).execute([stage, arrays.ones((6, 5), chunks=2)])
    assert not called
    assert (computed(result) == 6).all()
    assert called


def test_structures(arrays):
    rng = np.random.default_rng(0)
    structures = [None, Diagonal(), Banded(1, 1), Identity(), None]
    stages = [Jacobian((6, 6), structure=kind) for kind in structures]
    band = np.triu(np.tril(rng.random((6, 6)), 1), -1)
    matrices = [rng.random((6, 6)), np.diag(rng.random(6)), band, np.eye(6), rng.random((6, 6))]
    factors = [chunked(arrays, matrix, 4) for matrix in matrices]
    for begin, end in ((0, 5), (1, 5), (1, 3), (1, 2), (3, 5)):
        result = optimal_order(stages[begin:end]).execute(factors[begin:end])
        assert isinstance(result, arrays.Array)
        expected = matrices[begin] if end - begin == 1 else np.linalg.multi_dot(matrices[begin:end])
        np.testing.assert_allclose(computed(result), expected)


def test_on_a_cluster_it_stays_there_in_chunks(arrays, client):
    matrices = random_factors([90, 20, 70, 8, 60])
    factors = [chunked(arrays, matrices[0], 25), client.scatter(matrices[1]), matrices[2], chunked(arrays, matrices[3], 30)]
    plan = optimal_order(matrices)
    for gather in (True, False):
        result = plan.execute(factors, client=client, gather=gather)
        assert isinstance(result, arrays.Array)
        assert result.numblocks[0] == 4
        assert all(type(value).__name__ == "Future" for value in result.__dask_graph__().to_dict().values())
        np.testing.assert_allclose(result.compute(), plan.execute(matrices))


def test_larger_than_memory(arrays):
    # 80 GB of a factor, and a product of 160 MB, of which one chunk is looked at.
    factors = [arrays.ones((1_000_000, 10_000), chunks=(10_000, 1_000)), arrays.ones((10_000, 20), chunks=1_000)]
    result = optimal_order(factors).execute(factors)
    assert result.shape == (1_000_000, 20)
    assert (computed(result[:2, :3]) == 10_000).all()


def test_what_does_not_go_with_it(arrays, torch):
    factors = [arrays.ones((2, 3), chunks=1), np.ones((3, 4)), np.ones((4, 5))]
    plan = optimal_order(factors)
    for stranger, name in ((torch.ones(3, 4), "Tensor"), (sparse.csr_array((3, 4)), "csr_array")):
        with pytest.raises(ChainError, match=rf"factors\[1\] is a {name}, which does not multiply with Dask arrays"):
            plan.execute([factors[0], stranger, factors[2]])
    with pytest.raises(ChainError, match="out is a ndarray"):
        plan.execute(factors, out=np.empty((2, 5)))
    with pytest.raises(ChainError, match=r"factors\[0\] \(J3\) has the dtype object"):
        plan.execute([factors[0].astype(object), *factors[1:]])
    assert isinstance(chainopt.multi_dot(factors), arrays.Array)
