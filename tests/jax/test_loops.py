"""Steps that a function repeats: found again in its equations, and right whatever else reads them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def traced(jax):  # noqa: ARG001 -- chainopt.jax needs it
    from chainopt.jax.trace import trace

    return lambda function, x: trace(lambda *arrays: [function(*arrays)], [x])


@pytest.fixture(scope="module")
def jnp(jax):
    return jax.numpy


def names(trace):
    return [equation.name for equation in trace.equations]


def evaluated(trace, x):
    values = trace.constants | {trace.inputs[0]: x}
    for equation in trace.equations:
        equation.run(values)
    return values[trace.outputs[0]]


def stencil(jnp, u):
    return u - 0.1 * u * (u - jnp.roll(u, 1)) + 0.05 * (jnp.roll(u, 1) - 2 * u + jnp.roll(u, -1))


def test_steps_become_a_loop(jax, jnp, traced):
    def function(u):
        u = jnp.exp(u)
        for _ in range(20):
            u = stencil(jnp, u)
        return jnp.sin(u)

    x = jnp.linspace(0, 1, 30)
    trace = traced(function, x)
    assert names(trace).count("loop") == 1
    assert len(trace.equations) < len(jax.make_jaxpr(lambda u: stencil(jnp, stencil(jnp, u)))(x).eqns) * 3
    np.testing.assert_allclose(evaluated(trace, x), function(x), rtol=1e-5)
    loop = next(equation for equation in trace.equations if equation.name == "loop")
    alone = traced(lambda u: stencil(jnp, u), x)
    assert loop.price.jvp == 19 * sum(equation.price.jvp for equation in alone.equations)


def test_two_loops_and_what_is_between_them(jnp, traced):
    matrix = jnp.asarray(np.random.default_rng(0).standard_normal((30, 30)) / 6)

    def function(u):
        for _ in range(10):
            u = stencil(jnp, u)
        u = jnp.tanh(u) * 2
        for _ in range(9):
            u = jnp.tanh(u @ matrix)
        return u

    x = jnp.linspace(0, 1, 30)
    trace = traced(function, x)
    assert names(trace).count("loop") == 2
    np.testing.assert_allclose(evaluated(trace, x), function(x), rtol=2e-5, atol=1e-6)


def test_steps_of_two_values(jnp, traced):
    def function(u):
        v = jnp.zeros_like(u)
        for _ in range(12):
            u, v = u + 0.1 * jnp.roll(v, 1), v - 0.1 * jnp.roll(u, -1)
        return u + v

    x = jnp.linspace(0, 1, 10)
    trace = traced(function, x)
    assert "loop" in names(trace)
    np.testing.assert_allclose(evaluated(trace, x), function(x), rtol=1e-5)


@pytest.mark.parametrize("kind", ["what each step returns is read", "numbers differ", "matrices differ", "few", "elementwise"])
def test_what_is_no_loop(jnp, traced, kind):
    rng = np.random.default_rng(0)
    matrices = [jnp.asarray(rng.standard_normal((6, 6))) for _ in range(10)]

    def function(u):
        seen = []
        for at in range(5 if kind == "few" else 10):
            if kind == "numbers differ":
                u = stencil(jnp, u) + 0.1 * at
            elif kind == "matrices differ":
                u = jnp.tanh(u @ matrices[at])
            else:
                u = jnp.sin(u) if kind == "elementwise" else stencil(jnp, u)
            seen.append(u)
        return jnp.stack(seen).sum(axis=0) if kind.startswith("what") else u

    x = jnp.linspace(0, 1, 6)
    trace = traced(function, x)
    assert "loop" not in names(trace)
    np.testing.assert_allclose(evaluated(trace, x), function(x), rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_programs(jnp, traced, data):
    """Blocks of random steps, repeated, with skips across the steps and results read later."""
    blocks = data.draw(st.lists(st.tuples(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.integers(1, 12)), max_size=3))
    keep = data.draw(st.integers(0, 20))

    def function(u):
        start, kept, at = u, u, 0
        for steps, times in blocks:
            for _ in range(times):
                before = u
                for step in steps:
                    choices = (
                        jnp.roll(u, 1) * 0.9,
                        jnp.sin(u) + 0.1 * before,
                        u + 0.1 * start,
                        jnp.roll(u, -1) - 0.2 * u,
                        jnp.tanh(u),
                    )  # those that are not chosen are dead code
                    u = choices[step]
                at += 1
                kept = u if at == keep else kept
        return u + kept

    x = jnp.linspace(0.1, 1, 5)
    np.testing.assert_allclose(evaluated(traced(function, x), x), function(x), rtol=1e-4, atol=1e-5)
