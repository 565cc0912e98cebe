"""Patterns of random programs: they hold every nonzero that JAX finds.

With the environment variable CHAINOPT_NIGHTLY there are 300 of them.
"""

import os
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax_patterns import check

COUNT = 300 if os.environ.get("CHAINOPT_NIGHTLY") else 30
SIZE = 12


@jax.custom_jvp
def straight(x):
    return jnp.sign(x)


@jax.custom_vjp
def clipped(x):
    return x * 2.0


def halved(x):
    return lax.while_loop(lambda s: jnp.abs(s).sum() > 3, lambda s: s * 0.5, x)


straight.defjvp(lambda primals, tangents: (straight(primals[0]), tangents[0] * 0.5))
clipped.defvjp(lambda x: (x * 2.0, x), lambda x, g: (jnp.clip(g, -1, 1) * jnp.cos(x),))


def steps_of(rng, *, has_pullbacks):
    """Return steps from an array of twelve entries to another one; the constants in them are drawn.

    A loop that ends by value has no reverse mode, and a function with a pullback no forward mode: one of them is among the steps.
    """
    places, shift = rng.integers(0, SIZE, SIZE), int(rng.integers(1, SIZE))
    mask, rows = rng.random(SIZE) > 0.5, int(rng.choice([2, 3, 4, 6]))
    band = np.triu(np.tril(rng.standard_normal((SIZE, SIZE)), 1), -1) * (rng.random((SIZE, SIZE)) > 0.3)
    kernel = rng.standard_normal((1, 1, 3)) * (rng.random((1, 1, 3)) > 0.3)

    def grid(x):
        return x.reshape(rows, -1)

    return [
        jnp.sin,
        lambda x: x * jnp.roll(x, shift),
        lambda x: x + jnp.tanh(jnp.flip(x)),
        lambda x: jnp.where(mask, x, jnp.roll(x, shift)),
        lambda x: jnp.where(x > 0.1, x, jnp.roll(x, shift) ** 2),
        lambda x: x * mask,
        lambda x: x[places],
        lambda x: jnp.zeros(SIZE).at[places].add(x**2),
        lambda x: x.at[places[:3]].set(x[3:6] * x[0]),
        lambda x: x.at[jnp.argmax(x)].set(x[places[0]]),
        lambda x: lax.dynamic_update_slice(x, x[:2] * 2, (places[0],)),
        lambda x: jnp.concatenate([x[shift:], jnp.ones(2), x])[:SIZE],
        lambda x: grid(x).T.ravel(),
        lambda x: (grid(x) - grid(x).mean(1, keepdims=True)).ravel(),
        lambda x: jnp.cumsum(grid(x), 1).ravel(),
        lambda x: jnp.sort(grid(x), 1).ravel(),
        lambda x: jax.nn.softmax(grid(x)).ravel(),
        lambda x: jax.vmap(lambda z: z / (1 + jnp.linalg.norm(z)))(grid(x)).ravel(),
        lambda x: jnp.fft.fft(grid(x), axis=1).real.ravel(),
        lambda x: band @ x,
        lambda x: (band * x[shift] * x).sum(1),
        lambda x: lax.conv_general_dilated(x[None, None], kernel, (1,), "SAME").ravel(),
        lambda x: lax.reduce_window(x, 0.0, lax.add, (2,), (1,), "SAME"),
        lambda x: lax.cond(x[shift] > 0, jnp.flip, jnp.sin, x),
        lambda x: lax.scan(lambda c, v: (v, c * v), x[0], x)[1],
        lambda x: lax.scan(lambda c, v: (c, c * v), x, jnp.asarray(band[0]))[0],
        lambda x: lax.fori_loop(0, 3, lambda i, y: y.at[i].set(y[i + 1] * x[i]), x),
        lambda x: lax.map(lambda z: z * x[0], x),
        lambda x: straight(x) * x[::-1],
        (lambda x: clipped(jnp.roll(x, shift))) if has_pullbacks else halved,
        lambda x: x * lax.stop_gradient(jnp.roll(x, 1)),
        jax.checkpoint(lambda x: jnp.cos(x) * x[shift]),
        jax.grad(lambda x: (jnp.sin(x[1:]) * x[:-1] ** 2).sum()),
        lambda x: jnp.zeros(SIZE).at[shift].set(jnp.sum(x**2)) + x,
    ]


@pytest.mark.parametrize("seed", range(COUNT))
def test_random_programs(seed):
    chooser, rng = random.Random(seed), np.random.default_rng(seed)
    steps = [chooser.choice(steps_of(rng, has_pullbacks=seed % 2 == 0)) for _ in range(chooser.randint(1, 5))]

    def program(x):
        for step in steps:
            x = step(x)
        return x

    check(program, SIZE, exact=False)
