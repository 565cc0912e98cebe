"""Sparse Jacobians by stages: values, patterns, and when they are chosen."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainopt import ChainError
from chainopt.functions.sparse import staging
from chainopt.jax import jacobian
from chainopt.jax.staged import recorded

N = 20


@pytest.fixture(autouse=True)
def in_float64():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def costly(u):
    for _ in range(3):
        u = u + 0.1 * jnp.sin(u) * jnp.exp(-u * u)
    return u


def step(u):
    u = costly(u)
    return u + 0.1 * (jnp.roll(u, 1) - 2 * u + jnp.roll(u, -1))


def steps(u):
    return step(step(step(u)))


def pair(state):
    u, v = state["u"], state["v"]
    for _ in range(2):
        u, v = step(u) + 0.1 * u * v, jnp.tanh(v) + 0.1 * jnp.roll(u, 2)
    return {"all": u * v[::-1], "few": v[:4]}


def skipped(x):
    u = jnp.sin(step(x)) * x
    u = step(u) + jnp.zeros_like(u).at[3].set(2.0)
    return jnp.stack([u * jnp.roll(x, 1), jnp.ones(N)])


def narrowing(x):
    u = step(x).reshape(-1, 2).sum(1)
    return jnp.repeat(jnp.tanh(u + jnp.roll(u, 1)), 2)


def scanned(x):
    return jax.lax.scan(lambda c, _: (jnp.sin(c) * jnp.roll(c, 1), None), step(x), None, length=2)[0]


@jax.custom_jvp
def rounded(x):
    return jnp.round(x)


rounded.defjvp(lambda p, t: (jnp.round(p[0]), t[0]))
FUNCTIONS = {
    "steps": steps,
    "skips, and what is constant": skipped,
    "narrow in between": narrowing,
    "a derivative that somebody wrote": lambda x: step(rounded(3 * step(x)) * x),
    "a loop at the end": scanned,
    "mixed precision": lambda x: step(step(x).astype(jnp.float32)).astype(jnp.float64),
}


def point(seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(0.5, 1.0, N))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_as_jacfwd(name):
    function = FUNCTIONS[name]
    prepared = jacobian(function, mode="planned", sparse=True).prepare(point())
    tolerance = 1e-6 if "precision" in name else 1e-12
    for seed in range(2):
        found, expected = prepared(point(seed)), jax.jit(jax.jacfwd(function))(point(seed))
        np.testing.assert_allclose(found.todense(), expected, rtol=tolerance, atol=tolerance)
    assert found.unique_indices
    assert found.data.dtype == expected.dtype
    assert len(prepared.plan.chain) >= 2
    whole = jacobian(function, sparse=True).prepare(point())
    assert whole.plan is None  # it is too small for stages to pay
    assert (whole.pattern != prepared.pattern).nnz == 0


def some_function(rng):
    """Return random stencils, products and sums, one after the other."""
    moves = [
        lambda u, k: jnp.roll(u, k) * u,
        lambda u, k: jnp.sin(u) + jnp.roll(u, -k),
        lambda u, k: u.at[k].add(u[0] * u[-1]),
        lambda u, k: jnp.concatenate([u[k:], u[:k] ** 2]),
        lambda u, k: jnp.where(u > 0, u, 0.1 * jnp.roll(u, k)),
        lambda u, k: jnp.convolve(u, jnp.arange(1.0, k + 2), "same"),
    ]
    chosen = [(moves[rng.integers(6)], int(rng.integers(1, 4))) for _ in range(rng.integers(2, 6))]
    rows = jnp.asarray(rng.permutation(N)[: rng.integers(5, N + 1)])

    def function(u):
        for move, shift in chosen:
            u = jnp.tanh(move(u, shift))
        return u[rows]

    return function


@pytest.fixture
def every_stage(monkeypatch):
    """Let there be as many stages as there can be, whatever that saves."""
    monkeypatch.setattr(staging, "LEAST", -(10**9))
    monkeypatch.setattr(staging, "SHARE", -100)
    monkeypatch.setattr(staging, "FEWEST", 0)
    monkeypatch.setattr(recorded, "joined", list)


@pytest.mark.usefixtures("every_stage")
@pytest.mark.parametrize("function", [lambda x: jnp.max(x.reshape(-1, 2), 1), lambda x: jnp.prod(x.reshape(-1, 4), 1)])
def test_late_stages_read_what_early_ones_have_computed(function):
    prepared = jacobian(function, sparse=True).prepare(point())
    assert prepared.plan is not None
    np.testing.assert_allclose(prepared(point()).todense(), jax.jit(jax.jacfwd(function))(point()), rtol=1e-12)


@pytest.mark.usefixtures("every_stage")
@pytest.mark.parametrize("seed", range(3))
def test_random_functions(seed):
    function = some_function(np.random.default_rng(seed))
    found = jacobian(function, sparse=True)(point(seed))
    np.testing.assert_allclose(found.todense(), jax.jit(jax.jacfwd(function))(point(seed)), rtol=1e-12, atol=1e-13)


def test_pytrees():
    state = {"u": point(), "v": point(1)}
    found = jacobian(pair, mode="planned", sparse=True, chunk_size=2)(state)
    expected = jax.jit(jax.jacfwd(pair))(state)
    for result, blocks in expected.items():
        for name, block in blocks.items():
            np.testing.assert_allclose(found[result][name].todense(), block, rtol=1e-12, atol=1e-13)


def test_auxiliary_data_and_several_arguments_forbid_no_cut():
    def function(u, scale):
        first = step(u)
        last = scale * step(scale * step(first))
        return last, jnp.sum(first)

    def count(*args, **asked):
        return len(jacobian(function, mode="planned", sparse=True, has_aux=True, **asked).plan(*args).chain)

    alone = jacobian(lambda u: function(u, 0.7)[0], mode="planned", sparse=True).plan(point())
    assert count(point(), 0.7) == count(point(), jnp.asarray(0.7), argnums=(0, 1)) == len(alone.chain) > 2


def test_under_transformations_and_pickled():
    def function(x):
        return step(jnp.sin(x) * x[::-1])

    x, dense = point(), jax.jit(jax.jacfwd(function))
    prepared = jacobian(function, mode="planned", sparse=True).prepare(x)
    several = jnp.stack([x, 2 * x])
    found, expected = (jax.jit(jax.vmap(call))(several) for call in (lambda x: prepared(x).todense(), dense))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    gradient = jax.jit(jax.grad(lambda x: (prepared(x).data ** 3).sum()))(x)
    np.testing.assert_allclose(gradient, jax.jit(jax.grad(lambda x: (dense(x) ** 3).sum()))(x), rtol=1e-10, atol=1e-11)
    bad = x.at[0].set(jnp.nan)
    np.testing.assert_allclose(prepared(bad).todense()[3], dense(bad)[3], rtol=1e-12)
    np.testing.assert_allclose(prepared(x.at[0].set(jnp.inf)).todense()[3], dense(x.at[0].set(jnp.inf))[3], rtol=1e-12)


def test_a_prepared_one_is_pickled_with_its_plan():
    prepared = jacobian(scanned, mode="planned", sparse=True).prepare(point())
    again = pickle.loads(pickle.dumps(prepared))  # noqa: S301 -- our own
    assert again.plan == prepared.plan
    np.testing.assert_array_equal(again(point()).data, prepared(point()).data)


def test_plans():
    plan = jacobian(steps, mode="planned", sparse=True).plan(point())
    assert plan.chain.shapes[0] == (N, N)
    with pytest.raises(ChainError, match="no plan"):
        jacobian(steps, sparse=True).plan(point())
    with pytest.raises(ChainError, match="no cut was found"):
        jacobian(jnp.sin, mode="planned", sparse=True)(point())


def test_stages_are_chosen_where_they_pay():
    x = jnp.linspace(0.5, 1.0, 2000)

    def many(u, step):
        for _ in range(10):
            u = step(u)
        return u

    assert jacobian(lambda u: many(u, step), sparse=True).prepare(x).plan is not None
    linear = jacobian(lambda u: many(u, lambda u: u + 0.1 * (jnp.roll(u, 1) - jnp.roll(u, -1))), sparse=True)
    assert linear.prepare(x).plan is None  # XLA computes it while it compiles
    assert jacobian(step, sparse=True).prepare(x).plan is None
