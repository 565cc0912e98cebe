"""Sparse plus low rank: the triple is the Jacobian, and its rank is that of what makes it dense."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.sparse import BCOO

from chainopt import ChainError
from chainopt.jax import hessian, jacobian

N = 24


@pytest.fixture(autouse=True)
def in_float64():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def stencil(x):
    return 0.1 * (jnp.roll(x, -1) - 2 * x + jnp.roll(x, 1)) - x * (jnp.roll(x, -1) - jnp.roll(x, 1))


def normalized(x):
    mean = jnp.mean(x)
    return (x - mean) * jax.lax.rsqrt(jnp.mean((x - mean) ** 2) + 1e-5)


def projected(x):
    rng = np.random.default_rng(5)
    left, right = rng.normal(size=(x.size, 3)), rng.normal(size=(3, x.size))
    return stencil(x) + left @ jnp.tanh(right @ x)


def halved(x):
    return jax.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * 0.5), (0, jnp.sum(x)))[1]


FUNCTIONS = {
    "stencil and mean": (lambda x: stencil(x) + jnp.mean(x**2), 1),
    "two global terms": (lambda x: stencil(x) * jnp.exp(-jnp.mean(x**2)) + jax.nn.logsumexp(x), 2),
    "unit vector": (lambda x: x / jnp.linalg.norm(x), 1),
    "softmax": (jax.nn.softmax, 1),
    "log_softmax": (jax.nn.log_softmax, 1),
    "standardized": (lambda x: (x - jnp.mean(x)) / jnp.std(x), 2),
    "standardized, by hand": (normalized, 2),
    "integral": (lambda x: stencil(x) * jnp.trapezoid(x**2), 1),
    "largest entry": (lambda x: x / jnp.max(x), 1),
    "three terms, one variable": (lambda x: stencil(x) * (jnp.mean(x) * jnp.max(x) + jnp.linalg.norm(x)), 1),
    "a projection": (projected, 3),
    "a loop that ends when it likes": (lambda x: stencil(x) + x * halved(x), 1),
    "a checkpoint": (lambda x: stencil(x) + jax.checkpoint(lambda z: jnp.sin(z).sum())(x), 1),
    "softmax of two rows": (lambda x: jax.nn.softmax(x.reshape(2, -1), -1).ravel(), 2),
    "sparse": (stencil, 0),
    "arrowhead": (lambda x: (jnp.sin(x) * x[0]).at[0].set(jnp.sum(x**2)), 0),
    "constant": (lambda x: jnp.ones(7) + 0 * x[:7].astype(int), 0),
}


def point(size=N, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, size))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_as_jacfwd(name):
    function, rank = FUNCTIONS[name]
    x = point()
    prepared, dense = jacobian(function, sparse="low-rank").prepare(x), jax.jit(jax.jacfwd(function))
    for seed in range(2):
        x = point(seed=seed)
        sparse, left, right = prepared(x)
        expected = dense(x)
        assert isinstance(sparse, BCOO)
        assert sparse.unique_indices
        places = [tuple(place) for place in np.asarray(sparse.indices).tolist()]
        assert places == sorted(set(places))
        assert left.shape == (len(expected), rank)
        assert right.shape == (rank, N)
        np.testing.assert_allclose(sparse.todense() + left @ right, expected, rtol=1e-12, atol=1e-12)
    assert prepared.colors.products <= 4
    assert prepared.pattern.nnz <= 4 * N


def some_function(rng):
    """Return a random function of stencils and global terms, some of which depend on others."""
    weights = [jnp.asarray(rng.uniform(0.5, 1.5, N)) for _ in range(4)]
    reduce = [jnp.sum, jnp.mean, lambda x: jnp.max(jnp.sin(x)), jnp.linalg.norm, jax.nn.logsumexp, jnp.std]
    scale = [jnp.tanh, jnp.sin, lambda s: 1 / (2 + s**2), jnp.exp, lambda s: s]
    picks = [(reduce[rng.integers(6)], scale[rng.integers(5)], int(rng.integers(3))) for _ in range(rng.integers(1, 4))]
    shift = int(rng.integers(1, 4))

    def function(x):
        y = x * jnp.roll(x, shift) * weights[0]
        for place, (reduced, scaled, how) in enumerate(picks):
            s = scaled(reduced(y * weights[place + 1]) / N)
            y = [lambda y, s: y + s, lambda y, s: y * s, lambda y, s: jnp.sin(y - s) + x * s][how](y, s)
        return y[rng_rows] + jnp.roll(y, 1)[rng_rows]

    rng_rows = rng.permutation(N)[: int(rng.integers(15, N + 1))]
    return function, len(picks)


@pytest.mark.parametrize("seed", range(6))
def test_random_functions(seed):
    function, terms = some_function(np.random.default_rng(seed))
    x = point(seed=seed)
    sparse, left, right = jacobian(function, sparse="low-rank")(x)
    expected = jax.jit(jax.jacfwd(function))(x)
    np.testing.assert_allclose(sparse.todense() + left @ right, expected, rtol=1e-12, atol=1e-12 * abs(expected).max())
    assert left.shape[1] <= 2 * terms  # that of a standard deviation has a mean in it
    assert sparse.nse < 12 * N


def test_under_transformations():
    def function(x):
        return jnp.sin(x) * x[::-1] * jnp.sum(x**2)

    x, dense = point(), jax.jit(jax.jacfwd(function))

    def whole(call):
        def add(x):
            sparse, left, right = call(x)
            return sparse.todense() + left @ right

        return add

    prepared = whole(jacobian(function, sparse="low-rank").prepare(x))
    np.testing.assert_allclose(jax.jit(whole(jacobian(function, sparse="low-rank")))(x), dense(x), rtol=1e-12, atol=1e-13)
    several = jnp.stack([x, 2 * x])
    found, expected = jax.jit(jax.vmap(prepared))(several), jax.jit(jax.vmap(dense))(several)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
    found, expected = (jax.jit(jax.grad(lambda x, call=call: (call(x) ** 3).sum()))(x) for call in (prepared, dense))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


def test_pytrees_several_arguments_and_auxiliary_data():
    def function(x, scale, y):
        mean = jnp.mean(x["a"]) * jnp.mean(y**2)
        return {"rows": x["a"].reshape(4, 6) * mean * scale, "few": (y + mean)[:3]}, {"mean": mean}

    x, y = {"a": point()}, point(30, 1).astype(jnp.float32)
    call = jacobian(function, (0, 2), has_aux=True, sparse="low-rank", chunk_size=2).prepare(x, 3.0, y)
    (sparse, left, right), aux = call(x, 3.0, y)
    expected, _ = jax.jit(jax.jacfwd(function, (0, 2), has_aux=True))(x, 3.0, y)
    np.testing.assert_allclose(aux["mean"], jnp.mean(x["a"]) * jnp.mean(y**2), rtol=1e-6)
    for key, tail in (("rows", (4, 6)), ("few", (3,))):
        assert left[key].shape == (*tail, 1)
        for number, one in enumerate((right[0]["a"], right[1])):
            assert one.shape == (1, (N, 30)[number])
            block = (sparse[key][0]["a"], sparse[key][1])[number]
            given = (expected[key][0]["a"], expected[key][1])[number]
            np.testing.assert_allclose(block.todense() + left[key] @ one, given, rtol=1e-5, atol=1e-7)


def test_hessians():
    def energy(x):
        return jnp.sum((x[1:] - x[:-1]) ** 4) + jnp.sum(jnp.sin(x)) ** 2

    sparse, left, right = hessian(energy, sparse="low-rank")(point())
    assert left.shape == (N, 1)
    np.testing.assert_allclose(sparse.todense() + left @ right, jax.jit(jax.hessian(energy))(point()), rtol=1e-12, atol=1e-12)


def test_what_is_prepared_can_be_pickled_and_shown():
    prepared = jacobian(jax.nn.softmax, sparse="low-rank").prepare(point())
    assert "Coloring(1 JVP of 24 columns)" in repr(prepared)
    again = pickle.loads(pickle.dumps(prepared))  # noqa: S301 -- our own
    for one, other in zip(again(point()), prepared(point()), strict=True):
        np.testing.assert_array_equal(getattr(one, "data", one), getattr(other, "data", other))


@pytest.mark.parametrize(
    ("function", "culprit"),
    [(jnp.cumsum, "cumsum"), (lambda x: jnp.tanh(jnp.outer(x, x) @ x), "dot_general"), (jnp.sort, "sort")],
)
def test_what_has_no_narrow_variables_is_refused(function, culprit):
    with pytest.raises(ChainError, match=f"no narrow variables.*what makes it dense is.*{culprit}"):
        jacobian(function, sparse="low-rank")(point())
    with pytest.raises(ChainError, match="not sparse") as caught:
        jacobian(function, sparse=True)(point())
    assert "low-rank" not in str(caught.value)


def test_sparse_true_names_low_rank_where_it_would_do():
    with pytest.raises(ChainError, match=r"what makes it dense is reduce_sum.*take sparse=.low-rank."):
        jacobian(jax.nn.softmax, sparse=True)(point())


def test_without_forward_mode():
    @jax.custom_vjp
    def f(x):
        return x - jnp.mean(x)

    f.defvjp(lambda x: (f(x), None), lambda _, g: (g - jnp.mean(g),))
    with pytest.raises(ChainError, match="no narrow"):
        jacobian(f, sparse="low-rank")(point())


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"pattern": np.eye(N)}, "pattern is given"),
        ({"mode": "forward"}, "mode is 'forward'"),
        ({"low_rank": True}, "low_rank is True"),
        ({"holomorphic": True}, "holomorphic is True"),
        ({"sparse": "low"}, "sparse is 'low'"),
        ({"sparse": 1}, "sparse is 1"),
    ],
)
def test_what_does_not_go_together(options, match):
    with pytest.raises(ChainError, match=match):
        jacobian(stencil, **({"sparse": "low-rank"} | options))
