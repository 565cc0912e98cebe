"""What the battery of JAX programs shares: float64, a compiler in a hurry, and nothing known from other tests."""

import importlib.util
import os

import pytest

# Where all extras are promised, in CI, these files are collected, and fail without JAX.
IS_WHOLE = os.environ.get("CHAINOPT_REQUIRE_EXTRAS")
LIBRARIES = {"test_libraries.py": ("diffrax", "equinox", "optimistix"), "test_flax.py": ("flax",)}
collect_ignore_glob = [] if IS_WHOLE or importlib.util.find_spec("jax") is not None else ["test_*.py"]
collect_ignore = [name for name, needed in LIBRARIES.items() if not (IS_WHOLE or all(map(importlib.util.find_spec, needed)))]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Leave first calls to the library, unlike the tests beside these, and know nothing of what was called before."""
    from chainopt.functions import first_calls, strategies
    from chainopt.functions.strategy import Records

    monkeypatch.setattr(strategies, "PROGRAMS", Records())
    monkeypatch.setattr(first_calls, "HINTS", Records())


@pytest.fixture(autouse=True)
def _quick_and_exact(quick_and_exact):
    """All of them."""
