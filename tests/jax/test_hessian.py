"""Hessians of JAX functions: against jax.hessian, in all the ways in which people call it."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from chainopt import ChainError


@pytest.fixture(scope="module", autouse=True)
def _double(jax):
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture(scope="module")
def jnp(jax):
    return jax.numpy


@pytest.fixture(scope="module")
def hessian(jax):  # noqa: ARG001 -- chainopt.jax needs it
    from chainopt.jax import hessian

    return hessian


def values(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def network(jnp, *sizes):
    weights = [jnp.asarray(values(number, *shape) / math.sqrt(shape[0])) for number, shape in enumerate(pairwise(sizes))]

    def function(x):
        for weight in weights:
            x = jnp.tanh(x @ weight)
        return x

    return function


def assert_same(jax, one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert (left.shape, left.dtype) == (right.shape, right.dtype)
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-11 * max(float(abs(right).max()), 1e-30))


@pytest.fixture
def narrow(jnp):
    """A loss of three features of thirty inputs, with a point."""
    net, weights = network(jnp, 3, 40, 40, 1), jnp.asarray(values(9, 30, 3) / 5)
    return (lambda x: net(x @ weights)[0]), jnp.asarray(values(8, 30))


def functions(jax, jnp):
    design, labels = jnp.asarray(values(1, 20, 6)), jnp.asarray(values(2, 20) > 0)
    wide = network(jnp, 6, 3, 5)

    def loop(x):
        return jax.lax.fori_loop(0, 3, lambda _, state: jnp.sin(state) * x[0], x).sum()

    @jax.custom_vjp
    def doubled(x):
        return jnp.sin(x).sum()

    doubled.defvjp(lambda x: (jnp.sin(x).sum(), x), lambda x, cotangent: (2 * cotangent * jnp.cos(x),))

    return {
        "Rosenbrock": lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(),
        "a quadratic form": lambda x: x @ design.T @ design @ x,
        "logsumexp": jax.scipy.special.logsumexp,
        "logistic regression": lambda x: jnp.logaddexp(0, jnp.where(labels, -1, 1) * (design @ x)).mean(),
        "linear": lambda x: x.sum() * 2,
        "constant": lambda x: jnp.zeros(()) * x.shape[0],
        "a determinant": lambda x: jnp.linalg.slogdet(jnp.outer(x, x) + jnp.eye(6))[1],
        "a loop": loop,
        "a rule of its own": lambda x: doubled(x * x),
        "a branch": lambda x: jax.lax.cond(x.sum() > 0, jnp.sum, lambda x: (x**3).sum(), x),
        "a result of one entry": lambda x: (x**3).sum()[None],
        "several results": wide,
        "a dict of results": lambda x: {"loss": (x**4).sum(), "features": wide(x)},
    }


@pytest.mark.parametrize("name", [*functions(pytest.importorskip("jax"), pytest.importorskip("jax").numpy)])
def test_any_function(jax, jnp, hessian, name):
    function = functions(jax, jnp)[name]
    ours, own = hessian(function), jax.jit(jax.hessian(function))
    points = [jnp.asarray(values(seed, 6)) for seed in (3, 4)]
    for point in (*points, points[0]):
        assert_same(jax, ours(point), own(point))


def test_pure_modes(jax, jnp, hessian):
    function, x = functions(jax, jnp)["several results"], jnp.asarray(values(3, 6))
    for mode, own in {"forward": jax.hessian(function), "reverse": jax.jacrev(jax.jacrev(function))}.items():
        ours = hessian(function, mode=mode)
        assert str(jax.make_jaxpr(ours)(x)) == str(jax.make_jaxpr(own)(x))
        assert_same(jax, ours(x), own(x))


def test_a_narrow_loss_is_planned(jax, hessian, narrow):
    function, x = narrow
    ours = hessian(function)
    assert ours.plan(x).mode == "hybrid"
    for point in (x, x[::-1], x):
        assert_same(jax, ours(point), jax.hessian(function)(point))
    assert_same(jax, hessian(function, mode="planned")(x), jax.hessian(function)(x))


def test_several_results_of_a_narrow_function(jax, jnp, hessian):
    function = network(jnp, 30, 2, 20)
    x = jnp.asarray(values(3, 30))
    ours = hessian(function, mode="planned")
    for point in (x, -x):
        assert_same(jax, ours(point), jax.hessian(function)(point))


def test_what_has_nothing_to_gain_is_left_to_jax(jax, jnp, hessian):
    function = functions(jax, jnp)["Rosenbrock"]
    x = jnp.ones(6)
    assert str(jax.make_jaxpr(hessian(function))(x)) == str(jax.make_jaxpr(jax.hessian(function))(x))


@pytest.mark.parametrize("mode", ["auto", "planned"])
def test_under_transformations(jax, jnp, hessian, narrow, mode):
    function, x = narrow
    ours, own = hessian(function, mode=mode), jax.hessian(function)
    batch = jnp.stack([x, x[::-1]])
    assert_same(jax, jax.jit(ours)(x), own(x))
    assert_same(jax, jax.vmap(ours)(batch), jax.vmap(own)(batch))
    third = [jax.grad(lambda x, made=made: jnp.sin(made(x)).sum()) for made in (ours, own)]
    assert_same(jax, third[0](x), third[1](x))
    assert_same(jax, jax.jacfwd(ours)(x[:30]), jax.jacfwd(own)(x[:30]))


@pytest.mark.parametrize("mode", ["auto", "planned"])
def test_pytrees_and_positions(jax, jnp, hessian, mode):
    def loss(parameters, data, scale=1.0):
        return (jnp.tanh(data @ parameters["w"] + parameters["b"][0]) * parameters["b"][1]).sum() * scale

    parameters = {"w": jnp.asarray(values(1, 20, 2)), "b": (jnp.asarray(values(2, 2)), jnp.asarray(values(3, 2)))}
    data = jnp.asarray(values(4, 20))
    for argnums in (0, 1, -1, (0, 1), (1, 0), [0]):
        ours, own = hessian(loss, argnums, mode=mode), jax.hessian(loss, argnums)
        assert_same(jax, ours(parameters, data), own(parameters, data))
        assert_same(jax, ours(parameters, data, scale=2.0), own(parameters, data, scale=2.0))


@pytest.mark.parametrize("mode", ["auto", "planned"])
def test_auxiliary_data(jax, jnp, hessian, narrow, mode):
    function, x = narrow

    def with_aux(x):
        return function(x), {"twice": 2 * x, "text": "kept"}

    got, aux = hessian(with_aux, has_aux=True, mode=mode)(x)
    assert_same(jax, got, jax.hessian(function)(x))
    assert aux["text"] == "kept"
    np.testing.assert_array_equal(aux["twice"], 2 * x)
    wide = hessian(lambda x: (jnp.sin(x[:2]), x[2] * 2), has_aux=True)(x)
    assert_same(jax, wide, jax.hessian(lambda x: (jnp.sin(x[:2]), x[2] * 2), has_aux=True)(x))


def test_complex_numbers(jax, jnp, hessian):
    z = jnp.asarray(values(1, 4) + 1j * values(2, 4))
    ours, own = (made(lambda z: (z**3).sum(), holomorphic=True) for made in (hessian, jax.hessian))
    assert_same(jax, ours(z), own(z))


def test_dtypes_are_those_of_jax(jax, jnp, hessian):
    x = jnp.asarray(values(1, 30), jnp.float32)
    weights = jnp.asarray(values(2, 30, 2))
    for function in (lambda x: jnp.tanh(x @ weights.astype(jnp.float32)).sum() ** 2, lambda x: jnp.tanh(x @ weights).sum() ** 2):
        got, expected = hessian(function)(x), jax.hessian(function)(x)
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, atol=1e-5)
    y = jnp.asarray(values(3, 30))
    got, expected = (made(lambda a, b: jnp.tanh(a @ b) ** 2, (0, 1))(x, y) for made in (hessian, jax.hessian))
    assert [[block.dtype for block in row] for row in got] == [[block.dtype for block in row] for row in expected]


def test_errors_are_those_of_jax(jax, jnp, hessian):
    for function, arguments in [
        (lambda x: x.sum(), (jnp.arange(3),)),
        (lambda x: jax.lax.while_loop(lambda s: s.sum() < 9, lambda s: s * 2, x).sum(), (jnp.ones(3),)),
        (lambda x: jnp.sin(x).sum(), (jnp.ones(3) * 1j,)),
    ]:
        with pytest.raises(Exception) as expected:  # noqa: PT011 -- whichever JAX raises
            jax.hessian(function)(*arguments)
        with pytest.raises(expected.type) as raised:
            hessian(function)(*arguments)
        assert str(raised.value)[:40] == str(expected.value)[:40]
    with pytest.raises(ChainError, match="mode is 'both'"):
        hessian(jnp.sum, mode="both")
    with pytest.raises(ChainError, match="cannot be planned"):
        hessian(lambda x: x * 1j, mode="planned", holomorphic=True)(jnp.ones(3) * 1j)


def test_what_lacks_forward_mode_is_left_to_reverse_mode(jax, jnp, hessian):
    @jax.custom_vjp
    def inner(x):
        return jnp.sin(x)

    inner.defvjp(lambda x: (inner(x), x), lambda x, cotangent: (cotangent * inner(x + jnp.pi / 2),))
    x = jnp.asarray(values(1, 4))
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.hessian(lambda x: inner(x).sum())(x)
    assert_same(jax, hessian(lambda x: inner(x).sum())(x), jax.jacrev(jax.jacrev(lambda x: inner(x).sum()))(x))


def test_it_looks_like_its_function(jax, jnp, hessian):
    def loss(x):
        """Say what it costs."""
        return (x**3).sum()

    ours = hessian(loss)
    assert (ours.__name__, ours.__doc__, repr(ours)[:16]) == ("loss", "Say what it costs.", "hessian(<functio")
    tuned = ours.tune(jnp.ones(3))
    assert_same(jax, tuned(jnp.ones(3)), jax.hessian(loss)(jnp.ones(3)))
    assert set(tuned.times) == {"forward", "reverse", "planned", "elimination"}


def test_a_closure_that_is_made_anew(jax, jnp, hessian):
    x = jnp.asarray(values(1, 30))
    for factor in (1.0, 2.0, 3.0):
        weights = jnp.asarray(values(int(factor), 30, 2))

        def loss(x, weights=weights, factor=factor):
            return jnp.tanh(factor * (x @ weights)).sum() ** 2

        assert_same(jax, hessian(loss)(x), jax.hessian(loss)(x))


@dataclass(frozen=True, slots=True)
class Scaled:
    """A function that has a hash, and no weak references."""

    factor: float

    def __call__(self, x):
        return (x**3).sum() * self.factor


@pytest.mark.parametrize("options", [{}, {"mode": "planned"}, {"mode": "elimination"}, {"sparse": True}])
def test_a_function_without_weak_references(jax, options):
    from chainopt.jax import hessian

    x = jax.numpy.arange(1.0, 4.0)
    for _ in range(3):
        found = hessian(Scaled(2.0), **options)(x)
        np.testing.assert_allclose(found.todense() if "sparse" in options else found, np.diag(12 * np.arange(1.0, 4.0)))
