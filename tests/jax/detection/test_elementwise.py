"""Patterns of what goes entry by entry, of masks and of choices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax_patterns import battery

from chainopt.jax import sparsity

ODD = np.arange(12) % 2 == 1
WEIGHTS = np.linspace(-1, 1, 12)

test_patterns = battery(
    {
        "a sum of neighbors": lambda x: jnp.sin(x[1:]) - x[:-1] / 3,
        "a product": lambda x: x[1:] * x[:-1] ** 2,
        "a quotient": lambda x: x[1:] / (1 + x[:-1] ** 2),
        "powers": lambda x: (jnp.abs(x[1:]) + 1) ** x[:-1],
        "special functions": lambda x: jax.scipy.special.gammainc(2.0, jnp.abs(x) + 1) + jax.scipy.special.erf(x),
        "numbers of a lower precision": lambda x: (x.astype(jnp.float32) * 2).astype(x.dtype),
        "through integers": lambda x: jnp.sin(x.astype(jnp.int32).astype(x.dtype)) + x[::-1],
        "complex numbers inside": lambda x: jnp.real(jnp.exp(1j * x) * (x[::-1] + 1j)),
        "a constant mask": lambda x: x * ODD,
        "a mask of one entry": lambda x: x * jnp.where(jnp.arange(12) % 2, x[0], 0.0),
        "a mask that is computed": lambda x: jnp.where((jnp.arange(12) * 3) % 4 == 1, x[::-1], x),
        "a factor that is zero": lambda x: x * 0.0 + x[0] * jnp.ones(12),
        "weights with a zero": lambda x: x[::-1] * np.where(ODD, WEIGHTS, 0),
        "a choice by value": lambda x: jnp.where(x > 0, jnp.roll(x, 1), x[::-1]),
        "a choice of three": (lambda x: jax.lax.select_n(jnp.int32(jnp.abs(x) * 2) % 3, x, x[::-1], jnp.roll(x, 1)), False),
        "a known choice of three": lambda x: jax.lax.select_n(jnp.arange(12, dtype=jnp.int32) % 3, x, x[::-1], jnp.roll(x, 1)),
        "a choice by a number": lambda x: jax.lax.select_n(jnp.bool_(True), x, x[::-1]),
        "rectified": lambda x: jax.nn.relu(x[1:] - x[:-1]),
        "clipped": lambda x: jnp.clip(x, -0.5, 0.5),
        "between neighbors": lambda x: jnp.clip(x[1:-1], x[:-2], x[2:]),
        "the larger": lambda x: jnp.maximum(x, x[::-1]) + jnp.minimum(x, 0.1),
        "rounded": lambda x: jnp.round(x * 3) + jnp.floor(x) * x[::-1],
        "the sign": lambda x: jnp.sign(x),
        "nothing at all": lambda x: jnp.ones(7) + 0 * jnp.sum(jnp.arange(3.0)),
        "two results": lambda x: {"a": x[:3] * x[3:6], "b": [x[6], jnp.arange(3)[0] * x[7]]},
        "an inner stop": lambda x: x * jax.lax.stop_gradient(jnp.roll(x, 1)),
        "what is computed again": lambda x: jax.checkpoint(lambda x: jnp.sin(x) * x[::-1])(x),
        "in the cheapest way": lambda x: jax.jit(jax.jit(jnp.sin))(x) + jax.named_call(jnp.cos, name="wave")(x[::-1]),
    }
)


def test_what_may_be_no_number_is_no_zero():
    x, nothing = jnp.ones(12), jnp.zeros(12)
    assert sparsity(lambda x: x * (nothing / jnp.arange(12.0)), x).indices.tolist() == [0]
    assert sparsity(lambda x, at: x * nothing.at[at].get(mode="fill"), x, jnp.arange(12)).nnz == 12  # places may lie outside
    assert sparsity(lambda x, at: x * nothing.at[at].get(mode="clip"), x, jnp.arange(12)).nnz == 0


FAR_OUT = np.array([np.inf, -np.inf, np.nan, 1e12, -1e12, 300.0, -3.0, 5.0])


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"])
def test_constants_out_of_range_are_converted_as_xla_does_it(kind):
    def taken(x):
        return x[jnp.clip(jnp.asarray(FAR_OUT).astype(kind).astype(jnp.int64), 0, 11)]

    assert_covers(taken)


def test_constants_are_evaluated_as_xla_does_it():
    tiny = np.array([0.0, 1e-310, 5e-324, 1.0])
    assert_covers(lambda x: x[jax.lax.rem(jnp.arange(5, 9), jnp.array([0, 2, 0, 3]))])
    for told in (lambda: jnp.asarray(tiny) > 0, lambda: jnp.sign(tiny) == 1, lambda: jnp.ceil(tiny) == 1):
        assert_covers(lambda x, told=told: x[jnp.where(told(), 1, 2)])


def test_a_choice_of_many_constants():
    branches = [lambda number=number: jnp.asarray(number % 3) for number in range(70)]
    chosen = jax.vmap(lambda index: jax.lax.switch(index, branches))
    assert sparsity(lambda x: x * chosen(jnp.arange(12) + 50), jnp.ones(12)).indices.tolist() == [0, 2, 3, 5, 6, 8, 9, 11]


def assert_covers(function):
    x = jnp.linspace(-1.0, 1.0, 12)
    assert not (np.asarray(jax.jacfwd(function)(x)) != 0)[~sparsity(function, x).toarray()].any()
