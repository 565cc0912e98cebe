"""Models of the libraries that people write theirs with: Equinox, Diffrax, Optimistix.

They take long to compile: some are tried each time, all of them with the environment variable CHAINOPT_NIGHTLY.
"""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix
import pytest
from jax_judge import IS_WHOLE, case, complaints


def made(model, *args, seed=0, **kwargs):
    """Return a module with its initial weights, in float64."""
    module = model(*args, key=jax.random.PRNGKey(seed), **kwargs)
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float64) if eqx.is_inexact_array(leaf) else leaf, module)


def perceptron(inputs=3, outputs=2, width=4, **kwargs):
    return made(eqx.nn.MLP, inputs, outputs, width, 2, activation=jnp.tanh, **kwargs)


def by_parameters(model, x):
    """Return a model's result as a function of its arrays alone, as `equinox.partition` takes it apart."""
    arrays, static = eqx.partition(model, eqx.is_inexact_array)
    return lambda arrays: eqx.combine(arrays, static)(x), arrays


def at_parameters(model, x):
    def points():
        arrays = by_parameters(model(), x)[1]
        return (arrays,), (jax.tree.map(lambda leaf: 0.7 * leaf + 0.01, arrays),)

    return case(lambda arrays: by_parameters(model(), x)[0](arrays), points=points)


class Convolutional(eqx.Module):
    """A convolution, pooled, in front of a linear layer."""

    convolution: eqx.nn.Conv2d
    pool: eqx.nn.AvgPool2d
    linear: eqx.nn.Linear

    def __init__(self):
        self.convolution, self.pool = made(eqx.nn.Conv2d, 1, 2, 3), eqx.nn.AvgPool2d(2, 2)
        self.linear = made(eqx.nn.Linear, 8, 3)

    def __call__(self, image):
        return self.linear(self.pool(jax.nn.softplus(self.convolution(image))).ravel())


class Block(eqx.Module):
    """A block of a transformer: attention and a layer between normalizations."""

    attention: eqx.nn.MultiheadAttention
    norm: eqx.nn.LayerNorm
    layer: eqx.nn.Linear

    def __init__(self):
        self.attention, self.layer = made(eqx.nn.MultiheadAttention, 2, 4), made(eqx.nn.Linear, 4, 4)
        self.norm = eqx.nn.LayerNorm(4)

    def __call__(self, tokens):
        tokens = tokens + self.attention(tokens, tokens, tokens)
        return tokens + jax.vmap(lambda token: jnp.tanh(self.layer(self.norm(token))))(tokens)


def recurrent(states):
    cell = made(eqx.nn.GRUCell, 2, 3)
    return jax.lax.scan(lambda h, x: (cell(x, h), None), jnp.zeros(3), states)[0]


def pendulum(t, state, args):
    return jnp.stack([state[1], -args * jnp.sin(state[0]) - 0.1 * state[1]]) + 0 * t


def solved(state, strength=2.0, **how):
    """Return a damped pendulum at the end of a second, as `diffrax.diffeqsolve` computes it."""
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(pendulum), diffrax.Tsit5(), 0.0, 1.0, 0.1, state, args=strength, max_steps=64, **how
    )
    return solution.ys[-1]


ADAPTIVE = {"rtol": 1e-6, "atol": 1e-9}


def fixed(a):
    """Return the fixed point of a damped map, differentiated by the implicit function theorem."""
    solver = optimistix.FixedPointIteration(rtol=1e-12, atol=1e-12)
    return optimistix.fixed_point(lambda z, a: jnp.tanh(0.3 * jnp.flip(z) + a), solver, jnp.zeros_like(a), a).value


def root(a):
    solver = optimistix.Newton(rtol=1e-12, atol=1e-12)
    return optimistix.root_find(lambda z, a: z**3 + z - a, solver, jnp.ones_like(a), a).value


def least(a):
    solver = optimistix.LevenbergMarquardt(rtol=1e-12, atol=1e-12)
    return optimistix.least_squares(lambda z, a: jnp.stack([z[0] - a[0], z[1] * z[0] - a[1]]), solver, jnp.ones(2), a).value


POSITIVE = {"points": lambda: ((jnp.array([0.6, 0.9]),), (jnp.array([1.3, 0.4]),))}
PROGRAMS = {
    "a perceptron by its input": case(lambda x: perceptron()(x), (3,)),
    "a convolution": case(lambda image: Convolutional()(image), (1, 6, 6)),
    "a block of a transformer": case(lambda tokens: Block()(tokens), (2, 4)),
    "a gated recurrent unit": case(recurrent, (3, 2)),
    "a perceptron by its parameters": at_parameters(perceptron, jnp.arange(3.0)),
    "a thin perceptron by its parameters": at_parameters(lambda: perceptron(width=1, inputs=5, outputs=4), jnp.ones(5)),
    "a block by its parameters": at_parameters(Block, jnp.ones((2, 4)) / 3),
    "a module as an argument": case(
        eqx.filter_jit(lambda x, model: model(x)),
        points=lambda: tuple((jnp.arange(3.0) / 3, perceptron(seed=seed)) for seed in (0, 1)),
    ),
    "Diffrax, default adjoint": case(solved, **POSITIVE, tolerance=1e-8),
    "Diffrax, by two arguments": case(
        solved, points=lambda: ((jnp.array([0.6, 0.9]), 2.0), (jnp.array([1.3, 0.4]), 2.0)), tolerance=1e-8
    ),
    "Diffrax, steps that adapt": case(
        lambda u: solved(u, stepsize_controller=diffrax.PIDController(**ADAPTIVE)), **POSITIVE, tolerance=1e-6
    ),
    "Diffrax, the adjoint of steps": case(lambda u: solved(u, adjoint=diffrax.DirectAdjoint()), **POSITIVE, tolerance=1e-8),
    "Diffrax, the adjoint backwards in time": case(
        lambda u: solved(u, adjoint=diffrax.BacksolveAdjoint()), **POSITIVE, tolerance=1e-8
    ),
    "Optimistix, a fixed point": case(fixed, **POSITIVE),
    "Optimistix, a root": case(root, **POSITIVE),
    "Optimistix, least squares": case(least, **POSITIVE, tolerance=1e-6),
}
OFTEN = (
    "a module as an argument",
    "Diffrax, by two arguments",
    "Optimistix, a fixed point",
)


@pytest.mark.parametrize("name", PROGRAMS if IS_WHOLE else OFTEN)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []
