"""What is kept of a JAX function between two calls: found again only where it is right."""

import dataclasses
import functools

import numpy as np
import pytest

from chainopt import ChainError
from chainopt.functions import strategies


@pytest.fixture(scope="module")
def jnp(jax):
    return jax.numpy


@pytest.fixture(scope="module")
def jacobian(jax):  # noqa: ARG001 -- chainopt.jax needs it
    from chainopt.jax import jacobian

    return jacobian


@pytest.fixture(params=["auto", "planned"])
def mode(request):
    return request.param


@pytest.fixture
def hourglass(jnp):
    rng = np.random.default_rng(0)
    into, out = jnp.asarray(rng.standard_normal((20, 2)) / 5), jnp.asarray(rng.standard_normal((2, 30)))
    return lambda x, activation: activation(x @ into) @ out


@pytest.fixture
def x(jnp):
    return jnp.linspace(-1, 1, 20)


@pytest.fixture
def traced(monkeypatch):
    """The calls at which a function was traced."""
    calls, prepare = [], strategies.prepare
    monkeypatch.setattr(strategies, "prepare", lambda *given: calls.append(given) or prepare(*given))
    return calls


class Quiet:
    """An activation that is compared by its factor, and does not show it."""

    def __init__(self, jnp, factor):
        self.jnp, self.factor = jnp, factor

    def __call__(self, x):
        return self.jnp.tanh(self.factor * x)

    def __eq__(self, other):
        return isinstance(other, Quiet) and self.factor == other.factor

    def __hash__(self):
        return hash(self.factor)

    def __repr__(self):
        return "Quiet()"


def close(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_static_data_are_compared_and_not_their_texts(jax, jnp, jacobian, hourglass, x, mode):
    @functools.partial(jax.tree_util.register_dataclass, data_fields=["scale"], meta_fields=["activation"])
    @dataclasses.dataclass
    class Config:
        scale: object
        activation: object

    def function(x, config):
        return hourglass(x * config.scale, config.activation)

    derivative = jacobian(function, mode=mode)
    for factor in (1.0, 9.0, 1.0):
        config = Config(jnp.ones(()), Quiet(jnp, factor))
        close(derivative(x, config), jax.jacfwd(function)(x, config))


def test_addresses_that_are_used_again(jax, jnp, jacobian, hourglass, x, mode):
    derivative = jacobian(hourglass, mode=mode)
    for factor in range(1, 5):
        activation = jax.tree_util.Partial(lambda z, factor=factor: jnp.tanh(factor * z))
        close(derivative(x, activation), jax.jacfwd(hourglass)(x, activation))
        del activation


@pytest.mark.parametrize("leaves", [(0.0, -0.0), (1, True, 1.0), (0j, -0j, 0.0)])
def test_equal_numbers_that_a_function_tells_apart(jax, jnp, jacobian, hourglass, x, leaves):
    def function(x, number):
        text = repr(number)
        return hourglass(x, jnp.tanh) * (len(text) + sum(map(ord, text)))

    derivative = jacobian(function)
    for number in (*leaves, leaves[0]):
        close(derivative(x, number), jax.jacfwd(function)(x, number))


def test_numbers_that_are_none_are_one_signature(jacobian, hourglass, jnp, x, traced):
    derivative = jacobian(lambda x, number: hourglass(x, jnp.tanh) + (number != number))  # noqa: PLR0124
    for _ in range(3):
        derivative(x, float("nan"))
    assert len(traced) == 1


def test_what_has_no_hash_is_left_to_jax(jax, jnp, jacobian, hourglass, x, traced):
    class Options:
        __hash__ = None

        def __init__(self, factor):
            self.factor = factor

    def function(x, options):
        return hourglass(x, jnp.tanh) * options.factor

    derivative, options = jacobian(function), Options(2.0)
    for factor in (2.0, 5.0):
        options.factor = factor
        close(derivative(x, options), jax.jacrev(function)(x, options))
    assert not traced
    close(jacobian(function, mode="planned")(x, options), jax.jacrev(function)(x, options))


def test_what_is_read_besides_the_arguments_may_change(jax, jnp, jacobian, x):
    rng = np.random.default_rng(1)
    weights = {"in": jnp.asarray(rng.standard_normal((20, 2))), "out": rng.standard_normal((2, 30))}
    scale = 1.0

    def function(x):
        return scale * jnp.tanh(x @ weights["in"]) @ weights["out"]

    derivative = jacobian(function, mode="planned")
    close(derivative(x), jax.jacfwd(function)(x))
    scale = 3.0
    close(derivative(x), jax.jacfwd(function)(x))
    weights["in"] = 2 * weights["in"]
    close(derivative(x), jax.jacfwd(function)(x))
    weights["out"] *= 2  # in place, for it is an array of NumPy
    close(derivative(x), jax.jacfwd(function)(x))


def test_a_refusal_is_remembered_with_its_reason(jnp, jacobian, x, traced):
    calls = []

    def function(x):
        calls.append(x)
        return 1.0 * jnp.argsort(x)

    derivative = jacobian(function)
    derivative(x)
    for _ in range(3):
        calls.clear()
        derivative(x)
        assert len(calls) == 1
    with pytest.raises(ChainError, match="cannot be planned, for nothing between its inputs and its results"):
        derivative.plan(x)
    assert len(traced) == 1
    with pytest.raises(ChainError, match="cannot be planned, for nothing between"):
        jacobian(function, mode="planned")(x)


def test_the_memory_for_signatures_ends(jnp, jacobian, monkeypatch):
    monkeypatch.setattr(strategies, "MOST_SIGNATURES", 3)
    derivative = jacobian(jnp.sin)
    for size in range(1, 7):
        derivative(jnp.ones(size))
    assert len(derivative._strategies.known) == 3


CONFIGURATIONS = {
    "jax_default_prng_impl": "rbg",
    "jax_threefry_partitionable": None,  # the other one
    "jax_random_seed_offset": 5,
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_configuration_of_random_numbers_may_change(jax, jnp, jacobian, hourglass, x, mode, name):
    def function(x):
        return hourglass(x * jax.random.normal(jax.random.key(0), x.shape), jnp.tanh)

    derivative, before = jacobian(function, mode=mode), getattr(jax.config, name)
    first = derivative(x)
    after = not before if CONFIGURATIONS[name] is None else CONFIGURATIONS[name]
    jax.config.update(name, after)
    try:
        close(derivative(x), jax.jacrev(function)(x))
        assert not np.allclose(first, derivative(x))
    finally:
        jax.config.update(name, before)
    close(derivative(x), first)


def test_ranks_are_promoted_as_the_configuration_says(jax, jnp, jacobian, hourglass, x, mode):
    def function(x):
        return hourglass(x, jnp.tanh) * jnp.ones((3, 1))

    derivative = jacobian(function, mode=mode)
    derivative(x)
    with jax.numpy_rank_promotion("raise"):
        for each in (jax.jacrev(function), derivative):
            with pytest.raises((ValueError, ChainError), match="rank_promotion"):
                each(x)
