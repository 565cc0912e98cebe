"""Workers of a real Dask cluster are killed while they are at work, each time on a cluster of its own."""

import os

import numpy as np
import pytest
from operators import Kill, Operator
from scipy.sparse.linalg import aslinearoperator

from chainopt import ChainError, Jacobian, optimal_order

STAGES = [Jacobian((9, 8)), Jacobian((8, 2), vjp_cost=1), Jacobian((2, 8), jvp_cost=1), Jacobian((8, 9))]


@pytest.fixture
def client(new_cluster):
    with new_cluster() as client:
        yield client


@pytest.mark.parametrize("progress", [False, True])
def test_a_worker_dies_at_work(client, tmp_path, progress):
    rng = np.random.default_rng(0)
    matrices = [rng.random(stage.shape) for stage in STAGES]
    factors = [*matrices[:2], Operator(matrices[2], Kill(tmp_path / "killed")), matrices[3]]
    result = optimal_order(STAGES).execute(factors, client=client, progress=progress)
    np.testing.assert_allclose(result, np.linalg.multi_dot(matrices))
    assert (tmp_path / "killed").exists()


def test_a_worker_dies_with_the_only_copies(client, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    matrices = [rng.random(stage.shape) for stage in STAGES]
    sent = []
    scatter = client.scatter
    monkeypatch.setattr(client, "scatter", lambda data, **options: sent.append(len(data)) or scatter(data, **options))
    processes = client.run(os.getpid).values()
    killing = Kill(tmp_path / "killed", processes)
    factors = [matrices[0], aslinearoperator(matrices[1]), Operator(matrices[2], killing), matrices[3]]
    result = optimal_order(STAGES).execute(factors, client=client)
    np.testing.assert_allclose(result, np.linalg.multi_dot(matrices))
    assert (tmp_path / "killed").exists()
    assert sent[0] == 4
    assert 1 <= sum(sent[1:]) <= 3  # what was lost, and no more


def test_futures_that_die_with_their_worker_are_named(client, tmp_path):
    matrices = [np.ones(stage.shape) for stage in STAGES]
    (address, other), *_ = client.run(os.getpid).items()
    theirs = client.scatter(matrices[0], workers=[address], hash=False)
    survivor = next(worker for worker in client.nthreads() if worker != address)
    stage = client.scatter(Operator(matrices[2], Kill(tmp_path / "killed", [other])), workers=[survivor], hash=False)
    factors = [theirs, aslinearoperator(matrices[1]), stage, matrices[3]]
    slow = [Jacobian((9, 8)), *STAGES[1:]]
    try:
        result = optimal_order(slow).execute(factors, client=client)
    except ChainError as error:
        assert "factors[0] (J4) is a future, and was lost with its worker" in str(error)  # noqa: PT017 -- it need not be lost
    else:
        np.testing.assert_allclose(result, np.linalg.multi_dot(matrices))
