"""What all tests share: how Hypothesis searches, and which extras must be there."""

import importlib
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


@pytest.fixture(scope="session")
def ortools():
    return extra("ortools")


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
