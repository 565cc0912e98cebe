"""The functions of the benchmarks: their planned Jacobians against both modes of JAX, in both precisions."""

import importlib

import numpy as np
import pytest

NAMES = {
    "NARROW": [
        "hourglass 512-512-8-512-512",
        "hourglass 1200-1200-8-1200-1200",
        "2000-256-1-256-2000",
        "Burgers 256 x 32 -> 4 -> 64 -> 256 x 32, scan",
        "Burgers 256 x 32 -> 4 -> 64 -> 256 x 32, calls",
        "camera 200-64-10, 1,000 points",
        "ResNet of three blocks, cut of 8",
        "two branches, cut of 4 + 4",
        "latent ODE, 400 -> 16 -> 400",
        "x + resnet(x)",
    ],
    "NOTHING_TO_GAIN": [
        "RNN 2-64 x 100",
        "Burgers 8 -> 256 x 64 -> 4",
        "flow map 256 -> 256",
        "expanding 4-64-1024-64-4",
        "Roe flux 6 -> 3",
        "robot arm 7 -> 12",
    ],
}
# Whose derivatives take longer to compile as one program: the unrolled one minutes.
CALLED = {"Burgers 256 x 32 -> 4 -> 64 -> 256 x 32, calls", "RNN 2-64 x 100"}


@pytest.fixture(scope="module")
def problems(jax):  # noqa: ARG001 -- they need JAX
    return importlib.import_module("jax_problems")


def test_none_is_left_out(problems):
    assert {group: list(getattr(problems, group)) for group in NAMES} == NAMES


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize(("group", "name"), [(group, name) for group, names in NAMES.items() for name in names])
def test_equal_to_both_modes(jax, problems, group, name, dtype, tolerance):
    from chainopt.jax import jacobian

    problem = getattr(problems, group)[name]
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", dtype is np.float64)
    try:
        x = problem.point(dtype)
        found = jacobian(problem.function, mode="planned")(x)
        assert found.dtype == dtype
        for mode in (jax.jacfwd, jax.jacrev):
            own = mode(problem.function)
            expected = (own if name in CALLED else jax.jit(own))(x)
            assert float(abs(found - expected).max()) <= tolerance * float(abs(expected).max())
        if problem.after is not None:
            np.testing.assert_allclose(found, problem.by_hand(x), rtol=0, atol=tolerance * float(abs(expected).max()))
    finally:
        jax.config.update("jax_enable_x64", before)
