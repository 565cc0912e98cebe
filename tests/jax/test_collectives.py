"""Where the points of a batch exchange values, JVPs and VJPs answer other questions: none of them are mixed, one mode answers."""

from functools import partial

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp, lax = jax.numpy, jax.lax

from chainopt import ChainError  # noqa: E402
from chainopt.jax import hessian, jacobian, value_and_jacobian  # noqa: E402 -- it needs JAX

RNG = np.random.default_rng(0)
NARROW, WIDE = (jnp.asarray(RNG.standard_normal(shape) / 4, jnp.float32) for shape in ((4, 64), (64, 4)))
BATCH = jnp.asarray(RNG.standard_normal((3, 64)), jnp.float32)
AROUND = [(0, 1), (1, 2), (2, 0)]


@jax.custom_vjp
def summed_where_pulled(x):
    return x


summed_where_pulled.defvjp(lambda x: (x, None), lambda _, cotangent: (lax.psum(cotangent, "points"),))
COLLECTIVES = {
    "in a rule": summed_where_pulled,
    "psum": lambda x: lax.psum(x, "points"),
    "pmean": lambda x: lax.pmean(x, "points"),
    "all_gather": lambda x: lax.all_gather(x, "points").sum(0),
    "ppermute": lambda x: lax.ppermute(x, "points", AROUND),
    "in a call": jax.jit(lambda x: lax.ppermute(x, "points", AROUND)),
    "in a loop": lambda x: lax.scan(lambda u, _: (lax.ppermute(jnp.sin(u), "points", AROUND), None), x, None, length=2)[0],
    "in a branch": lambda x: lax.cond(x[0] > 0, lambda u: lax.psum(u, "points"), lambda u: lax.psum(2 * u, "points"), x),
}


def narrow(exchange):
    return lambda x: jnp.tanh(WIDE @ jnp.tanh(NARROW @ exchange(jnp.sin(x))))


def over_points(derivative):
    return jax.vmap(derivative, axis_name="points")


@pytest.mark.parametrize("name", COLLECTIVES)
def test_one_mode_answers(name):
    function = narrow(COLLECTIVES[name])
    wanted = over_points(jax.jacrev(function))(BATCH)
    derivative = jacobian(function)
    for call in (over_points(derivative), over_points(derivative), jax.jit(over_points(derivative))):
        np.testing.assert_allclose(call(BATCH), wanted, rtol=1e-4, atol=1e-6)
    value, found = over_points(value_and_jacobian(function))(BATCH)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(value, over_points(function)(BATCH), rtol=1e-4, atol=1e-6)


def test_what_widens_is_answered_by_the_same_mode():
    function = narrow(COLLECTIVES["psum"])
    first, batch = WIDE @ jnp.eye(4, 2), BATCH[:, :2]
    found, wanted = (over_points(make(lambda x: function(first @ x)))(batch) for make in (jacobian, jax.jacrev))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_hessians_are_those_of_jax():
    def function(x):
        return jnp.sum(narrow(COLLECTIVES["psum"])(x) ** 2)

    found, wanted = (over_points(make(function))(BATCH) for make in (hessian, jax.hessian))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)


def test_what_demands_a_plan_is_refused():
    for options in ({"mode": "planned"}, {"mode": "elimination"}, {"low_rank": True}):
        with pytest.raises(ChainError, match=r"exchanges values along a named axis|besides computing"):
            over_points(jacobian(narrow(COLLECTIVES["psum"]), **options))(BATCH)


def test_the_place_of_a_point_is_no_exchange():
    function = narrow(lambda x: x * (1 + lax.axis_index("points")))
    found, wanted = (over_points(make(function))(BATCH) for make in (partial(jacobian, mode="planned"), jax.jacrev))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
