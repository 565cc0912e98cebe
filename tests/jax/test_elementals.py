"""Jacobians that the function holds already: matrices between elementwise functions, and diagonals."""

import math

import numpy as np
import pytest

from chainopt.graphs.whole_stages import SCALED


@pytest.fixture(scope="module")
def jnp(jax):
    return jax.numpy


@pytest.fixture(scope="module")
def jacobian(jax):  # noqa: ARG001 -- chainopt.jax needs it
    from chainopt.jax import jacobian

    return jacobian


RNG = np.random.default_rng(3)
SQUARE, TALL, CUBE = RNG.standard_normal((6, 6)), RNG.standard_normal((6, 4)), RNG.standard_normal((5, 2, 3))


def products(jax, jnp):
    """Functions with the shapes of their arguments, and whether their Jacobian is one matrix that can be read off."""

    def gated(x):
        h = jax.nn.relu(x) @ TALL
        return h * jax.nn.sigmoid(h)

    return {
        "vector times matrix": (lambda x: x @ TALL, (6,), True),
        "matrix times vector": (lambda x: TALL.T @ x, (6,), True),
        "a matrix of one row": (lambda x: x @ TALL, (1, 6), True),
        "between elementwise functions": (lambda x: jnp.tanh(jnp.exp(x) @ TALL + 1) * 2, (6,), True),
        "with branches inside": (gated, (6,), True),
        "all axes": (lambda x: jnp.tensordot(CUBE, x, axes=[[1, 2], [0, 1]]), (2, 3), True),
        "axes in another order": (lambda x: jnp.tensordot(x, CUBE, axes=[[0, 1], [2, 1]]), (3, 2), True),
        "to a number": (lambda x: x @ TALL[:, 0], (6,), True),
        "two products": (lambda x: (x @ SQUARE) @ TALL, (6,), False),
        "products with itself": (lambda x: x @ (x[:, None] * TALL), (6,), False),
        "a sum of products": (lambda x: x @ TALL + (2 * x) @ TALL[::-1], (6,), False),
        "more rows than one": (lambda x: x @ TALL, (2, 6), False),
        "no elementwise function": (lambda x: jnp.cumsum(x @ TALL), (6,), False),
    }


def test_what_is_read_off_a_matrix(jax, jnp, jacobian):
    for name, (function, shape, is_known) in products(jax, jnp).items():
        x = jnp.asarray(RNG.standard_normal(shape), np.float32)
        derivative = jacobian(function, mode="planned")
        expected = jax.jacfwd(function)(x)
        np.testing.assert_allclose(derivative(x), expected, rtol=1e-4, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(jax.jit(derivative)(x), expected, rtol=1e-4, atol=1e-5, err_msg=name)
        plan = derivative.plan(x)
        entries = math.prod(plan.chain[0].shape)
        assert (len(plan.chain) == 1 and plan.cost in {entries, SCALED * entries}) is is_known, name


def test_an_elementwise_function_is_diagonal(jax, jacobian, jnp):
    x = jnp.linspace(0.1, 1, 50)
    derivative = jacobian(lambda x: jnp.sin(x) * x + jnp.where(x > 0.5, x, 2 * x), mode="planned")
    expected = jax.jacfwd(derivative.function)(x)
    np.testing.assert_allclose(derivative(x), expected, rtol=1e-5, atol=1e-6)
    one = derivative.plan(x).cost
    assert one == derivative.plan(jnp.ones(100)).cost // 2
    assert type(jacobian(derivative.function)(x)) is type(expected)


def test_a_derivative_that_somebody_wrote_need_not_be_elementwise(jax, jacobian, jnp):
    @jax.custom_jvp
    def smoothed(x):
        return jnp.sin(x)

    smoothed.defjvp(lambda primals, tangents: (jnp.sin(*primals), jnp.cumsum(tangents[0])))
    x = jnp.linspace(0.1, 1, 9)
    function = jacobian(lambda x: 2 * smoothed(x), mode="planned")
    np.testing.assert_allclose(function(x), jax.jacfwd(function.function)(x), rtol=1e-6)
    named = {name: getattr(jax.nn, name) for name in ("relu", "gelu", "silu", "softplus", "elu", "selu", "relu6", "leaky_relu")}
    for name, activation in named.items():
        function = jacobian(activation, mode="planned")
        np.testing.assert_allclose(function(x), jax.jacfwd(activation)(x), rtol=1e-5, atol=1e-7, err_msg=name)
        assert len(function.plan(x).chain) == 1
        assert function.plan(x).chain.structures is not None, name


def test_the_first_and_the_last_matrix_are_not_multiplied_by_identities(jacobian, jnp):
    weights = [jnp.asarray(RNG.standard_normal((40, 40)) / 6) for _ in range(3)]

    def function(x):
        for weight in weights:
            x = jnp.tanh(x @ weight)
        return x

    x = jnp.ones(40)
    planned = jacobian(function, mode="planned").plan(x)
    assert planned.cost < 0.75 * jacobian(function, mode="forward").plan(x).cost


def test_seeds_are_no_constants(jax, jacobian, jnp):
    """An identity of 400 x 400 float32 numbers, 640,000 bytes, would be a constant in what is compiled."""
    function = jacobian(lambda x: jnp.cumsum(jnp.sin(jnp.cumsum(x))), mode="planned")
    assert len(jax.jit(function).lower(jnp.ones(400)).as_text()) < 100_000
