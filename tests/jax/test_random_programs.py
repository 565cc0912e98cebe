"""Jacobians of random programs, planned in every way, against JAX's own functions.

With the environment variable CHAINOPT_NIGHTLY there are 2,000 of them.
"""

import os
import random
from contextlib import suppress

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("quick_and_exact")
COUNT = 2_000 if os.environ.get("CHAINOPT_NIGHTLY") else 200


def rules_of(jax):
    """Return two functions with rules of their own: a root by Newton's steps, and a sine whose derivative is what it is."""

    def steps(x):
        return jax.lax.while_loop(lambda s: s[0] < 9, lambda s: (s[0] + 1, (s[1] + x / s[1]) / 2), (0, x))[1]

    root, sine = jax.custom_vjp(steps), jax.custom_jvp(jax.numpy.sin)
    root.defvjp(lambda x: (steps(x),) * 2, lambda root, cotangent: (cotangent / (2 * root),))
    sine.defjvps(lambda tangent, _, x: tangent * jax.numpy.cos(x))
    return root, sine


def rounded(x):
    return (x / 2).astype(np.float32).astype(np.float64)


def steps_of(jax, rng, size):
    """Return steps that a program may take from an array of a size, and the sizes of their results."""
    jnp, lax = jax.numpy, jax.lax
    rows, square = rng.integers(1, 10), rng.standard_normal((size, size)) / size
    matrix, places, spread = rng.standard_normal((size, rows)), rng.integers(0, size, 4), rng.integers(0, size + 2, size)
    root, sine = rules_of(jax)

    def repeated(x):
        for _ in range(9):
            x = jnp.tanh(x @ square)
        return x

    def positive(x):
        return 3 * jnp.eye(size) + jnp.outer(x, x)

    return [
        (lambda x: x @ matrix, rows),
        (jnp.tanh, size),
        (lambda x: x[: (size + 1) // 2], (size + 1) // 2),
        (lambda x: jnp.concatenate([x, jnp.sin(x)])[: size + 5], min(2 * size, size + 5)),
        (lambda x: x + jnp.tanh(x @ square), size),
        (lambda x: lax.scan(lambda c, t: (jnp.sin(c @ square + t), c.sum()), x, jnp.arange(3.0))[0], size),
        (lambda x: lax.cond(x.sum() > 0, lambda x: 2 * x, jnp.cos, x), size),
        (lambda x: lax.switch(jnp.int32(jnp.abs(x[0]) * 3), [jnp.sin, jnp.tanh, lambda x: x * x[0]], x), size),
        (jnp.sort, size),
        (jnp.cumsum, size),
        (lambda x: x[places], 4),
        (lambda x: jnp.take(x, jnp.argsort(x)), size),
        (jnp.zeros(size + 2).at[spread].add, size + 2),
        (lambda x: x.at[places].multiply(2.0), size),
        (lambda x: jnp.where(x > 0, x, x**3), size),
        (lambda x: x / jnp.sqrt(1 + x @ x), size),
        (lambda x: lax.fori_loop(0, 3, lambda i, x: jnp.sin(x) + i, x), size),
        (lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.sin(s[1]) + s[0]), (0, x))[1], size),
        (lambda x: x * jnp.arange(size)[::-1], size),
        (jax.nn.softmax, size),
        (lambda x: x * x.sum() - x[0], size),
        (repeated, size),
        (lambda x: x * jnp.argmax(x) + jnp.floor(x), size),
        (lambda x: x * lax.stop_gradient(jnp.cos(x)), size),
        (lambda x: jnp.linalg.solve(positive(x), x), size),
        (lambda x: jnp.linalg.cholesky(positive(x))[-1], size),
        (lambda x: jnp.linalg.inv(positive(x))[0] * jnp.linalg.slogdet(positive(x))[1], size),
        (lambda x: root(1 + x * x), size),
        (lambda x: sine(x) * 2, size),
        (jax.checkpoint(lambda x: jnp.sin(x) * x.sum()), size),
        (lambda x: jax.vmap(lambda row: jnp.tanh(row @ x))(square), size),
        (lambda x: jnp.exp(1j * x).imag + (x * (1 + 1j)).real, size),  # no FFT: XLA fails at some layouts of its operand
        (rounded, size),
    ]


def program(jax, seed):
    chance, rng = random.Random(seed), np.random.default_rng(seed)
    size = first = chance.choice([1, 2, 5, 12])
    steps = []
    for _ in range(chance.randint(2, 6)):
        step, size = chance.choice(steps_of(jax, rng, size))
        steps.append(step)

    def function(x):
        y = x
        for number, step in enumerate(steps):
            before, y = y, step(y)
            if (seed + number) % 5 == 0 and before.shape == y.shape:
                y = before - y  # a skip
        return x + y if seed % 3 == 0 and y.shape == x.shape else y

    tolerance = 1e-5 if rounded in steps else 1e-10  # what is rounded to float32 may be rounded to the other side
    return function, jax.numpy.asarray(rng.standard_normal((2, first))), tolerance


def reference(jax, function, points):
    """Return JAX's own Jacobian in the mode that the function has, and its values; with neither mode nothing is to compare."""
    for own in (jax.jacrev(function), jax.jacfwd(function)):
        try:
            return own, np.asarray(jax.jit(jax.vmap(own))(points))
        except (ValueError, TypeError):
            pass
    return None, None


def differences(function, x, step=1e-4):
    """Return the Jacobian by central differences."""
    columns = [(function(x + step * unit) - function(x - step * unit)) / (2 * step) for unit in np.eye(len(x))]
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("seed", range(COUNT))
def test_equal_to_jax(jax, seed):
    from chainopt import ChainError
    from chainopt.jax import jacobian

    function, points, tolerance = program(jax, seed)
    own, expected = reference(jax, function, points)
    ways = [{"mode": "planned"}]
    if seed % 20 == 0:
        ways += [{"mode": "auto"}, {"mode": "planned", "chunk_size": 2}]
    for options in ways:
        derivative = jacobian(function, **options)
        if own is None:  # some steps have no JVP and others no VJP: a plan may mix the modes
            with suppress(ChainError, ValueError, TypeError):
                is_near(derivative(points[0]), differences(function, points[0]), 1e-3)  # of what may be rounded
            continue
        for point, right in zip(points, expected, strict=True):
            is_near(derivative(point), right, tolerance)
        if seed % 20 == 0:
            is_near(jax.jit(jax.vmap(derivative))(points), expected, tolerance)
    if seed % 20 == 0 and own is not None:
        left, right = jacobian(function, low_rank=True)(points[0])
        is_near(left @ right, expected[0], tolerance)


def is_near(found, expected, tolerance):
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(np.abs(expected).max(initial=0), 1.0))
