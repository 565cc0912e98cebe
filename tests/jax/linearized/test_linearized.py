"""Pure modes with the coefficients computed apart: values as JAX's own, and when that is done."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainopt.functions.blockwise import Blockwise
from chainopt.jax import hessian, jacobian, value_and_jacobian
from chainopt.jax.linearized import gate
from chainopt.jax.linearized import jacobian as linearizing
from chainopt.jax.linearized.jacobian import Linearized

TOLERANCE = {"rtol": 1e-11, "atol": 1e-11}
pytestmark = pytest.mark.usefixtures("quick_and_exact")


@pytest.fixture
def _always(monkeypatch):
    """Compute coefficients apart however few sines there are."""
    for name in ("LEAST", "LEAST_IN_A_STEP"):
        monkeypatch.setattr(gate, name, 0)
    monkeypatch.setattr(linearizing, "SECONDS", 0.0)
    monkeypatch.setattr(linearizing, "SECONDS_PER_EQUATION", 0.0)


def turned(y):
    return y + 0.1 * jnp.sin(jnp.roll(y, 1) * y)


def several(step, count):
    def function(x):
        for _ in range(count):
            x = step(x)
        return x

    return function


def looped(x):
    return jax.lax.fori_loop(0, 5, lambda _, y: turned(y), x)


def recorded(x):
    """Return what a loop leaves, and all its states, with another input in each step."""
    return jax.lax.scan(lambda y, t: (turned(y) * t, jnp.cos(y)[:2]), x, jnp.linspace(0.5, 1, 6))


@jax.custom_jvp
def doubled(x):
    return jnp.sin(x)


doubled.defjvp(lambda primals, tangents: (doubled(*primals), 2 * jnp.cos(primals[0]) * tangents[0]))


@jax.custom_vjp
def tripled(x):
    return jnp.sin(x)


tripled.defvjp(lambda x: (jnp.sin(x), x), lambda x, cotangent: (3 * jnp.cos(x) * cotangent,))


def point(size=6, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(0.2, 1.2, size))


FUNCTIONS = {
    "steps": several(turned, 3),
    "fewer results": lambda x: several(turned, 3)(x)[::3],
    "more results": lambda x: several(turned, 2)(jnp.concatenate([x, x[::-1] ** 2])),
    "results of several shapes": lambda x: {"all": several(turned, 2)(x).reshape(2, 3), "one": jnp.sum(jnp.tan(turned(x)))},
    "a loop": looped,
    "a loop that keeps its states": recorded,
    "a branch": lambda x: jax.lax.cond(x[0] > 0, turned, jnp.sin, several(turned, 2)(x)),
    "a matrix between": lambda x: jnp.sin(jnp.outer(jnp.arange(6.0), jnp.ones(6)) @ jnp.sin(x)),
    "a derivative of one's own": lambda x: doubled(jnp.roll(doubled(x), 1)),
    "a rule without a JVP": lambda x: tripled(jnp.roll(tripled(x), 1))[:2],
    "an integer among the results of a step": lambda x: turned(x) * (jnp.argmax(turned(x)) + 1),
    "constants": lambda x: jnp.concatenate([several(turned, 2)(x), jnp.ones(2)]),
    "a whole part left alone": lambda x: jnp.concatenate([jnp.sin(jnp.flip(jnp.sin(x[:3]))), x[3:]]),
}


def program_of(derivative, *args):
    derivative.plan(*args)
    return next(iter(derivative._strategies.known.values())).prepared


def is_linearized(derivative, *args):
    program = program_of(derivative, *args)
    return isinstance(program, Blockwise) and isinstance(program.line, Linearized)


def assert_same(got, wanted):
    assert jax.tree.structure(got) == jax.tree.structure(wanted)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, **TOLERANCE)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.usefixtures("_always")
def test_is_the_jacobian(name):
    function = FUNCTIONS[name]
    derivative, x = jacobian(function), point()
    assert is_linearized(derivative, x)
    assert derivative.plan(x).mode.value in {"forward", "reverse"}
    for at in (x, point(seed=1)):
        wanted = jax.jacrev(function)(at)
        assert_same(derivative(at), wanted)
        assert_same(jax.jit(derivative)(at), wanted)
    points = jnp.stack([point(seed=seed) for seed in range(3)])
    assert_same(jax.vmap(derivative)(points), jax.vmap(jax.jacrev(function))(points))
    assert_same(jax.jit(jax.vmap(derivative))(points), jax.vmap(jax.jacrev(function))(points))


@pytest.mark.parametrize("name", ["steps", "fewer results", "a loop", "a branch", "a derivative of one's own"])
@pytest.mark.usefixtures("_always")
def test_is_differentiated_again(name):
    function, x = FUNCTIONS[name], point()

    def total(derivative):
        return lambda at: sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(derivative(at)))

    assert_same(jax.grad(total(jacobian(function)))(x), jax.grad(total(jax.jacrev(function)))(x))
    assert_same(jax.jacfwd(jacobian(function))(x), jax.jacfwd(jax.jacrev(function))(x))


@pytest.mark.usefixtures("_always")
def test_several_arguments_others_and_auxiliary_data():
    def function(state, scale, parameters):
        y = several(turned, 2)(state["y"] * scale) + parameters["shift"]
        return {"y": y, "energy": jnp.sum(jnp.cos(y))}, (y, "text")

    args = {"y": point()}, jnp.asarray(1.5), {"shift": point(seed=1)}
    derivative = jacobian(function, argnums=(0, 2), has_aux=True)
    assert is_linearized(derivative, *args)
    for factor in (1.0, 0.5):
        now = args[0], args[1] * factor, args[2]
        assert_same(derivative(*now)[0], jax.jacrev(lambda *given: function(*given)[0], argnums=(0, 2))(*now))
        assert_same(derivative(*now)[1][0], function(*now)[1][0])
        value, whole = value_and_jacobian(lambda *given: function(*given)[0], argnums=(0, 2))(*now)
        assert_same(value, function(*now)[0])
        assert_same(whole, derivative(*now)[0])


@pytest.mark.usefixtures("_always")
def test_arrays_that_are_closed_over_and_replaced():
    held = {"weights": point(seed=4)}
    derivative = jacobian(lambda x: several(turned, 2)(held["weights"] * x))
    for seed in (5, 6):
        held["weights"] = point(seed=seed)
        fresh = jax.jacrev(lambda x: several(turned, 2)(held["weights"] * x))
        assert_same(derivative(point()), fresh(point()))


@pytest.mark.usefixtures("_always")
def test_inside_of_a_transformation_that_it_closes_over():
    def total(parameters, derive):
        return jnp.sum(derive(lambda x: several(turned, 2)(parameters * x))(point()))

    assert_same(jax.grad(total)(point(seed=2), jacobian), jax.grad(total)(point(seed=2), jax.jacrev))


@pytest.mark.parametrize("name", ["steps", "a loop", "a branch"])
@pytest.mark.usefixtures("_always")
def test_hessians(name):
    def energy(x):
        return jnp.sum(FUNCTIONS[name](x) ** 2)

    derivative, x = hessian(energy), point()
    assert is_linearized(derivative, x)
    assert_same(derivative(x), jax.hessian(energy)(x))
    assert_same(jax.vmap(derivative)(jnp.stack([x, 2 * x])), jax.vmap(jax.hessian(energy))(jnp.stack([x, 2 * x])))


@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("float64", "float32")])
@pytest.mark.usefixtures("_always")
def test_of_several_dtypes_the_blocks_are_those_of_reverse_mode(dtypes):
    def function(x, y):
        return several(turned, 2)(x) + several(turned, 2)(y)

    args = [point().astype(dtype) for dtype in dtypes]
    derivative = jacobian(function, argnums=(0, 1))
    assert_same(derivative(*args), jax.jacrev(function, argnums=(0, 1))(*args))


@pytest.mark.usefixtures("_always")
def test_random_steps():
    moves = [lambda y: jnp.roll(y, 2), jnp.flip, jnp.cumsum, lambda y: y[jnp.asarray([3, 0, 1, 5, 4, 2])], lambda y: y * y.sum()]
    entrywise = [jnp.sin, jnp.cos, jnp.tanh, lambda y: 1 / (1 + y * y), lambda y: jnp.where(y > 0.5, y, jnp.sin(3 * y))]
    for seed in range(40):
        choose = np.random.default_rng(seed)
        picked = [(moves[choose.integers(5)], entrywise[choose.integers(5)], choose.uniform()) for _ in range(5)]
        narrow = int(choose.integers(1, 7))

        def function(x, picked=picked, narrow=narrow):
            for move, each, share in picked:
                x = share * x + each(move(x))
            return jnp.sin(x)[:narrow]

        assert_same(jax.jit(jacobian(function))(point(seed=seed)), jax.jacrev(function)(point(seed=seed)))


def oscillators(y):
    """Return a step of Runge and Kutta's method."""

    def slope(y):
        return jnp.sin(jnp.roll(y, 1) - y)

    first = slope(y)
    second = slope(y + 0.05 * first)
    third = slope(y + 0.05 * second)
    return y + 0.1 / 6 * (first + 2 * second + 2 * third + slope(y + 0.1 * third))


@pytest.mark.parametrize(
    ("function", "size", "mode"),
    [
        (several(oscillators, 4), 64, "forward"),
        (lambda x: several(oscillators, 4)(x)[::8], 64, "reverse"),
        (lambda x: jax.lax.fori_loop(0, 20, lambda _, y: oscillators(y), x), 64, "forward"),
        (several(lambda y: y + 0.05 * jnp.sin(y - y[:, None]).sum(axis=1), 4), 40, "reverse"),
    ],
)
def test_auto_computes_apart_what_is_computed_again(function, size, mode):
    derivative, x = jacobian(function), point(size)
    assert is_linearized(derivative, x)
    assert derivative.plan(x).mode.value == mode
    np.testing.assert_allclose(jax.jit(derivative)(x), jax.jacrev(function)(x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("function", "size"),
    [
        (several(oscillators, 1), 6),  # few
        (several(lambda y: y + 0.1 * jnp.roll(jnp.tanh(y), 1), 8), 64),  # of what there are vectors
        (lambda x: jax.lax.fori_loop(0, 20, lambda _, y: turned(y), x), 8),  # few in each step
        (lambda x: jnp.sum(jnp.sin(x[:, None] - x), axis=0), 90),  # none of which follows another
        (several(jax.checkpoint(oscillators), 4), 64),  # by request not kept
        (lambda x: jax.lax.fori_loop(0, 100_000, lambda _, y: turned(y), x), 64),  # too many to be kept
    ],
)
def test_auto_leaves_the_rest_to_jax(function, size):
    derivative = jacobian(function)
    assert not is_linearized(derivative, point(size))


@pytest.mark.usefixtures("_always")
def test_pure_modes_and_chunks_are_asked_for():
    for asked in ({"mode": "forward"}, {"mode": "reverse"}, {"chunk_size": 2}, {"mode": "planned"}):
        derivative = jacobian(several(turned, 3), **asked)
        assert not is_linearized(derivative, point())
        assert_same(derivative(point()), jax.jacrev(several(turned, 3))(point()))


@pytest.mark.usefixtures("_always")
def test_tune_times_it():
    function, x = several(turned, 3), point()
    tuned = jacobian(function).tune(x)
    assert {"forward", "reverse", "planned"} <= set(tuned.times)
    assert all(map(math.isfinite, tuned.times.values()))
    assert_same(tuned(x), jax.jacrev(function)(x))


@pytest.mark.usefixtures("_always")
def test_calls_that_nobody_compiles_are_the_librarys_until_it_pays(monkeypatch):
    monkeypatch.setattr(linearizing, "SECONDS", math.inf)
    derivative, x = jacobian(several(turned, 3)), point()
    program = program_of(derivative, x)
    assert_same(derivative(x), jax.jacrev(several(turned, 3))(x))
    assert not program.recorded
    assert_same(jax.jit(derivative)(x), jax.jacrev(several(turned, 3))(x))
    assert program.recorded
