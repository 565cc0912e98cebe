"""What the tests of the detection share: float64, and the oracle."""

import importlib.util
import os

import pytest

# Where all extras are promised, in CI, these files are collected, and fail without JAX.
is_collected = importlib.util.find_spec("jax") is not None or os.environ.get("CHAINOPT_REQUIRE_EXTRAS")
collect_ignore_glob = [] if is_collected else ["test_*.py"]


@pytest.fixture(autouse=True)
def _quick_and_exact(quick_and_exact):
    """All of them."""
