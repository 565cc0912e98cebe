"""What does an entry cost in a JVP and in a VJP, in multiply-adds of a large product? For chainopt/jax/rules/."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

SIZE, AT_ONCE, STEPS = 512, 64, 16
RNG = np.random.default_rng(0)
MATRIX = jnp.asarray(RNG.standard_normal((SIZE, SIZE)) / SIZE**0.5, np.float32)
PLACES = jnp.asarray(RNG.integers(0, SIZE, SIZE))
FUNCTIONS = {
    "product with a matrix": lambda u: u @ MATRIX,
    "tanh": jnp.tanh,
    "u * u": lambda u: u * u * 0.9,
    "roll": lambda u: jnp.roll(u, 1),
    "a stencil": lambda u: u - 0.05 * u * (jnp.roll(u, -1) - jnp.roll(u, 1)),
    "gather": lambda u: u[PLACES] * 0.5,
    "cumsum": lambda u: jnp.cumsum(u) / SIZE,
    "sort": jnp.sort,
    "transpose": lambda u: u.reshape(16, -1).T.reshape(-1),
    "mean": lambda u: u - u.mean(),
}
POINT = jnp.asarray(RNG.standard_normal(SIZE), np.float32)
VECTORS = jnp.asarray(RNG.standard_normal((AT_ONCE, SIZE)), np.float32)


def repeated(step):
    return lambda x: jax.lax.scan(lambda u, _: (step(u), None), x, None, length=STEPS)[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_weights(contest, name):
    def compiled(step, mode):
        function = repeated(step)
        if mode == "JVP":
            call = jax.vmap(lambda v: jax.jvp(function, (POINT,), (v,))[1])
        else:
            call = jax.vmap(lambda v: jax.vjp(function, POINT)[1](v)[0])
        return jax.jit(call).lower(VECTORS).compile()

    calls = {"product": compiled(FUNCTIONS["product with a matrix"], "JVP")}
    calls |= {mode: compiled(FUNCTIONS[name], mode) for mode in ("JVP", "VJP")}
    times = contest(
        "JVPs and VJPs of JAX primitives",
        name,
        {who: lambda call=call: jax.block_until_ready(call(VECTORS)) for who, call in calls.items()},
    )
    weights = {mode: times[mode] / times["product"] * SIZE for mode in ("JVP", "VJP")}
    contest.note(f"{name}: {weights['JVP']:.0f} multiply-adds an entry in a JVP, {weights['VJP']:.0f} in a VJP")
    assert all(calls[mode](VECTORS).shape == VECTORS.shape for mode in ("JVP", "VJP"))
