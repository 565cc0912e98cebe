"""Jacobians of JAX functions: against jax.jacfwd and jax.jacrev, in all the ways in which people call them."""

import math
from itertools import pairwise

import numpy as np
import pytest

from chainopt import ChainError


@pytest.fixture(scope="module", autouse=True)
def _double(jax):
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture(scope="module")
def jnp(jax):
    return jax.numpy


@pytest.fixture(scope="module")
def jacobian(jax):  # noqa: ARG001 -- chainopt.jax needs it
    from chainopt.jax import jacobian

    return jacobian


def network(jnp, *sizes):
    rng = np.random.default_rng(0)
    weights = [jnp.asarray(rng.standard_normal((m, n)) / math.sqrt(m)) for m, n in pairwise(sizes)]

    def function(x):
        for weight in weights:
            x = jnp.tanh(x @ weight.astype(x.dtype))
        return x

    return function


def assert_same(jax, one, other, tolerance=1e-12):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert (left.shape, left.dtype) == (right.shape, right.dtype)
        scale = max(float(abs(right).max()), 1e-30) if right.size else 1.0
        np.testing.assert_allclose(left, right, rtol=0, atol=tolerance * scale)


def functions(jax, jnp):
    """Functions with a narrow place, each with an argument."""
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.standard_normal(60))
    into, out = network(jnp, 60, 40, 3), network(jnp, 3, 40, 60)
    one, two = network(jnp, 60, 30, 2, 30, 50), network(jnp, 60, 20, 3, 20, 40)

    def burgers(u, steps=8):
        def step(u, _):
            return u - 0.1 * u * (u - jnp.roll(u, 1)) + 0.05 * (jnp.roll(u, 1) - 2 * u + jnp.roll(u, -1)), None

        return jax.lax.scan(step, u, None, length=steps)[0]

    def unrolled(u):
        for _ in range(4):
            u = u - 0.1 * u * (u - jnp.roll(u, 1))
        return u

    def residual(x):
        h = into(x)
        return out(h + jnp.sin(network(jnp, 3, 5, 3)(h)))

    return {
        "hourglass": (lambda x: out(into(x)), x),
        "hourglass, jitted inside": (lambda x: jax.jit(out)(jax.jit(into)(x)), x),
        "scans around a narrow place": (lambda x: burgers(out(into(burgers(x)))), x),
        "plain steps around it": (lambda x: unrolled(out(into(unrolled(x)))), x),
        "two branches": (lambda x: jnp.concatenate([one(x), two(x)]), x),
        "a block with a skip inside": (residual, x),
        "a skip over everything": (lambda x: x + out(into(x)), x),
        "a skip that comes first": (lambda x: out(into(x)) + x, x),
        "a gather, then a product": (lambda x: jnp.outer(x[jnp.array([3, 5, 5, 7])], x[:2]).ravel() @ jnp.ones((8, 100)), x),
        "branches of control": (lambda x: jax.lax.cond(x[0] > 0, lambda x: out(into(x)), lambda x: 2 * out(into(x)), x), x),
        "an argmax of what is computed": (lambda x: out(into(x)) * jnp.argmax(into(x)), x),
        "the same call twice": (lambda x: jax.jit(out)(into(x)) + jax.jit(out)(2 * into(x)), x),
        "dead code": (lambda x: (jnp.linalg.norm(jnp.outer(x, x)), out(into(x)))[1], x),
        "an output that is an input": (lambda x: {"x": x, "y": out(into(x)), "again": x}, x),
        "an output that is constant": (lambda x: (out(into(x)), jnp.ones(3)), x),
        "a scalar": (lambda x: jnp.sum(out(into(x)) ** 2), x),
        "empty arrays": (lambda x: (x[:0], out(into(x))), x),
        "sorting": (lambda x: jnp.sort(out(into(x))), x),
        "a convolution": (lambda x: jnp.convolve(out(into(x)), jnp.ones(5)), x),
    }


NAMES = [
    "hourglass",
    "hourglass, jitted inside",
    "scans around a narrow place",
    "plain steps around it",
    "two branches",
    "a block with a skip inside",
    "a skip over everything",
    "a skip that comes first",
    "a gather, then a product",
    "branches of control",
    "an argmax of what is computed",
    "the same call twice",
    "dead code",
    "an output that is an input",
    "an output that is constant",
    "a scalar",
    "empty arrays",
    "sorting",
    "a convolution",
]


@pytest.mark.parametrize("name", NAMES)
def test_equal_to_jax(jax, jnp, jacobian, name):
    function, x = functions(jax, jnp)[name]
    derivative = jacobian(function, mode="planned")
    expected = jax.jacfwd(function)(x)
    assert_same(jax, jax.jit(derivative)(x), expected)
    assert_same(jax, jacobian(function)(x), expected)
    single = x.astype(jnp.float32)
    assert_same(jax, derivative(single), jax.jit(jax.jacrev(function))(single), 1e-5)
    assert derivative.plan(x).chain.shapes[-1][1] == x.size


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_modes(jax, jnp, jacobian, mode):
    function, x = functions(jax, jnp)["an output that is an input"]
    pure = jax.jacrev if mode == "reverse" else jax.jacfwd
    assert_same(jax, jacobian(function, mode=mode)(x), pure(function)(x))


def test_the_plan_goes_through_the_narrow_place(jax, jnp, jacobian):
    function, x = functions(jax, jnp)["hourglass"]
    plan = jacobian(function).plan(x)
    assert 3 in plan.chain.dims
    assert [*plan.operations][-1].cost == 60 * 3 * 60  # nothing crosses the narrow place but the last product
    assert jacobian(function, mode="forward").plan(x).mode == "forward"
    assert jacobian(function, mode="reverse").plan(x).mode == "reverse"
    skipped = jacobian(functions(jax, jnp)["a skip over everything"][0]).plan(x)
    assert skipped.chain.shapes[0][0] == 60
    assert 3 in skipped.chain.dims
    two = jacobian(functions(jax, jnp)["two branches"][0]).plan(x)
    assert (two.chain.dims[0], min(two.chain.dims), two.chain.dims[-1]) == (90, 5, 60)


@pytest.mark.parametrize("mode", ["auto", "planned"])
def test_pytrees_and_arguments(jax, jnp, jacobian, mode):
    narrow = network(jnp, 30, 2, 30)
    rng = np.random.default_rng(2)

    def function(params, x, *, scale=1.0, name="unused"):  # noqa: ARG001
        hidden = narrow(params["w"].ravel() * scale + x["a"].sum())
        return {"out": hidden.reshape(5, 6), "both": (hidden[:3], params["b"] * 2)}

    params = {"w": jnp.asarray(rng.standard_normal((6, 5))), "b": jnp.asarray(rng.standard_normal(4))}
    x = {"a": jnp.asarray(rng.standard_normal(7)), "n": 3}
    for argnums in (0, (0,), -2):
        expected = jax.jacfwd(function, argnums)(params, x, scale=2.0, name="text")
        assert_same(jax, jacobian(function, argnums, mode=mode)(params, x, scale=2.0, name="text"), expected)
    floats = {"a": x["a"]}
    for argnums in ((0, 1), (1, 0), [1]):
        expected = jax.jacfwd(function, tuple(argnums))(params, floats)
        assert_same(jax, jacobian(function, argnums, mode=mode)(params, floats), expected)


@pytest.mark.parametrize("mode", ["auto", "planned", "forward", "reverse"])
def test_auxiliary_data_and_values(jax, jnp, jacobian, mode):
    from chainopt.jax import value_and_jacobian

    narrow = network(jnp, 40, 2, 40)
    x = jnp.linspace(0, 1, 40)

    def function(x):
        return narrow(x), {"norm": jnp.sum(x**2), "twice": 2 * x}

    pure = jax.jacrev if mode == "reverse" else jax.jacfwd
    expected = pure(function, has_aux=True)(x)
    assert_same(jax, jacobian(function, has_aux=True, mode=mode)(x), expected)
    value, derivative = value_and_jacobian(narrow, mode=mode)(x)
    assert_same(jax, (derivative, value), (expected[0], narrow(x)))
    (value, aux), derivative = value_and_jacobian(function, has_aux=True, mode=mode)(x)
    assert_same(jax, (derivative, aux, value), (*expected, narrow(x)))


def test_under_transformations_and_under_itself(jax, jnp, jacobian):
    narrow = network(jnp, 20, 2, 20)
    batch = jnp.asarray(np.random.default_rng(3).standard_normal((5, 20)))
    planned = jacobian(narrow, mode="planned")
    assert_same(jax, jax.vmap(planned)(batch), jax.vmap(jax.jacfwd(narrow))(batch))
    assert_same(jax, jax.jit(jax.vmap(planned))(batch), jax.vmap(jax.jacfwd(narrow))(batch))

    def energy(x):
        return jnp.sum(narrow(x) ** 2)

    x = batch[0]
    assert_same(jax, jacobian(jax.grad(energy), mode="planned")(x), jax.hessian(energy)(x))
    assert_same(jax, jacobian(jacobian(energy, mode="reverse"), mode="planned")(x), jax.hessian(energy)(x), 1e-11)
    assert_same(jax, jacobian(jacobian(narrow, mode="planned"), mode="planned")(x), jax.jacfwd(jax.jacfwd(narrow))(x), 1e-11)
    assert_same(jax, jax.grad(lambda x: planned(x).sum())(x), jax.grad(lambda x: jax.jacfwd(narrow)(x).sum())(x), 1e-11)
    scaled = jax.jit(lambda x, c: jacobian(lambda x: narrow(c * x), mode="planned")(x))
    assert_same(jax, scaled(x, 2.0), jax.jacfwd(lambda x: narrow(2.0 * x))(x))
    assert_same(jax, scaled(x, 3.0), jax.jacfwd(lambda x: narrow(3.0 * x))(x))


def test_a_stage_without_jvp_and_one_without_vjp(jax, jnp, jacobian):
    @jax.custom_vjp
    def only_backwards(x):
        return jnp.sin(x)

    only_backwards.defvjp(lambda x: (jnp.sin(x), x), lambda x, w: (w * jnp.cos(x),))

    def only_forwards(x):
        return jax.lax.while_loop(lambda state: state[0] < 3, lambda state: (state[0] + 1, jnp.sin(state[1])), (0, x))[1]

    narrow, wide = network(jnp, 30, 3), network(jnp, 3, 30)
    x = jnp.linspace(0, 1, 30)
    found = jacobian(lambda x: only_forwards(wide(narrow(only_backwards(x)))))(x)
    plain = jax.jacfwd(lambda x: jnp.sin(jnp.sin(jnp.sin(wide(narrow(jnp.sin(x)))))))(x)
    assert_same(jax, found, plain)
    for pure in (jax.jacfwd, jax.jacrev):
        with pytest.raises((TypeError, ValueError)):
            pure(lambda x: only_forwards(wide(narrow(only_backwards(x)))))(x)


def test_what_is_no_real_matrix_is_left_to_jax(jax, jnp, jacobian):
    z = jnp.linspace(0, 1, 4) + 1j
    assert_same(jax, jacobian(jnp.sin, holomorphic=True)(z), jax.jacfwd(jnp.sin, holomorphic=True)(z))
    x = jnp.linspace(0, 1, 4)
    assert_same(jax, jacobian(lambda x: jnp.abs(jnp.fft.fft(x)))(x), jax.jacfwd(lambda x: jnp.abs(jnp.fft.fft(x)))(x))
    integers = jnp.arange(3)
    found = jacobian(lambda n: n * 1.5, allow_int=True)(integers)
    assert jax.tree.leaves(found)[0].dtype == jax.jacrev(lambda n: n * 1.5, allow_int=True)(integers).dtype
    for wrong in (integers, "text"):
        with pytest.raises(TypeError):
            jacobian(lambda x: x)(wrong)
    assert_same(jax, jacobian(lambda x: x)(x), jnp.eye(4))
    for derivative in (jax.jacfwd, jacobian):  # a branch in Python
        with pytest.raises(jax.errors.ConcretizationTypeError):
            derivative(lambda x: jnp.sin(x) if float(x.sum()) > 0 else x)(x)
    with pytest.raises(ChainError, match=r"for tracing it raised ConcretizationTypeError.*if it works"):
        jacobian(lambda x: jnp.sin(x) if float(x.sum()) > 0 else x, mode="planned")(x)
    with pytest.raises(ChainError, match="cannot be planned, for an input is of int"):
        jacobian(lambda x: x, mode="planned")(integers)
    with pytest.raises(ChainError, match="cannot be planned, for it is holomorphic"):
        jacobian(jnp.sin, holomorphic=True, mode="planned")(z)
    with pytest.raises(ChainError, match="cannot be planned"):
        jacobian(lambda x: x).plan(x)


def test_options(jax, jnp, jacobian):
    function, x = functions(jax, jnp)["hourglass"]
    expected = jax.jacfwd(function)(x)
    for chunk_size in (1, 2, 7, 1000):
        assert_same(jax, jacobian(function, mode="planned", chunk_size=chunk_size)(x), expected)
    with pytest.raises(ChainError, match="mode is 'best': give one of 'auto', 'forward', 'reverse', 'planned'"):
        jacobian(function, mode="best")
    for chunk_size in (0, True, 2.5):
        with pytest.raises(ChainError, match="chunk_size is"):
            jacobian(function, chunk_size=chunk_size)


def test_it_is_traced_once_for_each_signature(jax, jnp, jacobian):
    narrow = network(jnp, 20, 2, 20)
    traced = []

    def function(x, scale):
        traced.append(x.shape)
        return narrow(x * scale)

    derivative = jacobian(function, mode="planned")
    x = jnp.linspace(0, 1, 20)
    for scale in (1.0, 1.0):
        assert_same(jax, derivative(x, jnp.asarray(scale)), jax.jacfwd(narrow)(x))
    once = len(traced)
    assert_same(jax, derivative(2 * x, jnp.asarray(3.0)), 3 * jax.jacfwd(narrow)(6 * x))
    assert len(traced) == once
    derivative(x, jnp.ones(20))
    assert len(traced) > once


def test_stages_that_are_named(jax, jnp, jacobian):
    from chainopt.jax import sequential

    into, out = network(jnp, 30, 20, 4), network(jnp, 4, 20, 30)
    model = sequential(into, jnp.sin, out)
    x = jnp.linspace(0, 1, 30)
    assert_same(jax, model(x), out(jnp.sin(into(x))))
    assert_same(jax, jacobian(model)(x), jax.jacfwd(model)(x))
    plan = jacobian(model).plan(x)
    assert plan.chain.shapes == ((30, 4), (4, 4), (4, 30))


def test_tuning(jax, jnp, jacobian):
    function, x = functions(jax, jnp)["hourglass"]
    tuned = jacobian(function).tune(x)
    assert tuned.plan.chain.shapes == jacobian(function).plan(x).chain.shapes  # of a pure mode, which may win, with other costs
    assert tuned.mode in {"planned", str(tuned.plan.mode)}
    assert tuned.times[tuned.mode] == min(tuned.times.values())
    assert set(tuned.times) == {"forward", "reverse", "planned"}
    assert_same(jax, tuned(x), jax.jacfwd(function)(x))
    assert_same(jax, jax.jit(tuned)(x), tuned(x))
    assert_same(jax, jax.vmap(tuned)(jnp.stack([x, 2 * x]))[1], tuned(2 * x))
    assert str(tuned).count("\n") == 2
    assert str(tuned).count("<") == 1

    def loop(x):
        return jax.lax.while_loop(lambda state: state[0] < 3, lambda state: (state[0] + 1, jnp.sin(state[1])), (0, x))[1]

    of_loop = jacobian(loop).tune(x)
    assert of_loop.times["reverse"] == math.inf
    assert of_loop.plan.mode == "forward"
    with pytest.raises(TypeError):
        jacobian(loop).tune(jnp.arange(3))


def test_the_graph_of_a_function(jax, jnp):  # noqa: ARG001
    from chainopt.jax import computation_graph

    graph = computation_graph(lambda x: {"y": jnp.sin(x) @ jnp.ones((5, 3))}, jnp.ones(5))
    assert [graph.nodes[node]["size"] for node in graph] == [5, 5, 3]
    assert [edge["primitive"] for *_, edge in graph.edges(data=True)] == ["sin", "dot_general"]
    assert all(edge["jvp_cost"] > 0 for *_, edge in graph.edges(data=True))


@pytest.mark.parametrize("name", NAMES)
def test_two_thin_factors(jax, jnp, jacobian, name):
    function, x = functions(jax, jnp)[name]
    left, right = jacobian(function, low_rank=True)(x)
    product = jax.tree.map(lambda side: jnp.tensordot(side, right, 1), left)
    assert_same(jax, product, jax.jacfwd(function)(x), 1e-11)
    widths = {"hourglass": 3, "two branches": 5, "a skip over everything": 60, "a scalar": 1}
    assert right.shape[0] == widths.get(name, right.shape[0])


def test_two_thin_factors_of_pytrees(jax, jnp, jacobian):
    narrow = network(jnp, 12, 2, 8)

    def function(x, scale):
        return {"y": narrow(jnp.concatenate([x["a"].ravel(), x["b"]]))[:6] * scale, "z": jnp.ones(2)}, x["b"]

    x = {"a": jnp.linspace(0, 1, 8).reshape(2, 4), "b": jnp.linspace(-1, 1, 4)}
    (left, right), aux = jax.jit(jacobian(function, has_aux=True, low_rank=True))(x, 3.0)
    assert (left["y"].shape, left["z"].shape, right["a"].shape, right["b"].shape) == ((6, 2), (2, 2), (2, 2, 4), (2, 4))
    expected, _ = jax.jacrev(function, has_aux=True)(x, 3.0)
    for name in ("y", "z"):
        product = {key: jnp.tensordot(left[name], side, 1) for key, side in right.items()}
        assert_same(jax, product, expected[name])
    assert_same(jax, aux, x["b"])
    with pytest.raises(ChainError, match="low_rank is True, but mode is 'forward', which has no factors"):
        jacobian(function, low_rank=True, mode="forward")
    with pytest.raises(ChainError, match="cannot be planned"):
        jacobian(lambda x: x * 1j, low_rank=True)(jnp.ones(3))
