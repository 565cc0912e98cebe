"""Sparse Hessians are those of JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.sparse import BCOO

from chainopt import ChainError
from chainopt.jax import hessian

N = 25


@pytest.fixture(autouse=True)
def in_float64():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def jax_hessian(function, argnums=0):
    """The dense Hessian, compiled as a whole: equation by equation takes longer."""
    return jax.jit(jax.hessian(function, argnums))


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def lattice(x):
    z = x.reshape(5, 5)
    return jnp.sum(jnp.sin(z[1:] - z[:-1])) + jnp.sum((z[:, 1:] * z[:, :-1]) ** 2)


FUNCTIONS = {
    "Rosenbrock": (rosenbrock, 3),
    "sums of differences": (lambda x: jnp.sum((x[1:] - x[:-1]) ** 4), 3),
    "arrowhead": (lambda x: x[0] * jnp.sum(jnp.sin(x[1:])) + jnp.sum(x**3), 2),
    "blocks": (lambda x: jnp.sum(jnp.prod(x.reshape(-1, 5), 1)), 5),
    "lattice": (lattice, 7),
    "separable": (lambda x: jnp.sum(jnp.exp(x)), 1),
    "linear": (jnp.sum, 0),
    "no diagonal": (lambda x: jnp.sum(x[:12] * x[13:]), 2),
}


def point(size=N, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(0.3, 1.2, size))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_as_jax_hessian(name):
    function, most = FUNCTIONS[name]
    sparse, dense = hessian(function, sparse=True), jax_hessian(function)
    for seed in range(2):
        x = point(seed=seed)
        found = sparse(x)
        assert isinstance(found, BCOO)
        places = [tuple(place) for place in np.asarray(found.indices).tolist()]
        assert places == sorted(set(places))
        np.testing.assert_allclose(found.todense(), dense(x), rtol=1e-12, atol=1e-13)
    prepared = sparse.prepare(x)
    assert prepared.colors.is_symmetric
    assert prepared.colors.jvps <= most
    assert (prepared.pattern != prepared.pattern.T).nnz == 0


@pytest.mark.parametrize(("name", "prepares"), [("Rosenbrock", False), ("arrowhead", True)])
def test_under_transformations(name, prepares):
    function, _ = FUNCTIONS[name]
    x, dense = point(), jax_hessian(function)
    sparse = hessian(function, sparse=True)
    sparse = sparse.prepare(x) if prepares else sparse
    np.testing.assert_allclose(jax.jit(sparse)(x).todense(), dense(x), rtol=1e-12, atol=1e-13)
    several = jnp.stack([x, 2 * x])
    found = jax.vmap(lambda x: sparse(x).todense())(several)
    np.testing.assert_allclose(found, jax.vmap(dense)(several), rtol=1e-12, atol=1e-13)
    gradient = jax.grad(lambda x: (sparse(x).data ** 3).sum())(x)
    np.testing.assert_allclose(gradient, jax.jit(jax.grad(lambda x: (dense(x) ** 3).sum()))(x), rtol=1e-11, atol=1e-12)


def test_pytrees_and_argnums():
    def function(x, y):
        return jnp.sum(x["a"] ** 2 * y[:9]) + jnp.sum(jnp.sin(x["b"])) * y[9] + jnp.sum(y**3)

    x, y = {"a": point(9), "b": point(9, 1).reshape(3, 3)}, point(10, 2)
    for argnums in (0, (0, 1)):
        found, expected = hessian(function, argnums, sparse=True)(x, y), jax_hessian(function, argnums)(x, y)
        leaves, tree = jax.tree.flatten(found, is_leaf=lambda leaf: isinstance(leaf, BCOO))
        assert tree == jax.tree.structure(expected)
        for leaf, whole in zip(leaves, jax.tree.leaves(expected), strict=True):
            assert leaf.shape == whole.shape
            assert leaf.unique_indices
            np.testing.assert_allclose(leaf.todense(), whole, rtol=1e-12, atol=1e-13)


def test_auxiliary_data_and_modes():
    def function(x):
        return rosenbrock(x), {"value": jnp.sum(x)}

    expected = jax_hessian(rosenbrock)(point())
    for mode in ("auto", "forward", "reverse"):
        found, aux = hessian(function, has_aux=True, mode=mode, sparse=True)(point())
        np.testing.assert_allclose(found.todense(), expected, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(aux["value"], jnp.sum(point()))


def test_several_results():
    def function(x):
        return {"products": x[1:4] * x[:3] ** 2}

    found, expected = hessian(function, sparse=True)(point()), jax_hessian(function)(point())
    np.testing.assert_allclose(found["products"].todense(), expected["products"], rtol=1e-12, atol=1e-13)


def test_a_dense_one_is_refused():
    with pytest.raises(ChainError, match="not sparse"):
        hessian(lambda x: jnp.sum(x) ** 2, sparse=True)(point())


def a_gradient_that_is_scaled():
    @jax.custom_jvp
    def scale(x, y):
        return x * y

    scale.defjvp(lambda p, t: (p[0] * p[1], t[0] * p[1] + 0.1 * t[1] * p[0]))
    return lambda x: (scale(x[1:], x[:-1]) ** 2).sum() + (x**2).sum()


def a_pullback_that_is_no_gradient():
    @jax.custom_vjp
    def f(x):
        return (x**2).sum()

    f.defvjp(lambda x: ((x**2).sum(), x), lambda r, g: (g * r * jnp.roll(r, 1) ** 2,))
    return f


@pytest.mark.parametrize("make", [a_gradient_that_is_scaled, a_pullback_that_is_no_gradient])
def test_derivatives_that_somebody_wrote_need_not_be_symmetric(make):
    function, x = make(), jnp.arange(1.0, 9.0)
    expected = jax.jacrev(jax.grad(function))(x)
    np.testing.assert_allclose(hessian(function, sparse=True)(x).todense(), expected, rtol=1e-5, atol=1e-5)
    assert not np.array_equal(expected, expected.T)
