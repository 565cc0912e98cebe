"""Products on a real Dask cluster of two processes."""

import asyncio
import gc
import threading
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operators import Fail, Operator
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator
from strategies import chains, written_out

import chainopt
from chainopt import ChainError, Diagonal, Identity, Jacobian, optimal_order
from chainopt.execution.dask_tasks import _priorities
from chainopt.execution.dependencies import sources
from chainopt.testing import random_stages

DIMS = [7, 5, 4, 1, 3, 6, 8]
STAGES = [Jacobian((9, 8)), Jacobian((8, 2), vjp_cost=1), Jacobian((2, 8), jvp_cost=1), Jacobian((8, 9))]


def random_factors(dims, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.random(shape) for shape in pairwise(dims)]


def as_array(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)


def assert_same(left, right):
    assert type(left) is type(right)
    np.testing.assert_allclose(as_array(left), as_array(right), rtol=1e-13)


def known(client):
    """Return the keys that the scheduler holds, once what is garbage here has been collected and released there.

    The scheduler is in this process, and a future in a graph becomes one more object there.
    """
    scheduler = client.cluster.scheduler
    for _ in range(100):
        gc.collect()
        client.sync(asyncio.sleep, 0)  # behind what its thread still has to do for futures that are garbage
        if {*scheduler.tasks} <= {*client.futures}:
            break
        time.sleep(0.05)
    return {*scheduler.tasks}


def test_the_product_and_nothing_else_stays(client):
    before = known(client)
    factors = random_factors(DIMS)
    plan = optimal_order(factors)
    expected = plan.execute(factors)
    assert_same(plan.execute(factors, client=client), expected)
    assert known(client) == before
    future = plan.execute(factors, client=client, gather=False)
    assert future.status == "finished"
    assert known(client) == before | {future.key}
    assert_same(future.result(), expected)
    out = np.empty_like(expected)
    assert plan.execute(factors, client=client, out=out, gather=True) is out
    assert_same(out, expected)


def test_intermediates_are_released_while_the_product_is_formed(client):
    from distributed.diagnostics.plugin import SchedulerPlugin

    held = []
    scheduler = client.cluster.scheduler

    class Watch(SchedulerPlugin):
        def transition(self, key, *_, **__):
            tasks = scheduler.tasks.items() if str(key).startswith("Multiplication") else ()
            held.append(sum(str(name).startswith("Multiplication") and task.state == "memory" for name, task in tasks))

    scheduler.add_plugin(Watch(), name="watch")
    try:
        factors = [np.eye(3)] * 30
        assert_same(chainopt.reverse_order(factors).execute(factors, client=client), np.eye(3))
    finally:
        scheduler.remove_plugin("watch")
    assert 1 <= max(held) <= 4  # of 29, whatever is on its way


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), chunk_size=st.sampled_from([None, 2]))
def test_stages_of_all_kinds(dask_client, seed, chunk_size):
    rng = np.random.default_rng(seed)
    jacobians = random_stages(rng, int(rng.integers(1, 7)), largest_size=5, largest_cost=12)
    factors = [
        aslinearoperator(matrix) if jacobian.is_matrix_free or jacobian.accumulation_cost is not None else matrix
        for jacobian in jacobians
        for matrix in [rng.random(jacobian.shape)]
    ]
    plan = optimal_order(jacobians)
    if len(jacobians) > 1 or plan.operations:
        expected = plan.execute(factors, chunk_size=chunk_size)
        given = [dask_client.scatter(factor, hash=False) if rng.random() < 0.3 else factor for factor in factors]
        assert_same(plan.execute(given, client=dask_client, chunk_size=chunk_size), expected)


@settings(max_examples=15)
@given(chains(most_factors=5), st.integers(0, 10**6))
def test_structures(dask_client, problem, seed):
    dims, structures = problem
    rng = np.random.default_rng(seed)
    factors = []
    for shape, structure in zip(pairwise(dims), structures, strict=True):
        unit = isinstance(structure, Identity)
        matrix = np.eye(*shape) if unit else rng.uniform(1, 2, shape) * written_out(structure, shape)
        factors.append(sparse.csr_array(matrix) if rng.random() < 0.3 else matrix)
    plan = optimal_order([Jacobian(shape, structure=kind) for shape, kind in zip(pairwise(dims), structures, strict=True)])
    expected = plan.execute(factors)
    assert_same(plan.execute(factors, client=dask_client), expected)
    given = [dask_client.scatter(factor, hash=False) if rng.random() < 0.5 else factor for factor in factors]
    assert_same(plan.execute(given, client=dask_client), expected)


def test_a_chain_of_one(client):
    factor = np.ones((2, 3))
    plan = optimal_order([factor])
    assert plan.execute([factor], client=client) is factor
    assert_same(plan.execute([factor], client=client, gather=False).result(), factor)
    there = client.scatter(factor)
    assert plan.execute([there], client=client, gather=False) is there
    assert_same(plan.execute([there], client=client, progress=True), factor)


def test_progress(client, capsys):
    factors = random_factors(DIMS)
    plan = optimal_order(factors)
    assert_same(plan.execute(factors, client=client, progress=True), plan.execute(factors))
    assert "100%" in capsys.readouterr().out


def test_tensors(client, torch):
    factors = [torch.tensor(factor) for factor in random_factors(DIMS)]
    plan = optimal_order(factors)
    given = [factors[0], client.scatter(factors[1]), factors[2].numpy(), *factors[3:]]
    torch.testing.assert_close(plan.execute(given, client=client), plan.execute(factors))
    with pytest.raises(ChainError, match=r"factors\[1\] is a future of a ndarray among PyTorch tensors"):
        plan.execute([factors[0], client.scatter(factors[1].numpy()), *factors[2:]], client=client)


def test_jax(client, jax):
    factors = [jax.numpy.asarray(factor) for factor in random_factors(DIMS[:4])]
    plan = optimal_order(factors)
    np.testing.assert_allclose(plan.execute(factors, client=client), plan.execute(factors), rtol=1e-6)


def test_errors_come_back(client):
    before = known(client)
    factors = [np.ones(stage.shape) for stage in STAGES]
    factors[2] = Operator(factors[2], Fail(RuntimeError("a stage failed")))
    for gather in (False, True):
        with pytest.raises(RuntimeError, match="a stage failed") as caught:
            optimal_order(STAGES).execute(factors, client=client, gather=gather)
        assert "at operations[1]" in caught.value.__notes__
        del caught
    assert known(client) == before


def test_futures_that_do_not_fit_are_named(client):
    factors = random_factors(DIMS)
    plan = optimal_order(factors)
    failed = client.submit(lambda: 1 / 0)
    for future, message in (
        (client.scatter(factors[1].T.copy()), r"factors\[1\] \(J5\) has the shape \(4, 5\), but the plan is for \(5, 4\)"),
        (client.scatter(7), r"factors\[1\] is a future of a int: give futures of matrices"),
        (client.scatter(factors[1].astype(str)), r"factors\[1\] \(J5\) has the dtype <U"),
        (client.scatter(np.ma.masked_array(factors[1])), r"factors\[1\] \(J5\) is a masked array"),
        (client.scatter(aslinearoperator(factors[1])), r"factors\[1\] \(J5\) is matrix-free \(a future of a "),
        (failed, r"factors\[1\] is a future that failed, or was lost: ZeroDivisionError"),
    ):
        with pytest.raises(ChainError, match=message):
            plan.execute([factors[0], future, *factors[2:]], client=client)
    misfit = optimal_order([Jacobian((3, 3), structure=Diagonal())])
    with pytest.raises(ChainError, match=r"factors\[0\] \(J1\) was planned with the structure Diagonal"):
        misfit.execute([client.scatter(np.ones((3, 3)))], client=client)


def test_options_that_contradict_each_other(client):
    factors = random_factors(DIMS)
    plan = optimal_order(factors)
    for options, message in (
        ({"workers": 2}, "workers is 2, but the workers are those of client"),
        ({"out": np.empty((7, 8)), "gather": False}, "out needs the product here"),
    ):
        with pytest.raises(ChainError, match=message):
            plan.execute(factors, client=client, **options)
    with pytest.raises(ChainError, match="gather is False, but there is no client"):
        plan.execute(factors, gather=False)
    with pytest.raises(ChainError, match=r"client is of type str: give a distributed.Client"):
        plan.execute(factors, client="tcp://10.0.0.1:8786")
    with pytest.raises(ChainError, match="factors is of type int"):
        plan.execute(7, client=client)
    unsendable = aslinearoperator(np.ones((8, 2)))
    unsendable.lock = threading.Lock()
    with pytest.raises(ChainError, match="factors cannot be sent to the cluster"):
        optimal_order(STAGES).execute([np.ones((9, 8)), unsendable, np.ones((2, 8)), np.ones((8, 9))], client=client)


def test_clients_that_cannot_be_used(dask_client):
    from distributed import Client

    factors = random_factors(DIMS)
    plan = optimal_order(factors)
    closed = Client(dask_client.cluster)
    closed.close()
    with pytest.raises(ChainError, match="client is closed"):
        plan.execute(factors, client=closed)

    async def use():
        async with Client(dask_client.cluster.scheduler_address, asynchronous=True) as client:
            with pytest.raises(ChainError, match="client is asynchronous"):
                plan.execute(factors, client=client)

    asyncio.run(use())


def test_priorities_are_those_of_the_schedule_or_of_the_critical_path(client, monkeypatch):
    import dask

    seen = []
    get = client.get

    def watched(graph, *args, **options):
        seen.extend(map(dask.get_annotations()["priority"], graph))
        return get(graph, *args, **options)

    monkeypatch.setattr(client, "get", watched)
    factors = random_factors([50, 40, 1, 2, 3])
    plan = optimal_order(factors)
    plan.execute(factors, client=client)
    assert [(operation.first, operation.last) for operation in plan.operations] == [(0, 1), (2, 3), (0, 3)]
    assert seen == [0, -1, -2]
    scheduled = [replace(operation, worker=0, start=-operation.first) for operation in plan.operations[:2]]
    assert _priorities(scheduled, sources(scheduled), 1) == [-1, 0]
