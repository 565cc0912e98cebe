"""Jacobians of random straight-line programs as straight-line code, against jax.jacfwd.

With the environment variable CHAINOPT_NIGHTLY there are 500 of them.
"""

import os
import random

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("quick_and_exact")
COUNT = 500 if os.environ.get("CHAINOPT_NIGHTLY") else 20
PARTS = 20  # in so many tests


def operations(jax):
    """Return operations on numbers, by how many they take, and on short arrays."""
    jnp = jax.numpy
    one = [
        jnp.sin, jnp.tanh, jnp.negative, jnp.abs, lambda a: jnp.exp(-a * a), lambda a: jnp.sqrt(1 + a * a), lambda a: a**3,
        lambda a: jnp.log(2 + jnp.cos(a)), lambda a: 1 / (1 + a * a), lambda a: 2.5 * a - 1, jax.nn.relu, jax.nn.sigmoid,
        lambda a: (1.5 + a * a) ** 0.75, jnp.arctan, lambda a: a - jax.lax.stop_gradient(a),
    ]  # fmt: skip
    two = [
        lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (2 + jnp.abs(b)), jnp.maximum, jnp.minimum,
        lambda a, b: jnp.where(a > b, a * b, a - 2 * b), jnp.hypot, jnp.arctan2,
    ]  # fmt: skip
    arrays = [
        lambda v: v.sum(), lambda v: v @ v, lambda v: jnp.cross(v[:3], v[1:4])[1], lambda v: v.max(), lambda v: v.prod(),
        lambda v: jnp.cumsum(v)[2], lambda v: jnp.outer(v, v)[1, 2], lambda v: jnp.linalg.norm(v + 3),
        lambda v: v[::-1][0] * v[1],
        lambda v: jax.nn.softmax(v)[1], lambda v: (v.reshape(2, 2) @ v.reshape(2, 2))[0, 1],
    ]  # fmt: skip
    return one, two, arrays


def program(jax, seed):
    """Return a random function and a point."""
    rng = random.Random(seed)
    one, two, arrays = operations(jax)
    inputs = rng.randint(2, 6)
    steps = []
    for _ in range(rng.randint(3, 18)):
        kind = rng.choice("112222a")
        chosen = {"1": (one, 1), "2": (two, 2), "a": (arrays, 4)}[kind]
        steps.append((rng.choice(chosen[0]), [rng.random() for _ in range(chosen[1])]))
    results = [rng.random() for _ in range(rng.randint(1, 5))]

    def function(x):
        numbers = list(x)
        for step, places in steps:
            taken = [numbers[-1 - int(place**2 * len(numbers))] for place in places]
            numbers.append(step(jax.numpy.stack(taken)) if len(taken) == 4 else step(*taken))
        return jax.numpy.stack([numbers[-1 - int(place * len(numbers))] for place in results])

    return function, np.random.default_rng(seed).uniform(-2, 2, inputs)


@pytest.mark.parametrize("part", range(PARTS))
def test_random_programs(jax, part):
    from chainopt.jax import jacobian

    for seed in range(part, COUNT, PARTS):
        function, point = program(jax, seed)
        derivative, own = jacobian(function, mode="elimination"), jax.jacfwd(function)
        points = point + np.linspace(0, 0.3, 3)[:, None]
        weights = np.random.default_rng(seed).standard_normal(jax.eval_shape(own, point).shape)
        is_alone, is_differentiated = seed % 4 == 0, seed % 4 == 1
        if is_alone:
            found, wanted = derivative(point), jax.jit(own)(point)
        elif is_differentiated:
            one, other = (lambda x, f=f, w=weights: (f(x) * w).sum() for f in (derivative, own))
            found, wanted = jax.jit(lambda x, one=one, other=other: (jax.grad(one)(x), jax.grad(other)(x)))(point)
        else:
            found, wanted = jax.jit(lambda x, d=derivative, o=own: (jax.vmap(d)(x), jax.vmap(o)(x)))(points)
        found, wanted = np.asarray(found), np.asarray(wanted)
        is_finite = np.isfinite(wanted)  # elsewhere JAX multiplies zeros by what is infinite, in each mode others
        scale = np.abs(wanted[is_finite]).max(initial=1.0)
        where = {"rtol": 1e-12, "atol": 1e-12 * scale, "err_msg": f"program {seed}"}
        np.testing.assert_allclose(found[is_finite], wanted[is_finite], **where)
