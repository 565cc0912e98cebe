"""What the tests of the detection share: float64, and the oracle."""

import importlib.util
import os

import pytest

# Where all extras are promised, in CI, these files are collected, and fail without JAX.
is_collected = importlib.util.find_spec("jax") is not None or os.environ.get("CHAINOPT_REQUIRE_EXTRAS")
collect_ignore_glob = [] if is_collected else ["test_*.py"]


@pytest.fixture(autouse=True)
def _quick_and_exact(jax):
    """Compile without optimizations, which takes half as long, and compute in float64."""
    names = ("jax_enable_x64", "jax_disable_most_optimizations")
    before = {name: jax.config.read(name) for name in names}
    for name in names:
        jax.config.update(name, True)
    yield
    for name in names:
        jax.config.update(name, before[name])
