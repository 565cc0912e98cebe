"""A derivative that somebody wrote, and that is not linear in what it gets, cannot be multiplied in another order."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from chainopt import ChainError  # noqa: E402
from chainopt.jax import hessian, jacobian  # noqa: E402 -- it needs JAX

RNG = np.random.default_rng(0)
NARROW, WIDE = (jnp.asarray(RNG.standard_normal(shape), jnp.float32) for shape in ((4, 64), (64, 4)))
POINT = jnp.asarray(RNG.standard_normal(64), jnp.float32)


def pulled_by(rule):
    @jax.custom_vjp
    def same(x):
        return x

    same.defvjp(lambda x: (x, None), lambda _, cotangent: (rule(cotangent),))
    return same


def pushed_by(rule):
    @jax.custom_jvp
    def same(x):
        return jnp.sin(x)

    same.defjvp(lambda primals, tangents: (jnp.sin(*primals), rule(*tangents)))
    return same


def bottleneck(before=None, inside=None, behind=None):
    def function(x):
        x = jnp.sin(x) if before is None else before(x)
        x = jnp.tanh(NARROW @ x)
        x = jnp.tanh(WIDE @ (x if inside is None else inside(x)))
        return x if behind is None else behind(x)

    return function


CLIPPED = {
    "clipped": lambda cotangent: jnp.clip(cotangent, -0.1, 0.1),
    "of length one": lambda cotangent: cotangent / jnp.linalg.norm(cotangent),
    "signs": jnp.sign,
    "clipped in steps": lambda cotangent: jax.lax.scan(
        lambda u, _: (jnp.clip(u / 2, -0.1, 0.1), None), cotangent, None, length=2
    )[0],
    "clipped where it is large": lambda cotangent: jax.lax.cond(cotangent[0] > 0, lambda u: u, lambda u: 2 * u, cotangent),
}
LINEAR = {
    "reversed": lambda cotangent: -0.5 * cotangent,
    "summed": jnp.cumsum,
    "in a call": jax.jit(lambda cotangent: 2 * cotangent[::-1]),
}


@pytest.mark.parametrize("place", ["before", "inside", "behind"])
@pytest.mark.parametrize("name", CLIPPED)
def test_what_is_not_linear_is_left_to_jax(name, place):
    function = bottleneck(**{place: pulled_by(CLIPPED[name])})
    derivative, wanted = jacobian(function), jax.jacrev(function)(POINT)
    for call in (derivative, derivative, jax.jit(derivative)):
        np.testing.assert_allclose(call(POINT), wanted, rtol=1e-4, atol=1e-6)
    with pytest.raises(ChainError, match="may not be linear"):
        derivative.plan(POINT)


@pytest.mark.parametrize("name", CLIPPED)
def test_tangents_are_clipped_as_jax_clips_them(name):
    function = bottleneck(inside=pushed_by(CLIPPED[name]))  # which JAX cannot transpose: there is no reverse mode
    derivative, wanted = jacobian(function), jax.jacfwd(function)(POINT)
    for call in (derivative, jax.jit(derivative)):
        np.testing.assert_allclose(call(POINT), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", LINEAR)
def test_what_is_linear_is_planned(name):
    function = bottleneck(inside=pulled_by(LINEAR[name]))
    derivative = jacobian(function)
    assert derivative.plan(POINT).mode.value == "hybrid"
    np.testing.assert_allclose(derivative(POINT), jax.jacrev(function)(POINT), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("by", [pulled_by, pushed_by])
def test_sparse_ones_are_compressed_as_a_whole(by):
    pytest.importorskip("scipy")
    same = by(CLIPPED["clipped"])

    def function(x):
        for _ in range(4):
            x = jnp.sin(x) * (jnp.roll(x, 1) + jnp.roll(x, -1))
            x = same(x)
        return x

    x = jnp.linspace(0.2, 0.9, 300)
    wanted = (jax.jacrev if by is pulled_by else jax.jacfwd)(function)(x)
    np.testing.assert_allclose(jacobian(function, sparse=True)(x).todense(), wanted, rtol=1e-4, atol=1e-6)
    for options in ({"sparse": "low-rank"}, {"sparse": True, "mode": "planned"}):
        with pytest.raises(ChainError):
            jacobian(function, **options)(x)


def test_a_hessian_through_a_clipped_gradient():
    function = bottleneck(inside=pulled_by(CLIPPED["clipped"]))

    def loss(x):
        return jnp.sum(function(x) ** 2)

    wanted = jax.jacrev(jax.jacrev(loss))(POINT)
    np.testing.assert_allclose(jax.jit(hessian(loss))(POINT), wanted, rtol=1e-3, atol=1e-5)
