"""Through which loops forward mode is taken, and that products cost as much to pull back through as to push."""

from itertools import pairwise

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from chainopt.jax import jacobian  # noqa: E402 -- it needs JAX
from chainopt.jax.rules import derivative_of  # noqa: E402

RNG = np.random.default_rng(0)
SIZE, STEPS = 32, 64
SQUARE = jnp.asarray(RNG.standard_normal((SIZE, SIZE)) / SIZE**0.5, np.float32)


def advected(u):
    return u - 0.1 * u * (u - jnp.roll(u, 1))


def reacting(u):
    half = SIZE // 2
    prey, predators = u[:half], u[half:]
    return jnp.concatenate([prey - prey * predators, prey * predators - predators])


def runge_kutta(rate, h=0.01):
    def step(u):
        k1 = rate(u)
        k2 = rate(u + h / 2 * k1)
        k3 = rate(u + h / 2 * k2)
        k4 = rate(u + h * k3)
        return u + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return step


def of_sizes(step, inputs, results):
    """Return a loop of these steps between as many inputs and results."""
    before, after = (jnp.asarray(RNG.standard_normal(shape), np.float32) for shape in ((inputs, SIZE), (SIZE, results)))

    def function(x):
        u, _ = jax.lax.scan(lambda u, _: (step(u), None), jnp.tanh(x @ before), None, length=STEPS)
        return u @ after

    return function


@pytest.mark.parametrize(
    ("step", "inputs", "results", "mode"),
    [
        (advected, 8, 4, "forward"),
        (advected, 12, 12, "forward"),
        (advected, 16, 4, "reverse"),
        (runge_kutta(reacting), 4, 1, "forward"),
        (runge_kutta(reacting), 16, 2, "reverse"),
        (runge_kutta(lambda u: jnp.exp(-reacting(u))), 8, 2, "forward"),
        (lambda u: jnp.tanh(u @ SQUARE), 12, 12, "forward"),
        (lambda u: jnp.tanh(u @ SQUARE), 16, 8, "reverse"),
        (lambda u: jnp.tanh(SQUARE @ u), 12, 12, "reverse"),
        (lambda u: u + 0.01 * jnp.tanh(u[:, None] - u[None, :]).sum(1), 8, 4, "reverse"),
    ],
    ids=[
        "advection 8-4",
        "12-12",
        "16-4",
        "stages 4-1",
        "16-2",
        "with exp 8-2",
        "right 12-12",
        "16-8",
        "left 12-12",
        "all pairs",
    ],
)
def test_through_a_loop(step, inputs, results, mode):
    function, x = of_sizes(step, inputs, results), jnp.linspace(0.1, 0.4, inputs)
    derivative = jacobian(function)
    assert derivative.plan(x).mode.value == mode
    wanted = jax.jacfwd(function)(x)  # XLA's sums are not the same ones in each process
    np.testing.assert_allclose(jax.jit(derivative)(x), wanted, rtol=1e-4, atol=1e-6 * np.abs(wanted).max())


def test_operations_on_small_states_are_called_by_themselves():
    def waves(u):  # a VJP of a single point takes as long for each, which is little beside what many points take
        return jnp.tanh(jnp.concatenate([u[:2] * u[2:4], u[2:4] - u[:2], u[4:] * u[0]]))

    def function(x):
        return jax.lax.scan(lambda u, _: (waves(u), None), x, None, length=STEPS)[0][:1]

    derivative, x = jacobian(function), jnp.linspace(0.1, 0.4, 10)
    batch = jnp.stack([x, 2 * x, 3 * x])
    assert derivative.plan(x).mode.value == "forward"
    found, wanted = (str(jax.make_jaxpr(jax.vmap(make(function)))(batch)) for make in (jacobian, jax.jacrev))
    assert found == wanted
    for make in (lambda one: one(x), lambda one: jax.vmap(one)(batch)):
        np.testing.assert_allclose(make(derivative), make(jax.jacrev(function)), rtol=1e-4, atol=1e-6)


def test_loops_in_calls_and_of_nothing():
    function = jax.jit(lambda x: jax.lax.scan(lambda u, _: (jax.jit(advected)(u), None), x, None, length=0)[0])
    x = jnp.linspace(0.1, 0.4, 6)
    np.testing.assert_array_equal(jacobian(function)(x), np.eye(6, dtype=np.float32))


@pytest.mark.parametrize("multiply", [lambda u: u @ SQUARE, lambda u: SQUARE @ u], ids=["right", "left"])
def test_a_product_is_pulled_back_at_the_price_of_pushing(multiply):
    (equation,) = jax.make_jaxpr(multiply)(jnp.ones(SIZE)).jaxpr.eqns
    price = derivative_of(equation).price
    assert price.jvp == price.vjp == SIZE * SIZE + SIZE


@pytest.mark.parametrize("sizes", [(30, 64, 64, 20), (96, 256, 256, 64), (12, 64, 64, 8)], ids=str)
def test_networks_that_narrow_go_in_reverse(sizes):
    weights = [jnp.asarray(RNG.standard_normal(shape) / shape[0] ** 0.5, np.float32) for shape in pairwise(sizes)]

    def network(x):
        for weight in weights:
            x = jnp.tanh(x @ weight)
        return x

    assert jacobian(network).plan(jnp.ones(sizes[0])).mode.value == "reverse"
