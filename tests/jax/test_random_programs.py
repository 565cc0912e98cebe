"""Jacobians of random programs, planned in every way, against jax.jacfwd."""

import random

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _double(jax):
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def steps_of(jax, rng, size):
    """Return steps that a program may take from an array of a size, and the sizes of their results."""
    jnp = jax.numpy
    rows, square = rng.integers(1, 10), rng.standard_normal((size, size)) / size
    matrix, places, spread = rng.standard_normal((size, rows)), rng.integers(0, size, 4), rng.integers(0, size + 2, size)

    def repeated(x):
        for _ in range(9):
            x = jnp.tanh(x @ square)
        return x

    return [
        (lambda x: x @ matrix, rows),
        (jnp.tanh, size),
        (lambda x: x[: (size + 1) // 2], (size + 1) // 2),
        (lambda x: jnp.concatenate([x, jnp.sin(x)])[: size + 5], min(2 * size, size + 5)),
        (lambda x: x + jnp.tanh(x @ square), size),
        (lambda x: jax.lax.scan(lambda c, t: (jnp.sin(c @ square + t), c.sum()), x, jnp.arange(3.0))[0], size),
        (lambda x: jax.lax.cond(x.sum() > 0, lambda x: 2 * x, jnp.cos, x), size),
        (jnp.sort, size),
        (jnp.cumsum, size),
        (lambda x: x[places], 4),
        (jnp.zeros(size + 2).at[spread].add, size + 2),
        (lambda x: jnp.where(x > 0, x, x**3), size),
        (lambda x: x / jnp.sqrt(1 + x @ x), size),
        (lambda x: jax.lax.fori_loop(0, 3, lambda i, x: jnp.sin(x) + i, x), size),
        (lambda x: x * jnp.arange(size)[::-1], size),
        (jax.nn.softmax, size),
        (lambda x: x * x.sum() - x[0], size),
        (repeated, size),
        (lambda x: x * jnp.argmax(x) + jnp.floor(x), size),
        (lambda x: jnp.linalg.solve(3 * jnp.eye(size) + jnp.outer(x, x), x), size),
    ]


def program(jax, seed):
    chance, rng = random.Random(seed), np.random.default_rng(seed)
    size = first = chance.choice([1, 2, 5, 12])
    steps = []
    for _ in range(chance.randint(2, 9)):
        step, size = chance.choice(steps_of(jax, rng, size))
        steps.append(step)

    def function(x):
        y = x
        for step in steps:
            y = step(y)
        return x + y if seed % 3 == 0 and y.shape == x.shape else y

    return function, jax.numpy.asarray(rng.standard_normal(first))


@pytest.mark.parametrize("seed", range(8))
def test_equal_to_jacfwd(jax, seed):
    from chainopt.jax import jacobian

    function, x = program(jax, seed)
    expected = np.asarray(jax.jacfwd(function)(x))
    tolerance = 1e-11 * max(abs(expected).max(), 1.0)
    for options in ({"mode": "planned"}, {"mode": "auto"}, {"mode": "planned", "chunk_size": 2}):
        np.testing.assert_allclose(jacobian(function, **options)(x), expected, rtol=0, atol=tolerance)
    left, right = jacobian(function, low_rank=True)(x)
    np.testing.assert_allclose(left @ right, expected, rtol=0, atol=tolerance)
