"""Are Jacobians of functions of a few numbers, at many points, faster as straight-line code? Beside jax.jacfwd and jax.jacrev."""

import time

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from jax_problems import (  # noqa: E402 -- they need JAX
    FLOW,
    heart_dipole,
    planar_arm,
    propane,
    robot_arm,
    roe_flux,
    roe_flux_3d,
    rotated,
    stress,
)

from chainopt.jax import jacobian  # noqa: E402

POINTS = 16_384
GROUP = f"Jacobians of straight-line functions, at {POINTS:,} points"


def price(inputs):
    """Return the price of a European call, by Black and Scholes."""
    spot, strike, rate, volatility, years = inputs
    deviation = volatility * jnp.sqrt(years)
    d = (jnp.log(spot / strike) + (rate + volatility**2 / 2) * years) / deviation
    below, above = ((1 + jax.lax.erf(z / jnp.sqrt(2.0))) / 2 for z in (d, d - deviation))
    return spot * below - strike * jnp.exp(-rate * years) * above


FUNCTIONS = {
    "Roe flux 6 -> 3": (roe_flux, FLOW),
    "Roe flux 10 -> 5": (roe_flux_3d, np.array([1, 0.1, 0.2, -0.1, 2.5, 0.9, 0.2, 0.1, 0.05, 2.2])),
    "heart dipole 8 -> 8": (heart_dipole, np.array([-0.3, -0.39, 0.3, -0.344, -1.2, 2.69, 1.59, -1.5])),
    "propane combustion 11 -> 11": (propane, np.array([0.05, 3, 40, 0.05, 0.1, 0.2, 0.3, 0.1, 0.2, 0.1, 40])),
    "gradient of Black-Scholes 5 -> 5": (jax.grad(price), np.array([1, 1.1, 0.05, 0.2, 1.5])),
    "planar arm 12 -> 3": (planar_arm, np.linspace(0.1, 0.9, 12)),
    "robot arm 7 -> 12": (robot_arm, np.linspace(0.1, 0.9, 7)),
    "stress 9 -> 9": (stress, np.linspace(0.1, 0.9, 9)),
    "rotation 6 -> 3": (rotated, np.linspace(0.1, 0.9, 6)),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name.startswith("heart") else [pytest.mark.long]) for name in FUNCTIONS]
)
def test_many_points(contest, name):
    function, point = FUNCTIONS[name]
    shifts = 1 + np.random.default_rng(1).standard_normal((POINTS, point.size)) / 100
    batch = jnp.asarray(point * shifts, np.float32)
    makers = {"chainopt.jax": jacobian, "jax.jacfwd": jax.jacfwd, "jax.jacrev": jax.jacrev}
    compiled, seconds = {}, {}
    for who, make in makers.items():
        begin = time.perf_counter()
        compiled[who] = jax.jit(jax.vmap(make(function))).lower(batch).compile()
        seconds[who] = time.perf_counter() - begin
    found, wanted = (np.asarray(compiled[who](batch)) for who in ("chainopt.jax", "jax.jacfwd"))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * float(np.abs(wanted).max()))
    contest(GROUP, name, {who: lambda call=call: jax.block_until_ready(call(batch)) for who, call in compiled.items()}, rounds=31)
    contest.cells(f"tracing and compiling: {GROUP}", name, seconds)
