"""Sparse Jacobians are the dense ones, for functions of many kinds and under JAX's transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.sparse import BCOO

from chainopt.jax import jacobian

N = 24
RNG = np.random.default_rng(3)
TRIANGLES = RNG.integers(0, N, (20, 3))
KERNEL = RNG.normal(size=(1, 1, 3, 3))


@pytest.fixture(autouse=True)
def in_float64():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def jacfwd(function, argnums=0):
    """The dense Jacobian, compiled as a whole: equation by equation takes longer."""
    return jax.jit(jax.jacfwd(function, argnums))


def burgers(u):
    return 0.1 * (jnp.roll(u, -1) - 2 * u + jnp.roll(u, 1)) - u * (jnp.roll(u, -1) - jnp.roll(u, 1))


def brusselator(y):
    u, v = y.reshape(2, 6, 6)

    def spread(a):
        return sum(jnp.roll(a, shift, axis) for shift in (1, -1) for axis in (0, 1)) - 4 * a

    return jnp.stack([1 + u * u * v - 4.4 * u + 0.1 * spread(u), 3.4 * u - u * u * v + 0.1 * spread(v)])


def arrowhead(x):
    return (jnp.sin(x) * x[0]).at[0].set(jnp.sum(x**2))


def convolution(x):
    return jnp.tanh(jax.lax.conv_general_dilated(x.reshape(1, 1, 8, 8), jnp.asarray(KERNEL), (1, 1), "SAME"))


def assembly(x):
    corners = x[TRIANGLES]
    parts = corners * jnp.sum(corners**2, axis=1, keepdims=True)
    return jnp.zeros(N).at[TRIANGLES].add(parts)


def blocks(x):
    z = x.reshape(-1, 3)
    return (jnp.sin(z) * jnp.sum(z * z, 1, keepdims=True)).ravel()


def rows_and_diagonal(x):
    return jnp.concatenate([jnp.stack([jnp.sum(x**3), jnp.prod(jnp.cos(x))]), x[1:] * x[:-1]])


FUNCTIONS = {
    "Burgers": (burgers, N),
    "Brusselator": (brusselator, 72),
    "arrowhead": (arrowhead, N),
    "convolution": (convolution, 64),
    "assembly": (assembly, N),
    "blocks": (blocks, N),
    "two full rows": (rows_and_diagonal, N),
    "differences": (lambda x: x[1:] ** 2 - x[:-1], N),
    "nothing": (lambda x: jnp.ones(7) + 0 * x[:7].round(), N),
    "constant": (lambda x: jnp.ones(7), N),  # noqa: ARG005
    "one result": (lambda x: jnp.sin(x[2]), N),
    "no results": (lambda x: x[:0], N),
    "gather": (lambda x: x[TRIANGLES[:, 0]] ** 2, N),
}


def point(size, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(0.2, 1.0, size))


def assert_tidy(found):
    assert isinstance(found, BCOO)
    assert (found.n_batch, found.n_dense) == (0, 0)
    assert found.unique_indices
    assert found.indices_sorted
    places = [tuple(place) for place in np.asarray(found.indices).tolist()]
    assert places == sorted(set(places))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_as_jacfwd(name):
    function, size = FUNCTIONS[name]
    sparse, dense = jacobian(function, sparse=True), jacfwd(function)
    x = point(size)
    found, expected = sparse(x), dense(x)
    assert_tidy(found)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.todense(), expected, rtol=1e-12, atol=1e-14)
    y = point(size, 1)  # what was found holds for all inputs
    np.testing.assert_allclose(sparse(y).todense(), dense(y), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "prepares"), [("arrowhead", False), ("assembly", True)])
def test_under_transformations(name, prepares):
    function, size = FUNCTIONS[name]
    x, dense = point(size), jacfwd(function)
    sparse = jacobian(function, sparse=True)
    sparse = sparse.prepare(x) if prepares else sparse
    np.testing.assert_allclose(jax.jit(sparse)(x).todense(), dense(x), rtol=1e-12, atol=1e-14)
    assert_tidy(jax.jit(sparse)(x))
    several = jnp.stack([x, 2 * x, x[::-1]])
    np.testing.assert_allclose(jax.vmap(lambda x: sparse(x).todense())(several), jax.vmap(dense)(several), rtol=1e-12, atol=1e-14)
    gradient = jax.grad(lambda x: (sparse(x).data ** 2).sum())(x)
    np.testing.assert_allclose(gradient, jax.grad(lambda x: (dense(x) ** 2).sum())(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(sparse(x).todense(), dense(x), rtol=1e-12, atol=1e-14)


def of_pytrees(x, y):
    return {"both": x["a"] * y[:4], "one": (jnp.outer(x["b"], jnp.ones(2)), y[0] * y)}


@pytest.mark.parametrize("argnums", [-1, (1, 0)])
def test_pytrees_and_argnums(argnums):
    x, y = {"a": point(4), "b": point(3, 1)}, point(6, 2)
    expected = jacfwd(of_pytrees, argnums)(x, y)
    reverse = jacobian(of_pytrees, argnums, sparse=True, mode="reverse")
    for found in (jacobian(of_pytrees, argnums, sparse=True)(x, y), reverse.prepare(x, y)(x, y)):
        leaves, tree = jax.tree.flatten(found, is_leaf=lambda leaf: isinstance(leaf, BCOO))
        assert tree == jax.tree.structure(expected)
        for leaf, whole in zip(leaves, jax.tree.leaves(expected), strict=True):
            assert_tidy(leaf)
            np.testing.assert_allclose(leaf.todense(), whole, rtol=1e-12)


@pytest.mark.parametrize(("mode", "chunk_size"), [("forward", 7), ("reverse", 3), ("auto", 1)])
def test_modes_and_chunks(mode, chunk_size):
    x = point(N)
    found = jacobian(arrowhead, sparse=True, mode=mode, chunk_size=chunk_size).prepare(x)
    np.testing.assert_allclose(found(x).todense(), jacfwd(arrowhead)(x), rtol=1e-12, atol=1e-14)
    assert found.colors.vjps == 0 or mode != "forward"
    assert found.colors.jvps == 0 or mode != "reverse"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_dtypes(dtype):
    x = point(N).astype(dtype)
    found, expected = jacobian(arrowhead, sparse=True)(x), jacfwd(arrowhead)(x)
    assert found.dtype == expected.dtype == dtype
    tolerance = float(jnp.finfo(dtype).eps) * 4
    found, expected = np.asarray(found.todense(), dtype=float), np.asarray(expected, dtype=float)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_mixed_dtypes_are_those_of_jacfwd():
    def function(x, y):
        return (x * y).astype("float32"), x[::-1].astype("float64") * y

    x, y = point(8).astype("float32"), point(8, 1)
    for mode in ("auto", "reverse"):
        found = jacobian(function, (0, 1), sparse=True, mode=mode)(x, y)
        expected = jacfwd(function, (0, 1))(x, y)
        for row, whole in zip(found, expected, strict=True):
            for block, part in zip(row, whole, strict=True):
                assert block.dtype == part.dtype
                np.testing.assert_allclose(block.todense(), part, rtol=1e-6)


def test_auxiliary_data():
    def function(x, scale):
        return x[1:] * x[:-1] * scale, {"norm": jnp.linalg.norm(x), "name": "products"}

    x = point(N)
    found, aux = jacobian(function, sparse=True, has_aux=True)(x, 2.0)
    expected = jacfwd(lambda x: function(x, 2.0)[0])(x)
    np.testing.assert_allclose(found.todense(), expected)
    np.testing.assert_allclose(aux["norm"], jnp.linalg.norm(x))
    assert aux["name"] == "products"


def test_other_arguments_may_have_any_value():
    def function(x, places, weights, *, power):
        return weights * x[places] ** power

    sparse, dense = jacobian(function, sparse=True), jacfwd(function)
    x = point(N)
    with pytest.raises(ValueError, match="gather"):  # whichever places they are
        sparse(x, jnp.arange(8), point(8), power=2)
    assert sparse.prepare is not None
    pattern = np.zeros((8, N), dtype=bool)
    pattern[np.arange(8), np.arange(8)] = True
    found = jacobian(function, sparse=True, pattern=pattern)(x, jnp.arange(8), point(8), power=2)
    np.testing.assert_allclose(found.todense(), dense(x, jnp.arange(8), point(8), power=2))


def test_a_number_of_python():
    found = jacobian(lambda x: jnp.arange(5.0) * x, sparse=True)(3.0)
    np.testing.assert_allclose(found.todense(), jnp.arange(5.0))
    single = jacobian(jnp.sin, sparse=True)(0.5)
    assert single.shape == ()
    np.testing.assert_allclose(single.todense(), jnp.cos(0.5))


def test_complex_results_of_real_numbers():
    found = jacobian(lambda x: jnp.exp(1j * x) * x, sparse=True)(point(N))
    np.testing.assert_allclose(found.todense(), jacfwd(lambda x: jnp.exp(1j * x) * x)(point(N)), rtol=1e-12)


def test_what_acts_besides_computing(capfd):
    def function(x):
        jax.debug.print("at {}", x[0])
        return x * x

    np.testing.assert_allclose(jacobian(function, sparse=True)(point(N)).todense(), jacfwd(function)(point(N)))
    jax.effects_barrier()
    assert "at 0.7" in capfd.readouterr().out


def test_rules_of_the_users_own():
    @jax.custom_vjp
    def clipped(x):
        return x * 1.0

    clipped.defvjp(lambda x: (x * 1.0, x), lambda _, g: (jnp.clip(g, -0.5, 0.5),))

    @jax.custom_jvp
    def rounded(x):
        return jnp.round(x)

    rounded.defjvp(lambda p, t: (jnp.round(p[0]), t[0]))
    x = point(N)
    for function, dense in ((lambda x: clipped(x)[1:] * x[:-1], jax.jacrev), (lambda x: rounded(x) * x, jacfwd)):
        sparse = jacobian(function, sparse=True)
        np.testing.assert_allclose(sparse(x).todense(), dense(function)(x))
        np.testing.assert_allclose(jax.jit(sparse)(x).todense(), dense(function)(x))


def test_a_loop_without_a_reverse_mode():
    def function(x):
        return jax.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.sin(s[1]) * s[1]), (0, x))[1]

    found = jacobian(function, sparse=True)
    np.testing.assert_allclose(found(point(N)).todense(), jacfwd(function)(point(N)), rtol=1e-12)
    assert found.prepare(point(N)).colors.jvps == 1


@pytest.mark.parametrize("seed", [1])
def test_rows_and_columns_of_several_arrays(seed):
    """Full rows and columns anywhere, so that blocks are read off JVPs and VJPs both."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(40, 35)) * (np.eye(40, 35) + np.eye(40, 35, 1) > 0)
    matrix[rng.choice(40, 2, replace=False)] = rng.normal(size=(2, 35))
    matrix[:, rng.choice(35, 1)] = rng.normal(size=(40, 1))

    def function(x, y, z):
        flat = matrix @ jnp.sin(jnp.concatenate([x.ravel(), y, z[None]]))
        return flat[:12].reshape(3, 4), {"rest": flat[12:39], "last": flat[39]}

    arguments = point(20, seed).reshape(4, 5), point(14, seed + 1), point(1, seed + 2)[0]
    prepared = jacobian(function, (0, 1, 2), sparse=True).prepare(*arguments)
    assert prepared.colors.vjps
    assert prepared.colors.jvps
    found, tree = jax.tree.flatten(prepared(*arguments), is_leaf=lambda leaf: isinstance(leaf, BCOO))
    expected = jacfwd(function, (0, 1, 2))(*arguments)
    assert tree == jax.tree.structure(expected)
    for block, part in zip(found, jax.tree.leaves(expected), strict=True):
        assert_tidy(block)
        np.testing.assert_allclose(block.todense(), part, rtol=1e-12, atol=1e-14)
