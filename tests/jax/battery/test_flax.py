"""Models that are written with Flax, Linen and NNX: a block of a transformer, and a convolution.

They take long to compile: some are tried each time, all of them with the environment variable CHAINOPT_NIGHTLY.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax_judge import IS_WHOLE, case, complaints

TOKENS, FEATURES, HIDDEN = 3, 4, 6
PIXELS = (6, 6, 1)
DOUBLE = {"param_dtype": jnp.float64}


def drawn(*shape):
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape))


class Block(linen.Module):
    """A block of a transformer, with dropout where it trains."""

    rate: float = 0.0

    @linen.compact
    def __call__(self, tokens, *, train=False):
        attention = linen.MultiHeadDotProductAttention(num_heads=2, dropout_rate=self.rate, deterministic=not train, **DOUBLE)
        tokens = tokens + attention(linen.LayerNorm(**DOUBLE)(tokens))
        hidden = linen.gelu(linen.Dense(HIDDEN, **DOUBLE)(linen.LayerNorm(**DOUBLE)(tokens)))
        hidden = linen.Dropout(self.rate, deterministic=not train)(hidden)
        return tokens + linen.Dense(FEATURES, **DOUBLE)(hidden)


class Convolutional(linen.Module):
    """A convolution, normalized by statistics that are kept, and pooled in front of a linear layer."""

    @linen.compact
    def __call__(self, image):
        image = linen.BatchNorm(use_running_average=True, **DOUBLE)(linen.Conv(2, (3, 3), **DOUBLE)(image))
        return linen.Dense(3, **DOUBLE)(linen.avg_pool(linen.softplus(image), (2, 2), (2, 2)).ravel())


class StatefulBlock(nnx.Module):
    """A block of a transformer whose parameters are its own."""

    def __init__(self):
        made = {"rngs": nnx.Rngs(0), **DOUBLE}
        self.norm, self.attention = nnx.LayerNorm(FEATURES, **made), nnx.MultiHeadAttention(2, FEATURES, decode=False, **made)
        self.wide, self.narrow = nnx.Linear(FEATURES, HIDDEN, **made), nnx.Linear(HIDDEN, FEATURES, **made)

    def __call__(self, tokens):
        tokens = tokens + self.attention(self.norm(tokens))
        return tokens + self.narrow(jax.nn.gelu(self.wide(self.norm(tokens))))


def changed(parameters):
    return jax.tree.map(lambda leaf: 0.9 * leaf + 0.01, parameters)


def initial(model, shape):
    return model.init(jax.random.key(0), drawn(*shape))


def at_initial(model, shape):
    return lambda: ((initial(model, shape), drawn(*shape)), (changed(initial(model, shape)), 0.9 * drawn(*shape)))


def by_state(state, tokens):
    return nnx.merge(nnx.graphdef(StatefulBlock()), state)(tokens).sum(0)


def states():
    state = nnx.state(StatefulBlock())
    return (state, drawn(TOKENS, FEATURES)), (changed(state), 0.9 * drawn(TOKENS, FEATURES))


SHAPE = (TOKENS, FEATURES)
SINGLE = 1e-3  # of the largest entry: means are computed in single precision, and some derivatives are all but zero
PROGRAMS = {
    "a block": case(lambda x: Block().apply(initial(Block(), SHAPE), x).sum(0), SHAPE),
    "a block by its parameters": case(lambda p, x: Block().apply(p, x).sum(0), points=at_initial(Block(), SHAPE)),
    "a block that trains": case(
        lambda x: Block(0.3).apply(initial(Block(), SHAPE), x, train=True, rngs={"dropout": jax.random.key(5)}).sum(0), SHAPE
    ),
    "a convolution": case(lambda x: Convolutional().apply(initial(Convolutional(), PIXELS), x), PIXELS),
    "a convolution by its parameters": case(
        lambda p, x: Convolutional().apply(p, x), points=at_initial(Convolutional(), PIXELS), tolerance=SINGLE
    ),
    "a block of NNX": case(lambda x: StatefulBlock()(x).sum(0), SHAPE, tolerance=SINGLE),
    "a block of NNX by its state": case(by_state, points=states, tolerance=SINGLE),
}
OFTEN = ("a block by its parameters", "a block of NNX")


@pytest.mark.parametrize("name", PROGRAMS if IS_WHOLE else OFTEN)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []
