"""Arguments that are empty, missing, or none at all."""

import numpy as np
import pytest

from chainopt import ChainError


@pytest.fixture(scope="module")
def jnp(jax):
    return jax.numpy


@pytest.fixture(scope="module")
def jacobian(jax):  # noqa: ARG001 -- chainopt.jax needs it
    from chainopt.jax import jacobian

    return jacobian


def test_what_is_empty(jax, jnp, jacobian):
    x, weights = jnp.linspace(0.1, 1, 5), jnp.ones((0, 3))
    narrow = {"no output": lambda x: jnp.tanh(x[:0]), "no cut": lambda x: jnp.tanh(jnp.tanh(x[:0]) @ weights)}
    for function in narrow.values():
        np.testing.assert_array_equal(jacobian(function)(x), jax.jacfwd(function)(x))
        with pytest.raises(ChainError, match="all of it is empty"):
            jacobian(function, mode="planned")(x)
    np.testing.assert_array_equal(jacobian(jnp.sin)(x[:0]), jax.jacfwd(jnp.sin)(x[:0]))


def test_arguments_that_are_not_there(jnp, jacobian):
    x = jnp.ones(3)
    with pytest.raises(ChainError, match=r"argnums is 4, but the function was given 1 positional argument$"):
        jacobian(jnp.sin, argnums=4)(x)
    with pytest.raises(ChainError, match=r"argnums is \(0, -2\), but"):
        jacobian(jnp.sin, argnums=(0, -2))(x)
    for wrong in ("a", 1.0, True, ("a",)):
        with pytest.raises(ChainError, match=r"argnums is .*: give the position"):
            jacobian(jnp.sin, argnums=wrong)
    with pytest.raises(ChainError, match="the function is 3, which cannot be called"):
        jacobian(3)
