"""Dense Jacobians by sparse stages between narrow ends: values as jax.jacfwd's, and when they are chosen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainopt.functions.blockwise import Blockwise
from chainopt.jax import gates, hessian, jacobian, value_and_jacobian
from chainopt.jax.mixed import choice
from chainopt.jax.mixed.line import MixedLine
from chainopt.jax.mixed.stages import Stage
from chainopt.jax.staged.apart import always_true

WIDE, NARROW = 24, 4
TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}
pytestmark = pytest.mark.usefixtures("quick_and_exact")


@pytest.fixture
def always(monkeypatch):
    """Take stages wherever there are any, however small the function is."""
    for name in ("FEWEST_OF_STAGES", "WIDER", "MOST_OF_IT", "LEAST_OF_STAGES"):
        monkeypatch.setattr(gates, name, 0)
    monkeypatch.setattr(
        Stage, "cost", lambda self, passes: self.fullest_row**2 if self.pattern is not None else passes * self.work
    )
    monkeypatch.setattr(choice, "SHARE", -10.0)
    monkeypatch.setattr(choice, "LEAST_SAVED", -(10**12))


def matrix(rows, columns, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal((rows, columns)) / np.sqrt(columns))


INTO, OUT = matrix(WIDE, NARROW), matrix(NARROW, WIDE, 1)


def costly(u):
    return u + 0.1 * jnp.sin(u) * jnp.exp(-u * u)


def step(u):
    u = costly(u)
    return u + 0.1 * (jnp.roll(u, 1) - 2 * u + jnp.roll(u, -1)) * jnp.tanh(u)


def steps(u, count=2):
    for _ in range(count):
        u = step(u)
    return u


@jax.custom_jvp
def rounded(x):
    return jnp.round(x)


rounded.defjvp(lambda p, t: (jnp.round(p[0]), t[0]))
PLACES = jnp.asarray(np.random.default_rng(3).integers(0, WIDE, (WIDE, 2)))


def two_fields(x):
    u, v = INTO @ x, jnp.sin(INTO @ x)
    for _ in range(2):
        u, v = step(u) + 0.1 * u * v, rounded(3 * jnp.tanh(v)) + 0.1 * jnp.roll(u, 2)
    return OUT @ (u * v)


def uneven(x):
    u = step(INTO @ x)
    u = costly(u).at[0].add(jnp.sum(u**2))
    return OUT @ jnp.prod(step(u)[PLACES], axis=1)


def several_kinds(x):
    u = jax.lax.scan(lambda c, _: (step(c), None), INTO @ x, None, length=2)[0]
    u = step(jnp.abs(jnp.exp(1j * u) + 2)).at[3].set(2.0)
    return jnp.concatenate([OUT @ step(jnp.convolve(u, jnp.arange(3.0), "same")), jnp.ones(2)])


def power_flow(x):
    angles, voltages = jnp.split(x, 2)
    between = angles[:, None] - angles
    return jnp.concatenate([voltages * (turned(between) * voltages).sum(1) for turned in (jnp.cos, jnp.sin)])


def attractions(x):
    between = x.reshape(-1, 2)[:, None] - x.reshape(-1, 2)
    return (between / jnp.sqrt((between**2).sum(-1) + 0.1)[..., None] ** 3).sum(1).ravel()


def kernel(x):
    return jnp.exp(-((x[:, None] - x) ** 2)) @ jnp.sin(x)


PAIRWISE = {"power flow": power_flow, "attractions": attractions, "a kernel": kernel}
FUNCTIONS = {
    "fewer results": lambda x: OUT[:2] @ steps(INTO @ x),
    "two fields, and somebody's derivative": two_fields,
    "narrow in between": lambda x: OUT @ step(INTO[:, :2] @ jnp.tanh(OUT[:2] @ steps(INTO @ x))),
    "rows of many lengths": uneven,
    "shrinking and growing": lambda x: OUT @ jnp.repeat(step(costly(INTO @ x).reshape(-1, 2).sum(1)), 2) + jnp.sin(x),
    "a loop, complex numbers, constants": several_kinds,
    "wide ends": lambda u: steps(u)[:20],
    **PAIRWISE,
}


def point(size=NARROW, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, size))


def program_of(derivative, *args):
    derivative.plan(*args)
    return next(iter(derivative._strategies.known.values())).prepared


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_as_jacfwd(name):
    function, size = FUNCTIONS[name], {"wide ends": WIDE, **dict.fromkeys(PAIRWISE, 12)}.get(name, NARROW)
    derivative = jacobian(function, mode="planned")
    assert isinstance(program_of(derivative, point(size)), Blockwise)
    expected = jax.jit(jax.jacfwd(function))
    for seed in range(2):
        found = derivative(point(size, seed))
        np.testing.assert_allclose(found, expected(point(size, seed)), **TOLERANCE)
        assert found.dtype == expected(point(size)).dtype


def some_function(rng):
    """Return random stencils, products and sums between random matrices."""
    moves = [
        lambda u, k: jnp.roll(u, k) * u,
        lambda u, k: costly(u) + jnp.roll(u, -k),
        lambda u, k: u.at[k].add(u[0] * u[-1]),
        lambda u, k: jnp.concatenate([u[k:], u[:k] ** 2]),
        lambda u, k: jnp.where(u > 0, u, 0.1 * jnp.roll(u, k)),
        lambda u, k: jnp.convolve(u, jnp.arange(1.0, k + 2), "same"),
        lambda u, k: u * jnp.mean(u[:k]),
        lambda u, k: u[PLACES[:, 0]] * u[::-1] ** k,
    ]
    chosen = [(moves[rng.integers(len(moves))], int(rng.integers(1, 4))) for _ in range(rng.integers(3, 8))]
    inputs, outputs = rng.integers(1, 6, 2)
    first, last = matrix(WIDE, inputs, rng.integers(100)), matrix(outputs, WIDE, rng.integers(100))

    def function(x):
        u = first @ x
        for move, shift in chosen:
            u = jnp.tanh(move(u, shift))
        return last @ u

    return function, int(inputs)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("seed", range(1))
def test_random_functions(seed):
    function, size = some_function(np.random.default_rng(seed))
    derivative, expected = jacobian(function, mode="planned"), jax.jit(jax.jacfwd(function))
    for at in range(2):
        np.testing.assert_allclose(derivative(point(size, at)), expected(point(size, at)), **TOLERANCE)


@pytest.mark.usefixtures("always")
def test_transformations():
    function, points = (lambda x: OUT @ step(costly(INTO @ x))), jnp.stack([point(seed=seed) for seed in range(3)])
    ours, theirs = jacobian(function, mode="planned"), jax.jacfwd(function)
    np.testing.assert_allclose(jax.jit(jax.vmap(ours))(points), jax.jit(jax.vmap(theirs))(points), **TOLERANCE)

    def squared(derivative):
        return jax.jit(jax.grad(lambda x: (derivative(x) ** 2).sum()))

    np.testing.assert_allclose(squared(ours)(point()), squared(theirs)(point()), **TOLERANCE)


OTHERS = {
    "products": lambda x: OUT @ (INTO @ x),
    "a loop of unknown length": lambda x: (
        OUT @ jax.lax.while_loop(lambda u: jnp.abs(u).sum() > 1, lambda u: 0.5 * step(u), INTO @ x)
    ),
}


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", OTHERS)
def test_what_has_no_stages_is_right_too(name):
    derivative = jacobian(OTHERS[name], mode="planned")
    assert not isinstance(program_of(derivative, point()), Blockwise)
    np.testing.assert_allclose(derivative(point()), jax.jit(jax.jacfwd(OTHERS[name]))(point()), **TOLERANCE)


def test_a_condition_is_one_number_under_vmap():
    def taken(x):
        return jax.lax.cond(always_true([x]), jnp.sum, jnp.prod, x)

    for points in (jnp.ones((3, 2)), jnp.full((3, 2), jnp.nan), jnp.zeros((0, 2))):
        np.testing.assert_array_equal(jax.vmap(taken)(points), points.sum(1))
        assert "select" not in str(jax.make_jaxpr(jax.vmap(taken))(points))


@pytest.mark.usefixtures("always")
def test_pytrees_arguments_and_auxiliary_data():
    def function(state, scale, other):
        u = steps(INTO @ state["x"] + INTO[:, :2] @ state["y"] * scale)
        return {"all": OUT @ u * other, "some": u[:2]}, u

    state = {"x": point(), "y": point(2)}
    arguments = state, jnp.float64(0.7), jnp.arange(4.0)
    asked = {"argnums": (0, 1), "has_aux": True}
    derivative = value_and_jacobian(function, **asked, mode="planned")
    assert isinstance(program_of(derivative, *arguments), Blockwise)
    ((value, aux), found), (expected, _) = derivative(*arguments), jax.jit(jax.jacfwd(function, **asked))(*arguments)
    jax.tree.map(lambda one, two: np.testing.assert_allclose(one, two, **TOLERANCE), found, expected)
    result = function(*arguments)
    jax.tree.map(lambda one, two: np.testing.assert_allclose(one, two, **TOLERANCE), (value, aux), result)


@pytest.mark.usefixtures("always")
def test_what_is_closed_over_is_read_anew():
    for factor in (1.0, 2.0):
        scale = jnp.full(NARROW, factor)
        derivative = jacobian(lambda x, scale=scale: OUT @ steps(INTO @ (x * scale)), mode="planned")
        other = jacobian(lambda x, scale=factor: OUT @ steps(INTO @ (x * scale)), mode="forward")
        np.testing.assert_allclose(derivative(point()), other(point()), **TOLERANCE)


@pytest.mark.usefixtures("always")
def test_hessians():
    def energy(x):
        return (step(INTO @ x) ** 2).sum()

    np.testing.assert_allclose(hessian(energy, mode="planned")(point()), jax.jit(jax.hessian(energy))(point()), rtol=1e-11)


def test_auto_takes_stages_where_they_pay_only(caplog):
    into, out = matrix(2000, 32), matrix(32, 2000)
    x = point(32)

    def is_by_stages(function, x):
        return isinstance(program_of(jacobian(function), x), Blockwise)

    def dear(x):
        return out @ steps(into @ x, 6)

    with caplog.at_level("INFO", logger="chainopt"):
        assert is_by_stages(dear, x)
    assert not is_by_stages(lambda x: out @ jnp.tanh(into @ x), x)
    assert not is_by_stages(lambda x: out @ jnp.cumsum(jnp.tanh(into @ x)), x)
    assert not is_by_stages(lambda x: dear(x).sum(), x)
    assert not isinstance(program_of(jacobian(steps), point(2000)).line, MixedLine)
    assert len(jacobian(dear).plan(x).chain) > 6
    assert "stages, the sparse ones colored, mode planned, cost" in caplog.text


@pytest.mark.parametrize("name", PAIRWISE)
def test_pairs_of_all_inputs_are_left_to_the_pure_modes(name):
    # Every two columns of the differences share a row, and large matrices of these are slow: it took 1.4 to 10 times as long.
    assert not isinstance(program_of(jacobian(PAIRWISE[name]), point(160)), Blockwise)
