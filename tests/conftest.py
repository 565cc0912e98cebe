"""What all tests share: how Hypothesis searches, and which extras must be there."""

import importlib
import logging
import os

import pytest
from hypothesis import HealthCheck, settings

# No database: the source tree may be read-only. No deadline: machines are shared, and the first call compiles.
settings.register_profile("chainopt", database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("chainopt")


def extra(name):
    """Import an optional library; where all extras are promised, in CI, its absence is an error."""
    if os.environ.get("CHAINOPT_REQUIRE_EXTRAS"):
        return importlib.import_module(name)
    return pytest.importorskip(name)


@pytest.fixture(scope="session")
def jax():
    return extra("jax")


@pytest.fixture(scope="session")
def torch():
    return extra("torch")


@pytest.fixture(scope="session")
def pandas():
    return extra("pandas")


@pytest.fixture(scope="module")
def dask_client():
    """A client of a cluster of two processes on this machine; others measure memory, in which its scheduler would show."""
    distributed = extra("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture
def client(dask_client):
    """The same, with both workers there, whatever happened to them before."""
    dask_client.wait_for_workers(2, timeout=60)
    return dask_client


@pytest.fixture
def cold(monkeypatch):
    """A process in which uncompiled kernels pay, however much has run before."""
    for room in ("polygon", "interval", "priced", "limited", "batch", "stage_batch"):
        monkeypatch.setattr(f"chainopt.solvers.{room}.compiled_pays", lambda _: False)


@pytest.fixture
def warm(monkeypatch):
    """A process in which compiled kernels pay."""
    for room in ("polygon", "interval", "priced", "limited", "batch", "stage_batch"):
        monkeypatch.setattr(f"chainopt.solvers.{room}.compiled_pays", lambda _: True)
