"""Jacobians of JAX functions against jax.jacfwd, jax.jacrev and a split written by hand, all compiled, in the same run."""

import math
import time
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from chainopt.jax import jacobian  # noqa: E402 -- it needs JAX

SINGLE = np.float32


def layers(*sizes, seed=0, activation=jnp.tanh):
    rng = np.random.default_rng(seed)
    weights = [jnp.asarray(rng.standard_normal(shape) / math.sqrt(shape[0]), SINGLE) for shape in pairwise(sizes)]

    def function(x):
        for weight in weights:
            x = activation(x @ weight)
        return x

    return function


def burgers(steps, *, scan):
    def step(u):
        left, right = jnp.roll(u, 1), jnp.roll(u, -1)
        return u - 0.05 * u * (right - left) + 0.1 * (left - 2 * u + right)

    def by_scan(u):
        return jax.lax.scan(lambda u, _: (step(u), None), u, None, length=steps)[0]

    def by_calls(u):
        for _ in range(steps):
            u = step(u)
        return u

    return by_scan if scan else by_calls


def composed(*functions):
    def function(x):
        for part in functions:
            x = part(x)
        return x

    return function


def resnet(width, cut, blocks=3):
    parts = [layers(width, width, width, seed=seed) for seed in range(blocks)]
    down, up = layers(width, cut, seed=50), layers(cut, width, seed=51)
    return composed(*[lambda x, part=part: x + part(x) for part in parts]), down, up


def latent_ode():
    rate = layers(16, 64, 16)

    def solve(z):
        return jax.lax.scan(lambda z, _: (z + 0.05 * rate(z), None), z, None, length=40)[0]

    return layers(400, 200, 16), composed(solve, layers(16, 200, 400, seed=3))


def problems():
    """Return (the part up to the narrowest place, the part after it, an argument), or (a function, None, an argument)."""
    before, down, up = resnet(256, 8)
    one, two = layers(300, 200, 4, seed=1), layers(300, 200, 4, seed=2)
    out_one, out_two = layers(4, 200, 300, seed=3), layers(4, 200, 300, seed=4)
    return {
        "hourglass 512-512-8-512-512": (layers(512, 512, 8), layers(8, 512, 512), 512),
        "hourglass 1200-1200-8-1200-1200": (layers(1200, 1200, 8), layers(8, 1200, 1200), 1200),
        "2000-256-1-256-2000": (layers(2000, 256, 1), layers(1, 256, 2000), 2000),
        "Burgers 256 x 32 -> 4 -> 256 x 32, scans": (
            composed(burgers(32, scan=True), layers(256, 4)),
            composed(layers(4, 64, 256), burgers(32, scan=True)),
            256,
        ),
        "Burgers 256 x 32 -> 4 -> 256 x 32, calls": (
            composed(burgers(32, scan=False), layers(256, 4)),
            composed(layers(4, 64, 256), burgers(32, scan=False)),
            256,
        ),
        "camera 200-64-10-2000": (layers(200, 64, 10), layers(10, 2000), 200),
        "ResNet of three blocks, cut of 8": (composed(before, down), composed(up, before), 256),
        "two branches, cut of 4 + 4": (
            lambda x: jnp.concatenate([one(x), two(x)]),
            lambda z: jnp.concatenate([out_one(z[:4]), out_two(z[4:])]),
            300,
        ),
        "latent ODE": (*latent_ode(), 400),
        "x + resnet(x)": (composed(before, down), composed(up, before), 256),
        "nothing to gain: 2-64 x 20": (layers(2, *[64] * 20), None, 2),
        "nothing to gain: Burgers 8 -> 256 x 64 -> 4": (
            composed(layers(8, 256), burgers(64, scan=True), layers(256, 4)),
            None,
            8,
        ),
        "nothing to gain: 4-64-1024-64-4": (layers(4, 64, 1024, 64, 4), None, 4),
        "nothing to gain: 256 -> 256": (layers(256, 256, 256, 256), None, 256),
    }


CASES = problems()


def by_hand(first, second):
    """VJPs up to the narrowest place, JVPs after it, one product: what a person would write who knows the place."""

    def derivative(x):
        return jax.jacfwd(second)(first(x)) @ jax.jacrev(first)(x)

    return derivative


def plus_identity(derivative):
    return lambda x: derivative(x) + jnp.eye(x.size, dtype=x.dtype)


WHO = ["chainopt.jax", "jax.jacfwd", "jax.jacrev", "split by hand"]
PAIRS = [
    pytest.param(who, case, marks=[pytest.mark.long] if at > 0 else [])
    for who in WHO
    for at, case in enumerate(CASES)
    if who != WHO[-1] or CASES[case][1] is not None
]


@pytest.mark.parametrize(("who", "case"), PAIRS)
def test_jacobians(measure, case, who):
    first, second, size = CASES[case]
    hand = None if second is None else by_hand(first, second)
    function = first if second is None else composed(first, second)
    if case == "x + resnet(x)":
        inner, function, hand = function, None, plus_identity(hand)

        def function(x):
            return x + inner(x)

    x = jnp.asarray(np.random.default_rng(9).standard_normal(size), SINGLE)
    makers = {"chainopt.jax": jacobian, "jax.jacfwd": jax.jacfwd, "jax.jacrev": jax.jacrev}
    call = jax.jit(hand if who == "split by hand" else makers[who](function))
    result = measure("Jacobians of JAX functions", case, who, lambda: jax.block_until_ready(call(x)), rounds=15)
    expected = jax.jacrev(function)(x)
    assert float(abs(result - expected).max()) <= 1e-5 * max(float(abs(expected).max()), 1.0)


@pytest.mark.parametrize("who", ["chainopt.jax", "jax.jacrev"])
def test_a_gather_out_of_a_million(measure, who):
    """Forward mode would need a million columns: jax issue 719."""
    places = jnp.asarray(np.random.default_rng(0).integers(0, 10**6, 10))
    weights = jnp.asarray(np.random.default_rng(1).standard_normal((10, 5)), SINGLE)
    x = jnp.ones(10**6, SINGLE)
    maker = {"chainopt.jax": jacobian, "jax.jacrev": jax.jacrev}[who]
    call = jax.jit(maker(lambda x: jnp.tanh(x[places] @ weights)))
    measure("Jacobians of JAX functions", "10 out of 1,000,000, then a product", who, lambda: jax.block_until_ready(call(x)))


@pytest.mark.parametrize("who", ["chainopt.jax", "jax.jacfwd", "jax.jacrev"])
def test_compile_time(measure, who):
    first, second, size = CASES["hourglass 512-512-8-512-512"]
    maker = {"chainopt.jax": jacobian, "jax.jacfwd": jax.jacfwd, "jax.jacrev": jax.jacrev}[who]
    x = jnp.ones(size, SINGLE)

    def compile_anew():
        jax.clear_caches()
        begin = time.perf_counter()
        jax.jit(partial(maker(composed(first, second)))).lower(x).compile()
        return time.perf_counter() - begin

    measure("tracing and compiling", "hourglass 512-512-8-512-512", who, compile_anew, rounds=5)
