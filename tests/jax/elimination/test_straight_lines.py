"""Jacobians as straight-line code, against jax.jacfwd."""

import numpy as np
import pytest

from chainopt import ChainError


@pytest.fixture(scope="module")
def jnp(jax):
    return jax.numpy


pytestmark = pytest.mark.usefixtures("quick_and_exact")


@pytest.fixture(scope="module")
def eliminated(jax):  # noqa: ARG001 -- chainopt.jax needs it
    from chainopt.jax import jacobian

    return lambda function, **asked: jacobian(function, mode="elimination", **asked)


def functions(jax, jnp):
    """Return functions of four numbers, each of which needs other rules."""
    lax = jax.lax
    matrix = np.arange(12.0).reshape(4, 3) / 7

    @jax.custom_jvp
    def halved(x):
        return x / 2

    halved.defjvps(lambda tangent, _, x: tangent * (0.5 + 0 * x))
    return {
        "arithmetic": lambda x: jnp.stack([x[0] * x[1] / x[2], x[3] - x[0] ** 3, -x[2], x[1] ** x[3]]),
        "conditions": lambda x: jnp.stack([jnp.abs(x[0] - 1), jnp.maximum(x[1], x[2]), jnp.where(x[3] > 9, jnp.log(x[3]), x[0])]),
        "what is not finite and not chosen": lambda x: jnp.where(x < 1, jnp.sqrt(1 - x), x**2),
        "products of arrays": lambda x: jnp.tanh(x @ matrix) @ matrix[:3].T[:3],
        "a matrix": lambda x: (x.reshape(2, 2) @ x.reshape(2, 2).T)[::-1],
        "batched products": lambda x: jnp.einsum("bij,bj->bi", x.reshape(2, 1, 2) * matrix[:2, :2], x.reshape(2, 2)),
        "sums": lambda x: jnp.stack([x.sum(), x.mean(), jnp.cumsum(x)[2], jnp.cumsum(x[::-1])[1], x.prod(), x.max(), x.min()]),
        "a running sum from behind": lambda x: lax.cumsum(x * x, reverse=True),
        "places": lambda x: jnp.concatenate([x[jnp.array([2, 0, 2])], jnp.pad(x, (1, 2)), jnp.roll(x, 1) * x, jnp.tile(x, 2)]),
        "parts": lambda x: sum(jnp.split(x * x, 2)) + lax.dynamic_slice(x, (1,), (2,)) * x[lax.iota(int, 2)],
        "filled": lambda x: x.at[jnp.array([1, 9])].get(mode="fill", fill_value=0.0) * x[0],
        "a gradient": jax.grad(lambda x: (x[1:] * jnp.sin(x[:-1]) ** 2).sum() + x[2] * x[0]),
        "a rule for JVPs": lambda x: halved(x) * halved(x[0]) + jax.nn.relu(x - 1),
        "a rule for JVPs of which one argument is a constant": lambda x: jax.nn.softplus(x) * jax.nn.log_sigmoid(x[::-1]),
        "what is sorted beside": lambda x: x * jnp.argsort(lax.stop_gradient(x)) + jnp.round(x),
        "a loop beside": lambda x: x * lax.fori_loop(0, 3, lambda i, s: s + i, 0.0),
        "remembered": lambda x: jax.checkpoint(lambda y: jnp.sin(y[0]) * y)(x) * jax.checkpoint(jax.jit(jnp.cos))(x[1]),
        "nothing": lambda x: jnp.stack([x[0], 0 * x[1], jnp.sign(x[2]), -x[3]]),
        "constants": lambda x: jnp.zeros(3) + x[1] * 0 + 2,
        "long rows": lambda x: jnp.stack(
            [sum(jnp.sin(x[i] * k) * x[j] for i in range(4) for j in range(4)) for k in range(1, 3)]
        ),
        "narrow inside": lambda x: (x.astype(jnp.float32) * 2).astype(jnp.float64) * x[0],
    }


class Anything:
    """Stands for JAX while tests are collected, which may not be there."""

    def __getattr__(self, _):
        return self

    def __call__(self, *_, **__):
        return self


NAMES = [*functions(Anything(), Anything())]
POINT = np.array([0.3, 1.7, 0.6, 2.2])


def close(found, wanted, tolerance=1e-12):
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * max(1.0, float(abs(np.asarray(wanted)).max())))


@pytest.mark.parametrize("name", NAMES)
def test_values(jax, jnp, eliminated, name):
    function = functions(jax, jnp)[name]
    tolerance = 1e-6 if name == "narrow inside" else 1e-12
    derivative, own = eliminated(function), jax.jacfwd(function)
    points = POINT + np.linspace(0, 0.2, 3)[:, None]
    turned = {"in_axes": 1, "out_axes": -1}
    found, behind, alone, wanted = jax.jit(
        lambda x: (jax.vmap(derivative)(x), jax.vmap(derivative, **turned)(x.T), derivative(x[1]), jax.vmap(own)(x))
    )(points)
    close(found, wanted, tolerance)
    close(np.moveaxis(behind, -1, 0), wanted, tolerance)
    close(alone, wanted[1], tolerance)


@pytest.mark.parametrize("name", ["arithmetic", "a rule for JVPs", "what is not finite and not chosen", "long rows"])
def test_derivatives_of_it(jax, jnp, eliminated, name):
    function = functions(jax, jnp)[name]
    one, other = (lambda x, made=made: (made(function)(x) ** 2).sum() for made in (eliminated, jax.jacfwd))

    def derivatives(x):
        return [jax.grad(one)(x), jax.grad(other)(x), jax.jvp(one, (x,), (x,))[1], jax.jvp(other, (x,), (x,))[1]]

    found = jax.jit(derivatives)(POINT)
    close(found[0], found[1])
    close(found[2], found[3])


NESTED = (
    "arithmetic", "conditions", "a matrix", "batched products", "sums", "places", "parts", "filled", "a rule for JVPs", "nothing",
)  # fmt: skip


@pytest.mark.parametrize("name", NESTED)
def test_straight_lines_of_straight_lines(jax, jnp, eliminated, name):
    function = functions(jax, jnp)[name]
    twice = eliminated(eliminated(function))
    points = POINT + np.linspace(0, 0.2, 3)[:, None]
    close(*jax.jit(lambda x: (jax.vmap(twice)(x), jax.vmap(jax.hessian(function))(x)))(points))


def loops(jax, jnp):
    lax = jax.lax

    def root(x):
        value = lax.fori_loop(0, 5, lambda _, y: (y + x[0] ** 2 / y) / 2, 1 + x[0])
        return jnp.stack([value * x[1], jnp.sin(value) * x[2] + x[3]])

    return {
        "a root": root,
        "all entries": lambda x: lax.fori_loop(0, 3, lambda _, y: jnp.sin(y), x) * x[0],
        "slices": lambda x: lax.scan(lambda c, a: (jax.nn.relu(c - a) + c * a, c * a), x[0], x[1:])[1] * x[3],
        "a whole number in its state": lambda x: lax.scan(lambda c, a: ((c[0] + 1, c[1] * a + c[0]), c[1]), (0, x[0]), x)[1],
        "as long as": lambda x: lax.while_loop(lambda s: s[1] < 10, lambda s: (s[0] * x[1], s[1] * 2), (x[0], x[2]))[0] * x,
        "a loop in a loop": lambda x: lax.fori_loop(
            0, 3, lambda _, y: lax.fori_loop(0, 2, lambda _, z: z * jnp.cos(z) + x, y), x
        ),
        "remembered": lambda x: lax.scan(jax.checkpoint(lambda c, a: (c * jnp.exp(-a), c * a)), x[0], x)[1],
        "a branch": lambda x: lax.cond(x[0] > 0.35, jnp.sin, lambda y: y * x[1], x) * x[2],
        "no tangents": lambda x: lax.fori_loop(0, 3, lambda i, y: jnp.sin(y) * i, jnp.round(x)) * x,
        "linear systems": lambda x: lax.fori_loop(0, 2, lambda _, m: jnp.linalg.solve(m + 3 * jnp.eye(2), m), x.reshape(2, 2))[0],
    }


@pytest.mark.parametrize("name", [*loops(Anything(), Anything())])
def test_loops_stay_loops(jax, jnp, eliminated, name):
    function = loops(jax, jnp)[name]
    derivative, points = eliminated(function), POINT + np.linspace(0, 0.2, 3)[:, None]
    found, alone, twice, wanted, second = jax.jit(
        lambda x: [
            jax.vmap(derivative)(x),
            derivative(x[1]),
            eliminated(derivative)(x[1]),
            jax.vmap(jax.jacfwd(function))(x),
            jax.jacfwd(jax.jacfwd(function))(x[1]),
        ]
    )(points)
    close(found, wanted)
    close(alone, wanted[1])
    close(twice, second)
    kinds = {equation.primitive.name for equation in jax.make_jaxpr(derivative)(POINT).eqns[0].params["jaxpr"].eqns}
    assert kinds & {"scan", "while", "cond"}


def test_pytrees(jax, jnp, eliminated):
    def function(inputs, scale, *, shift):
        a, b = inputs["a"], inputs["b"]
        return {"product": jnp.outer(a, a) * b * scale, "sum": a.sum() + b * shift}, {"aux": a * scale, "name": "f"}

    inputs = {"a": jnp.array([1.0, 2.0]), "b": jnp.float64(3.0)}
    asked = {"argnums": (0, 1), "has_aux": True}
    found = eliminated(function, **asked)(inputs, 1.5, shift=jnp.array(2.0))
    wanted = jax.jacrev(lambda *args, **kwargs: (function(*args, **kwargs)[0], 0), **asked)(inputs, 1.5, shift=jnp.array(2.0))[0]
    assert jax.tree.structure(found[0]) == jax.tree.structure(wanted)
    jax.tree.map(close, found[0], wanted)
    close(found[1]["aux"], inputs["a"] * 1.5)


def test_the_value_besides(jax, jnp):
    from chainopt.jax import jacobian, value_and_jacobian

    def function(x):
        return jnp.stack([x[0] * x[1], jnp.sin(x[2])])

    value, derivative = value_and_jacobian(function, mode="elimination")(POINT)
    close(value, function(POINT))
    close(derivative, jax.jacfwd(function)(POINT))
    assert jacobian(function, mode="elimination")(POINT.astype(np.float32)).dtype == np.float32


def test_what_it_closes_over_is_read_anew(jax, jnp, eliminated):
    held = {"scale": jnp.array(2.0)}
    derivative = eliminated(lambda x: x * x[0] * held["scale"])
    for scale in (2.0, 3.0):
        held["scale"] = jnp.array(scale)
        close(derivative(POINT), jax.jacfwd(lambda x, scale=scale: x * x[0] * scale)(POINT))
    batch = jnp.arange(3.0)
    close(
        jax.vmap(lambda s: eliminated(lambda x: jnp.sin(x * s))(POINT))(batch),
        jax.vmap(lambda s: jax.jacfwd(lambda x: jnp.sin(x * s))(POINT))(batch),
    )


def refused(jax, jnp):
    only_backwards = jax.custom_vjp(jnp.tanh)
    only_backwards.defvjp(lambda x: (jnp.tanh(x), x), lambda x, w: (w / jnp.cosh(x) ** 2,))
    return {
        "a loop around a rule for VJPs": (
            lambda x: jax.lax.fori_loop(0, 3, lambda _, x: only_backwards(x), x),
            "loop or a branch",
        ),
        "a loop over nothing": (lambda x: jax.lax.scan(lambda a, b: (a * b, a), x[0], x[4:])[0] * x, "an empty array"),
        "a loop of many numbers": (lambda x: jax.lax.scan(lambda a, b: (a * b, a), x[0], jnp.ones(9000))[1], "more than"),
        "a rule for VJPs": (only_backwards, "custom_vjp"),
        "an unknown primitive": (lambda x: jnp.linalg.inv(x.reshape(2, 2)), "not an operation on single numbers"),
        "a sum of many": (lambda x: (jnp.outer(jnp.arange(3000.0), x) ** 2).reshape(-1)[:2], "more than"),
        "a print": (lambda x: (jax.debug.print("x"), x * x[0])[1], "besides computing"),
        "complex numbers": (lambda x: (jnp.exp(1j * x) * x).real, "single numbers"),
        "indices that depend": (lambda x: x[x[0].astype(int)] * x, "single numbers"),
    }


@pytest.mark.parametrize("name", [*refused(Anything(), Anything())])
def test_refusals(jax, jnp, eliminated, name):
    function, reason = refused(jax, jnp)[name]
    with pytest.raises(ChainError, match=reason):
        eliminated(function)(POINT)


def test_a_long_jacobian_of_a_short_function_is_refused(jnp, eliminated):
    def layers(x):
        for _ in range(4):
            x = jnp.tanh(x @ jnp.outer(jnp.cos(jnp.arange(20.0)), jnp.sin(jnp.arange(20.0) + 1)))
        return x

    with pytest.raises(ChainError, match="more than 10,000 operations"):
        eliminated(layers)(jnp.linspace(0.1, 0.9, 20))


def test_what_does_not_go_together(jnp):
    from chainopt.jax import jacobian

    with pytest.raises(ChainError, match="low_rank"):
        jacobian(jnp.sin, mode="elimination", low_rank=True)
    with pytest.raises(ChainError, match="straight-line code"):
        jacobian(jnp.sin, mode="elimination", sparse=True)


def test_the_order_is_a_plan(jnp, eliminated):
    derivative = eliminated(lambda x: jnp.stack([jnp.sin(x[0] * x[1]) * x[2], jnp.exp(x[0] * x[1]) * x[3]]))
    elimination = derivative.plan(POINT)
    assert elimination.is_optimal
    assert elimination.cost <= 8
    assert eliminated(jnp.round).plan(POINT).cost == 0  # whose Jacobian is zero


@pytest.mark.usefixtures("jax")
def test_tuning_times_it(jnp, monkeypatch):
    from chainopt.functions import autotune
    from chainopt.jax import jacobian

    monkeypatch.setattr(autotune, "ENOUGH", 0.0)
    monkeypatch.setattr(autotune, "ROUNDS", 2)
    tuned = jacobian(lambda x: x * x[0]).tune(POINT)
    assert set(tuned.times) == {"forward", "reverse", "planned", "elimination"}
    assert "elimination" not in jacobian(lambda x: jnp.linalg.inv(x.reshape(2, 2))).tune(POINT).times
    assert "elimination" not in jacobian(lambda x: x * x[0]).tune(jnp.arange(60.0)).times  # it would take long to compile


def test_what_stops_derivatives_stops_those_of_it(jax, jnp, eliminated):
    def function(x):
        return jnp.stack([x[0] * (x[1] - jax.lax.stop_gradient(x[1])) ** 2, x[2]])

    one, other = (jax.jacfwd(made(function)) for made in (eliminated, jax.jacfwd))
    close(one(POINT), other(POINT))


CHOSEN = {  # whether auto writes straight-line code for it, and how many numbers it takes
    "stress": (True, 9),
    "rotated": (True, 6),
    "planar_arm": (False, 12),  # sines are most of the work, and each is used once
    "robot_arm": (True, 7),  # few sines, each used six times
    "layers of tanh": (True, 4),
    "sums of sines": (False, 6),
    "a product alone": (False, 8),
    "products with constants": (False, 3),
    "too much code": (False, 25),
}


def some_functions(jnp):
    weights = np.random.default_rng(1).standard_normal((3, 4, 4))

    def layers(x):
        values = [*x]
        for matrix in weights:
            values = [jnp.tanh(sum(row[k] * values[k] for k in range(4))) for row in matrix]
        return jnp.stack(values)

    return {
        "a product alone": lambda x: (x[:4].reshape(2, 2) @ x[4:].reshape(2, 2)).reshape(-1),
        "products with constants": lambda x: jnp.tanh(jnp.tanh(x @ np.ones((3, 4))) @ np.ones((4, 2))),
        "layers of tanh": layers,
        "sums of sines": lambda x: jnp.stack([sum(jnp.sin(x[i] * k + x[i - k]) for i in range(6)) for k in range(6)]),
        "too much code": lambda x: (jnp.sin(x).reshape(5, 5) @ (x * 2 - 1).reshape(5, 5) @ (x + 1).reshape(5, 5) + 1).reshape(-1),
    }


@pytest.mark.parametrize("name", CHOSEN)
def test_what_auto_chooses(jax, jnp, name):
    import jax_problems

    from chainopt import Elimination
    from chainopt.jax import jacobian

    is_written, size = CHOSEN[name]
    function = some_functions(jnp).get(name) or getattr(jax_problems, name)
    derivative, point = jacobian(function), jnp.linspace(0.3, 0.9, size)
    assert isinstance(derivative.plan(point), Elimination) == is_written
    if is_written:
        points = jnp.stack([point, point * 0.9])
        found, wanted = jax.jit(lambda points: [jax.vmap(make(function))(points) for make in (jacobian, jax.jacfwd)])(points)
        close(found, wanted)
