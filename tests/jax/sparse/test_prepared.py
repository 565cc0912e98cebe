"""Prepared and plain callables: signatures, state that changes, pickles, and what is kept."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse

from chainopt import ChainError
from chainopt.functions.sparse import colors
from chainopt.jax import jacobian
from chainopt.jax.sparse import RecordedJaxpr

N = 20
STATE = {"shift": 1}


def stencil(x):
    return x * jnp.roll(x, 1) - jnp.roll(x, -1)


def shifted(x):
    return x * jnp.roll(x, STATE["shift"])


def of_dict(arguments, scale):
    return {"result": arguments["x"] * scale}


@pytest.fixture
def shift():
    yield STATE
    STATE["shift"] = 1


def point(size=N):
    return jnp.linspace(0.5, 1.5, size)


def test_what_is_prepared_tells_what_it_found():
    prepared = jacobian(stencil, sparse=True).prepare(point())
    assert isinstance(prepared.pattern, sparse.csr_array)
    assert prepared.pattern.dtype == bool
    assert prepared.pattern.nnz == 3 * N
    assert prepared.colors.jvps == 4
    assert prepared.colors.vjps == 0
    assert prepared.colors.columns.shape == (N,)
    assert prepared.plan is None
    assert prepared.__name__ == "stencil"
    assert "20x20, 60 nonzeros, Coloring(4 JVPs of 20 columns)" in repr(prepared)
    prepared.pattern.data[:] = False  # a copy
    assert prepared.pattern.data.all()


def test_an_arrowhead_takes_three_products():
    arrowhead = jacobian(lambda x: (jnp.sin(x) * x[0]).at[0].set(jnp.sum(x**2)), sparse=True)
    assert arrowhead.prepare(point(10_000)).colors.products == 3


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (({"x": jnp.ones(5)}, 2.0), "shape \\(5,\\)"),
        (({"x": jnp.ones(4, dtype=jnp.float16)}, 2.0), "float16"),
        (({"y": jnp.ones(4)}, 2.0), "nested"),
        (({"x": jnp.ones(4)}, 3.0), "not an array"),
        (({"x": jnp.ones(4)}, jnp.ones(4)), "nested|array"),
    ],
)
def test_arguments_that_are_not_alike(arguments, match):
    prepared = jacobian(of_dict, sparse=True).prepare({"x": jnp.ones(4)}, 2.0)
    np.testing.assert_allclose(prepared({"x": jnp.ones(4)}, 2.0)["result"]["x"].todense(), 2 * np.eye(4))
    with pytest.raises(ChainError, match=match):
        prepared(*arguments)


def test_keys_of_random_numbers():
    def noisy(x, key):
        return x * jax.random.normal(key, x.shape)

    key = jax.random.key(3)
    prepared = jacobian(noisy, sparse=True).prepare(point(), key)
    np.testing.assert_allclose(prepared(point(), key).todense(), jax.jacfwd(noisy)(point(), key), rtol=1e-6)


def test_pickled():
    prepared = jacobian(stencil, sparse=True, has_aux=False).prepare(point())
    again = pickle.loads(pickle.dumps(prepared))  # noqa: S301 -- our own
    assert (again.pattern != prepared.pattern).nnz == 0
    assert again.colors.columns.tolist() == prepared.colors.columns.tolist()
    assert again.__name__ == "stencil"
    np.testing.assert_allclose(again(point()).todense(), jax.jacfwd(stencil)(point()), rtol=1e-6)
    np.testing.assert_allclose(again(point()).todense(), jax.jacfwd(stencil)(point()), rtol=1e-6)
    with pytest.raises(ChainError, match="prepared for shape"):
        again(point(5))
    in_dict = pickle.loads(pickle.dumps(jacobian(of_dict, sparse=True).prepare({"x": jnp.ones(4)}, 2.0)))  # noqa: S301
    np.testing.assert_allclose(jax.jit(lambda x: in_dict(x, 2.0))({"x": jnp.ones(4)})["result"]["x"].todense(), 2 * np.eye(4))


def test_an_unpickled_one_finds_that_its_function_has_another_pattern(shift):
    text = pickle.dumps(jacobian(shifted, sparse=True).prepare(point()))
    shift["shift"] = 3
    again = pickle.loads(text)  # noqa: S301
    with pytest.raises(ChainError, match="pattern does not cover the Jacobian"):
        again(point())
    with pytest.raises(ChainError, match="prepare"):
        jax.jit(pickle.loads(text))(point())  # noqa: S301


def test_state_that_changes(shift):
    plain, dense = jacobian(shifted, sparse=True), jax.jacfwd(shifted)
    prepared = plain.prepare(point())
    np.testing.assert_allclose(prepared(point()).todense(), dense(point()), rtol=1e-6)
    for number in (1, 4, 2, 5, 6, 7, 8):
        shift["shift"] = number
        np.testing.assert_allclose(plain(point()).todense(), jax.jacfwd(shifted)(point()), rtol=1e-6)
    with pytest.raises(ChainError, match="has changed"):
        prepared(point())


def test_a_closure_that_changes():
    weights = np.ones(N, dtype=np.float32)

    def function(x):
        return x * weights

    plain = jacobian(function, sparse=True)
    assert plain(point()).todense()[3, 3] == 1
    weights[3] = 5
    assert plain(point()).todense()[3, 3] == 5


def test_what_writes_to_what_it_reads_can_be_prepared():
    calls = []

    def function(x):
        calls.append(1)
        return x * x

    prepared = jacobian(function, sparse=True).prepare(point())
    np.testing.assert_allclose(prepared(point()).todense(), np.diag(2 * point()))
    np.testing.assert_allclose(prepared(point()).todense(), np.diag(2 * point()))


def test_what_cannot_be_watched_is_not_prepared_but_computed():
    weights = np.ones((5, 2**22), dtype=np.float32)  # 80 MiB, which may change

    def function(x):
        return x * weights[:, 0].sum()

    np.testing.assert_allclose(jacobian(function, sparse=True)(point()).todense(), 5 * np.eye(N))
    with pytest.raises(ChainError, match="no prepared sparse Jacobian"):
        jacobian(function, sparse=True).prepare(point())


def test_pattern_and_colors_are_found_once_a_signature(monkeypatch):
    found = []
    colored = colors.colored
    monkeypatch.setattr(colors, "colored", lambda *args, **kwargs: found.append(1) or colored(*args, **kwargs))
    function = jacobian(lambda x: x * jnp.roll(x, 2) + 7, sparse=True)
    for size in (12, 15, 12, 15, 12):
        x = point(size)
        np.testing.assert_allclose(function(x).todense(), jax.jacfwd(function.__wrapped__)(x), rtol=1e-6)
    assert len(found) == 2
    jax.jit(function)(point(12))
    assert len(found) == 2


def test_functions_of_tracers():
    x = point()

    def outer(scale):
        return jacobian(lambda x: x * jnp.roll(x, 1) * scale, sparse=True)(x).todense().sum()

    expected = jax.grad(lambda scale: jax.jacfwd(lambda x: x * jnp.roll(x, 1) * scale)(x).sum())(2.0)
    np.testing.assert_allclose(jax.grad(outer)(2.0), expected, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.grad(outer))(2.0), expected, rtol=1e-6)

    def prepared_inside(scale):
        prepared = jacobian(lambda x: x * jnp.roll(x, 1) * scale, sparse=True).prepare(x)
        return (prepared(x).data + prepared(x).data).sum()

    np.testing.assert_allclose(jax.grad(prepared_inside)(2.0), 2 * expected, rtol=1e-6)


def test_vjps_are_not_looked_for_where_columns_need_fewer_colors(monkeypatch):
    asked, has_vjps = [], RecordedJaxpr.has_vjps.func
    monkeypatch.setattr(RecordedJaxpr, "has_vjps", property(lambda recorded: asked.append(recorded) or has_vjps(recorded)))
    assert jacobian(stencil, sparse=True).prepare(point()).colors.vjps == 0
    assert not asked
    assert jacobian(lambda x: (x**2).at[0].set(jnp.sum(x)), sparse=True).prepare(point()).colors.vjps == 2
    assert asked
