"""Short loops are cut, and their narrow variables found, as those of the same steps without a loop are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainopt.jax import jacobian
from chainopt.jax.linear_program import LinearProgram
from chainopt.jax.linearized.jacobian import Linearized
from chainopt.jax.mixed.line import MixedLine
from chainopt.jax.scattered.jacobian import ScatteredJacobian
from chainopt.jax.unrolling import has_short_loops

pytestmark = pytest.mark.usefixtures("quick_and_exact")
TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}


def stencil(u):
    return jnp.roll(u, 1) - 2 * u + jnp.roll(u, -1)


def costly(u):
    return stencil(u) + jnp.exp(-(jnp.sin(u) ** 2)) * jnp.tanh(u) * jnp.sin(u)


def backwards(u):
    """Scan in reverse, with constants, what goes in step by step, and what comes out; another loop is in its steps."""

    def step(carried, given):
        number, part = given
        inside = jax.lax.fori_loop(0, 2, lambda _, v: jnp.tanh(v + part), carried)
        return carried * u[0] + inside, (inside * part, number)

    last, (outputs, numbers) = jax.lax.scan(step, u[:4], (jnp.arange(3), u.reshape(3, -1)), reverse=True)
    return jnp.concatenate([last, outputs.reshape(-1) * jnp.repeat(numbers, 4)])


LOOPS = {
    "a scan": lambda u: jax.lax.scan(lambda c, _: (stencil(c) * c, None), u, None, length=4)[0],
    "a loop with its number": lambda u: jax.lax.fori_loop(0, 3, lambda i, c: c + i * stencil(c), u),
    "in reverse": backwards,
}


@pytest.mark.parametrize("name", LOOPS)
def test_unrolled_programs_compute_the_same(name):
    u = jnp.asarray(np.random.default_rng(0).uniform(0.5, 1.5, 12))
    like = [jax.ShapeDtypeStruct(u.shape, u.dtype)]
    rolled, unrolled = (LinearProgram(lambda u: [LOOPS[name](u)], like, [], unrolls=each) for each in (False, True))
    assert rolled.has_short_loops
    assert not has_short_loops(unrolled.closed.jaxpr)
    found, expected = (program.run([u], [jnp.cos(u)], {}, program.outputs)[0] for program in (unrolled, rolled))
    np.testing.assert_allclose(found, expected, **TOLERANCE)


def test_long_loops_and_loops_of_long_steps_are_left_alone():
    for function in (
        lambda u: jax.lax.fori_loop(0, 33, lambda _, c: stencil(c), u),
        lambda u: jax.lax.while_loop(lambda c: c[0] > 1, lambda c: c / 2, u),
        lambda u: jax.lax.scan(lambda c, _: (sum(jnp.sin(k * c) for k in range(40)), None), u, None, length=32)[0],
    ):
        assert not has_short_loops(jax.make_jaxpr(function)(jnp.ones(12)).jaxpr)


def test_narrow_variables_in_loops():
    def with_means(u):
        return jax.lax.fori_loop(0, 3, lambda _, c: c + 0.1 * stencil(c) * jnp.mean(c**2), u)

    u = jnp.asarray(np.random.default_rng(0).uniform(0.5, 1.5, 64))
    sparse, left, right = jacobian(with_means, sparse="low-rank")(u)
    assert left.shape == (64, 3)
    np.testing.assert_allclose(sparse.todense() + left @ right, jax.jacfwd(with_means)(u), **TOLERANCE)


def program_of(function, x):
    derivative = jacobian(function)
    derivative.plan(x)
    return next(iter(derivative._strategies.known.values())).prepared


def test_steps_of_loops_are_stages():
    into, out = (jnp.ones(shape) / 2000 for shape in [(2000, 64), (64, 2000)])

    def ends(x):
        return out @ jax.lax.fori_loop(0, 4, lambda _, c: costly(costly(c)), into @ x)

    assert isinstance(program_of(ends, jnp.ones(64)).line, MixedLine)
    wide = program_of(lambda u: jax.lax.fori_loop(0, 4, lambda _, c: costly(c) + u.mean(), u), jnp.ones(600))
    assert isinstance(wide.line, ScatteredJacobian)
    assert wide.line.rank == 4

    def fed_back(u):
        return jax.lax.fori_loop(0, 4, lambda _, c: costly(c) + c.mean(), u)

    assert isinstance(program_of(fed_back, jnp.ones(600)).line, Linearized)

    def accumulated(u):
        return jax.lax.scan(lambda c, _: (jnp.cumsum(stencil(c)), None), u, None, length=3)[0]

    assert not hasattr(program_of(accumulated, jnp.ones(600)), "line")


def test_sparse_steps_of_loops_are_stages():
    def steps(u):
        return jax.lax.fori_loop(0, 4, lambda _, c: costly(costly(c)), u)

    prepared = jacobian(steps, sparse=True, mode="planned").prepare(jnp.ones(40))
    assert len(prepared.plan.chain) > 1
    u = jnp.asarray(np.random.default_rng(0).uniform(0.5, 1.5, 40))
    np.testing.assert_allclose(prepared(u).todense(), jax.jacfwd(steps)(u), **TOLERANCE)
