"""Workers of a real Dask cluster are killed while they are at work, and its scheduler, each time on a cluster of its own."""

import os
import subprocess
import sys
from concurrent.futures import CancelledError
from types import SimpleNamespace

import numpy as np
import pytest
from operators import Kill, KillAlways, Operator
from scipy.sparse.linalg import aslinearoperator

from chainopt import ChainError, Jacobian, optimal_order, optimal_orders
from chainopt.execution.dask_client import losses_named

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


def test_a_factor_that_ends_its_worker_each_time(client, monkeypatch):
    monkeypatch.setattr("chainopt.execution.dask_tasks.ATTEMPTS", 2)  # a worker takes seconds to come back
    matrices = [np.ones(stage.shape) for stage in STAGES]
    plan = optimal_order(STAGES)
    with pytest.raises(ChainError, match=r"^client lost 2 workers with .* their logs say what ends them"):
        plan.execute([*matrices[:2], Operator(matrices[2], KillAlways()), matrices[3]], client=client)
    client.wait_for_workers(1, timeout=30)
    np.testing.assert_allclose(plan.execute(matrices, client=client), np.linalg.multi_dot(matrices))


@pytest.mark.usefixtures("distributed")
def test_dask_gives_a_task_up():
    from distributed import KilledWorker

    error = KilledWorker("Multiplication-0-1", None, 3)
    with (
        pytest.raises(ChainError, match=r"^client lost 4 workers with the same task, Multiplication-0-1: see their logs"),
        losses_named(None),
    ):
        raise error


@pytest.mark.parametrize("error", [OSError("of a stage"), CancelledError("by somebody else"), ValueError("of a stage")])
@pytest.mark.usefixtures("distributed")
def test_other_errors_pass(error):
    with pytest.raises(type(error)) as caught, losses_named(SimpleNamespace(status="running")):
        raise error
    assert caught.value is error


def test_a_scheduler_that_is_gone(distributed):
    import dask

    matrices = [np.ones(stage.shape) for stage in STAGES]
    command = [sys.executable, "-c", "from distributed.cli.dask_scheduler import main; main()", "--port", "0", "--no-dashboard"]
    scheduler = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        address = next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)
        with dask.config.set({"distributed.comm.timeouts.connect": "1s"}), distributed.Client(address) as client:
            scheduler.kill()
            with pytest.raises(ChainError, match=rf"^client has lost its scheduler, {address}: connect"):
                optimal_order(STAGES).execute(matrices, client=client)
            with pytest.raises(ChainError, match=r"^client (has lost its scheduler|is clos)"):
                optimal_orders(np.ones((4, 5), dtype=int), client=client)
    finally:
        scheduler.kill()
        scheduler.communicate()
