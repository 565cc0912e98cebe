"""Dense Jacobians with few nonzeros, or few beside thin matrices: values as jax.jacfwd's, and when they are chosen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainopt.functions.blockwise import Blockwise
from chainopt.jax import gates, hessian, jacobian, value_and_jacobian
from chainopt.jax.scattered import choice
from chainopt.jax.scattered.jacobian import ScatteredJacobian

SIZE = 24
TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}
pytestmark = pytest.mark.usefixtures("quick_and_exact")


@pytest.fixture
def always(monkeypatch):
    """Look for nonzeros and thin matrices however small the function is."""
    for name, value in (("FEWEST", 2), ("LEAST", 0), ("EACH", 0), ("MOST_OF_IT", 0), ("NARROW", 1)):
        monkeypatch.setattr(gates, name, value)
    for name, value in (("FEWER", 1), ("FULL", 1)):
        monkeypatch.setattr(choice, name, value)


def stencil(u):
    return jnp.roll(u, 1) - 2 * u + jnp.roll(u, -1)


def step(u):
    return u + 0.1 * stencil(u) * jnp.tanh(u)


def point(size=SIZE, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, size))


PLACES = jnp.asarray(np.random.default_rng(3).integers(0, SIZE, (SIZE, 2)))
FUNCTIONS = {
    "a stencil": lambda u: stencil(u) * u,
    "two global terms": lambda u: stencil(u) * jnp.exp(-jnp.mean(u**2)) + jax.nn.logsumexp(u),
    "an arrowhead": lambda u: jnp.concatenate([jnp.sum(u**2)[None], jnp.sin(u[1:]) * u[0]]),
    "fewer results, some constant": lambda u: jnp.concatenate([step(u)[::2] + u.sum(), jnp.ones(3)]),
    "more results": lambda u: jnp.repeat(step(u), 2) * jnp.mean(u),
    "a mesh": lambda u: jnp.prod(u[PLACES], axis=1).at[3].add(u[7]),
    "two means, one inside of the other": lambda u: step(u / (1 + jnp.mean(u))) + jnp.mean(step(u)),
}


def program_of(derivative, *args):
    derivative.plan(*args)
    return next(iter(derivative._strategies.known.values())).prepared


def is_scattered(derivative, *args):
    program = program_of(derivative, *args)
    return isinstance(program, Blockwise) and isinstance(program.line, ScatteredJacobian)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_as_jacfwd(name):
    derivative, expected = jacobian(FUNCTIONS[name], mode="planned"), jax.jit(jax.jacfwd(FUNCTIONS[name]))
    assert is_scattered(derivative, point())
    for seed in range(2):
        found = derivative(point(seed=seed))
        np.testing.assert_allclose(found, expected(point(seed=seed)), **TOLERANCE)
        assert found.dtype == jnp.float64


def some_function(rng):
    """Return random stencils, products and sums of all."""
    moves = [
        lambda u, k: jnp.roll(u, k) * u,
        lambda u, k: jnp.concatenate([u[k:], u[:k] ** 2]),
        lambda u, k: jnp.where(u > 0.1, u, 0.1 * jnp.roll(u, k)),
        lambda u, k: u * jnp.mean(u[:-k] ** 2),
        lambda u, k: u / jnp.linalg.norm(jnp.roll(u, k) + 2),
        lambda u, k: u + jax.nn.softmax(k * u),
        lambda u, k: u.at[k].add(u[0] * u[-1]),
        lambda u, k: jnp.convolve(u, jnp.arange(1.0, k + 2), "same"),
        lambda u, k: u[PLACES[:, 0]] * u[::-1] ** k,
        lambda u, k: (u.reshape(-1, 4) @ jnp.ones((4, 4)) * k).reshape(-1),
    ]
    chosen = [(moves[rng.integers(len(moves))], int(rng.integers(1, 4))) for _ in range(rng.integers(1, 5))]

    def function(u):
        for move, shift in chosen:
            u = jnp.tanh(move(u, shift))
        return u

    return function


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("seed", range(1))
def test_random_functions(seed):
    function = some_function(np.random.default_rng(seed))
    derivative, expected = jacobian(function, mode="planned"), jax.jit(jax.jacfwd(function))
    for at in range(2):
        np.testing.assert_allclose(derivative(point(seed=at)), expected(point(seed=at)), **TOLERANCE)


@pytest.mark.usefixtures("always")
def test_transformations():
    points = jnp.stack([point(seed=seed) for seed in range(2)])

    def function(u):
        return stencil(u) * jnp.mean(u**2)

    derivative = jacobian(function)
    assert is_scattered(derivative, points[0])
    np.testing.assert_allclose(jax.vmap(derivative)(points), jax.vmap(jax.jacfwd(function))(points), **TOLERANCE)

    def energy(of):
        return jax.jit(jax.grad(lambda u: (of(u) ** 3).sum()))

    np.testing.assert_allclose(energy(derivative)(points[0]), energy(jax.jacfwd(function))(points[0]), **TOLERANCE)


@pytest.mark.usefixtures("always")
def test_pytrees_of_several_kinds():
    def function(a, b, scale):
        both = step(a["u"].reshape(-1) * b.mean()) * scale
        return {"wide": both.astype(jnp.float64) + b[0], "pair": (jnp.roll(b, 2) * both[:5], both.sum())}, {"scale": scale * 2}

    args = {"u": point(12).reshape(3, 4).astype(jnp.float32)}, point(5), 3.0
    derivative = jacobian(function, argnums=(0, 1), has_aux=True, mode="planned")
    assert is_scattered(derivative, *args)
    expected, aux = jax.jacrev(function, argnums=(0, 1), has_aux=True)(*args)
    found, found_aux = derivative(*args)
    assert found_aux == aux
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("always")
def test_hessians_and_values():
    def energy(u):
        return jnp.sum(u[1:] ** 2 * u[:-1]) + jnp.mean(u**2) ** 2

    second = hessian(energy)
    assert is_scattered(second, point())
    np.testing.assert_allclose(second(point()), jax.hessian(energy)(point()), **TOLERANCE)
    both = value_and_jacobian(step, mode="planned")
    assert is_scattered(both, point())
    value, derivative = both(point())
    np.testing.assert_allclose(value, step(point()), **TOLERANCE)
    np.testing.assert_allclose(derivative, jax.jacfwd(step)(point()), **TOLERANCE)


@jax.custom_jvp
def total(u):
    return jnp.sum(u)


@total.defjvp
def total_jvp(primals, tangents):
    """Add the tangent up in a loop that cannot be pulled back through."""
    (u,), (tangent,) = primals, tangents

    def add(state):
        return state[0] + 1, state[1] + tangent[state[0]]

    return u.sum(), jax.lax.while_loop(lambda state: state[0] < u.size, add, (0, tangent[0] * 0))[1]


@pytest.mark.usefixtures("always")
def test_what_cannot_be_pulled_back_is_not_held():
    derivative = jacobian(lambda u: stencil(u) * total(u))
    line = program_of(derivative, point()).line
    assert line.coloring.jvps == SIZE  # all columns, for there is no other way; nobody would take it but this test
    assert not line.rank
    np.testing.assert_allclose(derivative(point()), jax.jacfwd(lambda u: stencil(u) * total(u))(point()), **TOLERANCE)


def test_plans_say_what_is_multiplied():
    u = jnp.ones(600)
    thin = jacobian(FUNCTIONS["two global terms"]).plan(u)
    assert list(thin.chain.shapes) == [(600, 602), (602, 600)]
    assert len(thin.operations) == 3
    assert thin.cost < jacobian(FUNCTIONS["two global terms"], mode="forward").plan(u).cost / 10
    (colored,) = jacobian(lambda u: step(step(u))).plan(u).operations
    assert colored.cost < 600 * 600


@pytest.mark.parametrize(
    "function",
    [
        lambda u: jnp.cumsum(stencil(jnp.exp(u))),  # a primitive that makes it dense
        lambda u: jnp.tanh(jnp.ones((600, 600)) @ u),
        lambda u: jnp.sort(stencil(jnp.sin(u))),
        lambda u: (jnp.sin(u[:, None]) * jnp.cos(u)).sum(1),  # a sum of many for each result
        lambda u: jnp.sin(u) * jnp.exp(u),  # a diagonal matrix, which plans know
    ],
)
def test_what_is_not_looked_at(function, monkeypatch):
    monkeypatch.setattr("chainopt.jax.scattered.choice.scattered", lambda *_: pytest.fail("it was looked at"))
    jacobian(function).plan(jnp.ones(600))


def test_small_functions_and_dense_ones_are_left_to_others():
    assert not is_scattered(jacobian(FUNCTIONS["a stencil"]), jnp.ones(200))

    def mixing(u):
        for shift in 1, 3, 9, 27, 81, 243:
            u = jnp.sin(jnp.roll(u, shift) + jnp.roll(u, -shift) + u)
        return u

    assert not is_scattered(jacobian(mixing), jnp.ones(600))
    assert is_scattered(jacobian(lambda u: step(step(u))), jnp.ones(600))


@pytest.mark.usefixtures("always")
def test_indices_are_read_anew():
    class Mesh:
        places = PLACES[:, 0]

    derivative = jacobian(lambda u: stencil(u)[Mesh.places], mode="planned")
    assert is_scattered(derivative, point())
    for Mesh.places in (PLACES[:, 0], PLACES[:, 1], PLACES[::-1, 0]):
        expected = jax.jacfwd(lambda u: stencil(u)[Mesh.places])(point())
        np.testing.assert_allclose(derivative(point()), expected, **TOLERANCE)


@pytest.mark.usefixtures("always")
def test_infinite_derivatives_stay_in_their_rows():
    def function(u):
        return jnp.concatenate([stencil(u), u[:8] * jnp.linalg.norm(u), u[8:] * jnp.mean(u)])

    derivative, at = jacobian(function, mode="planned"), jnp.zeros(SIZE)
    assert is_scattered(derivative, at)
    assert program_of(derivative, at).line.rank == 2
    expected, found = jax.jacfwd(function)(at), derivative(at)
    is_number = ~np.isnan(expected)
    assert not is_number.all()
    np.testing.assert_allclose(found[is_number], expected[is_number], **TOLERANCE)


def test_what_a_narrow_variable_feeds_back_is_not_held():
    """While they are held, what they keep stable grows, and the two parts would cancel."""
    size = 256
    weights = jnp.zeros(size).at[0].set(1.0) + 1e-3 * jnp.cos(jnp.arange(size))

    def controlled(u):
        for _ in range(8):
            measured = weights @ u
            u = (0.2 * (stencil(u) + 4 * u) + 0.01 * measured).at[0].set(100 * u[0] - 99.5 * measured)
        return u

    u = jnp.cos(jnp.arange(size, dtype=float))
    expected = jax.jacrev(controlled)(u)
    for mode in ("auto", "planned"):
        derivative = jacobian(controlled, mode=mode)
        for _ in range(2):
            np.testing.assert_allclose(derivative(u), expected, rtol=1e-9, atol=1e-9 * abs(expected).max())
