"""Functions that write to references, as `jax.new_ref` makes them: the library's own derivatives, and no plan."""

import numpy as np
import pytest

from chainopt import ChainError

SIZE = 4


def doubled(jax):
    def function(x):
        reference = jax.new_ref(x)
        reference[...] = reference[...] * 2
        return reference[...]

    return function


def within_a_call(jax):
    def function(x):
        reference = jax.new_ref(x[0])

        @jax.jit
        def go(y):
            reference[...] = reference[...] + y.sum()
            return y * reference[...]

        return go(x)

    return function


def filled_in_a_loop(jax):
    def function(x):
        reference = jax.new_ref(jax.numpy.zeros(SIZE))

        def fill(place, state):
            reference[place] = x[place] ** 2
            return state

        jax.lax.fori_loop(0, SIZE, fill, 0)
        return reference[...]

    return function


def only_read(jax):
    held = jax.new_ref(jax.numpy.ones(()) * 3)
    return lambda x: x * held[...]


MAKERS = [doubled, within_a_call, filled_in_a_loop, only_read]


@pytest.fixture(autouse=True)
def _references(jax):
    if not hasattr(jax, "new_ref"):
        pytest.skip("this JAX has no references yet")


@pytest.mark.parametrize("make", MAKERS)
def test_values_are_those_of_the_library(jax, make):
    from chainopt.jax import jacobian, value_and_jacobian

    function, x = make(jax), jax.numpy.arange(1.0, SIZE + 1)
    expected, derivative = jax.jacrev(function)(x), jacobian(function)
    for at in (x, x, x + 1):
        np.testing.assert_allclose(derivative(at), jax.jacrev(function)(at))
    np.testing.assert_allclose(jax.jit(derivative)(x), expected)
    np.testing.assert_allclose(value_and_jacobian(function)(x)[1], expected)


@pytest.mark.parametrize("make", MAKERS)
def test_no_plan_pattern_or_graph(jax, make):
    from chainopt.jax import computation_graph, jacobian, sparsity

    function, x = make(jax), jax.numpy.arange(1.0, SIZE + 1)
    for demand in (
        jacobian(function, mode="planned"),
        jacobian(function, mode="elimination"),
        jacobian(function, sparse=True),
        jacobian(function, sparse="low-rank"),
        lambda x: sparsity(function, x),
        lambda x: computation_graph(function, x),
    ):
        with pytest.raises(ChainError, match=r"jax\.new_ref"):
            demand(x)
