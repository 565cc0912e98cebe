"""Models as libraries of networks and solvers have them, and problems from public collections, in plain JAX."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.experimental.ode import odeint
from jax.scipy.sparse.linalg import cg, gmres
from jax_judge import IS_WHOLE, case, complaints
from jax_problems import heart_dipole


@functools.partial(jax.tree_util.register_dataclass, data_fields=["layers"], meta_fields=["activation"])
@dataclasses.dataclass(frozen=True)
class Network:
    """A callable pytree with a static field, that has no hash because it holds arrays."""

    layers: list[Any]
    activation: Any = jnp.tanh

    def __call__(self, x):
        for weights, bias in self.layers:
            x = self.activation(weights @ x + bias)
        return x


def network(*sizes, scale=1.0, **static):
    rng = np.random.default_rng(4)
    pairs = list(zip(sizes[1:], sizes, strict=False))
    return Network([(jnp.array(rng.standard_normal(pair) * scale), jnp.zeros(pair[0])) for pair in pairs], **static)


def attention(x, weights):
    q, k, v = (x @ weight for weight in weights)
    mixed = jax.nn.softmax(q @ k.T / 2, axis=-1) @ v + x
    centred = mixed - mixed.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def convolutional(image, kernel, weights):
    features = lax.conv_general_dilated(image[None, None], kernel[None, None], (1, 1), "SAME")
    pooled = lax.reduce_window(jax.nn.relu(features), -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    return jax.nn.log_softmax(weights @ pooled.ravel())


def recurrent(states, w):
    def step(h, x):
        gate = jax.nn.sigmoid(w @ h + x)
        h = gate * h + (1 - gate) * jnp.tanh(w.T @ h - x)
        return h, h

    return lax.scan(step, jnp.zeros(2), states)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def fixed_point(function, a):
    return lax.while_loop(
        lambda s: jnp.max(jnp.abs(s[0] - s[1])) > 1e-13, lambda s: (s[1], function(a, s[1])), (a * 0 - 1, function(a, a * 0))
    )[1]


def _pulled(function, kept, cotangent):
    a, z = kept
    jacobian = jax.jacrev(lambda z: function(a, z))(z)
    adjoint = jnp.linalg.solve((jnp.eye(len(z)) - jacobian).T, cotangent)
    return (jax.vjp(lambda a: function(a, z), a)[1](adjoint)[0],)


fixed_point.defvjp(lambda f, a: (lambda z: (z, (a, z)))(fixed_point(f, a)), _pulled)


def damped(a, z):
    return jnp.tanh(jnp.array([[0.2, -0.1], [0.1, 0.3]]) @ z + a)


SPD = np.diag([2.0, 3, 4, 5]) + 0.5
BUTTERFLY = dict(zip(["sigma", "rho", "beta"], [10.0, 28.0, 8 / 3], strict=True))


def lorenz(u, t):
    x, y, z = u
    return jnp.array([BUTTERFLY["sigma"] * (y - x), x * (BUTTERFLY["rho"] - z) - y, x * y - BUTTERFLY["beta"] * z]) + 0 * t


def black_scholes(inputs):
    """Return the price of a European call, whose derivatives are the Greeks."""
    spot, strike, rate, volatility, time = inputs
    d1 = (jnp.log(spot / strike) + (rate + volatility**2 / 2) * time) / (volatility * jnp.sqrt(time))
    normal = jax.scipy.stats.norm.cdf
    return spot * normal(d1) - strike * jnp.exp(-rate * time) * normal(d1 - volatility * jnp.sqrt(time))


def combustion(x, pressure=40.0, ratio=10.0):
    """Return the residuals of the combustion of propane in the form of element variables, as MINPACK-2 has it."""
    r5, r6, r7, r8, r9, r10 = 0.193, 4.1e-4, 5.5e-4, 4.5e-7, 3.4e-5, 9.6e-7
    a, b, c, d, e = x
    root = 1 / jnp.sqrt(pressure)
    last = r5 * c**2 + r6 * root * c + d**2
    return jnp.stack([
        a * b + a - 3 * e,
        2 * a * b + a + 2 * r10 * b**2 + b * c**2 + r7 * root * b * c + r9 * root * b * d + r8 / pressure * b - ratio * e,
        2 * b * c**2 + r7 * root * b * c + 2 * r5 * c**2 + r6 * root * c - 8 * e,
        r9 * root * b * d + 2 * d**2 - 4 * ratio * e,
        a * b + a + r10 * b**2 + b * c**2 + r7 * root * b * c + r9 * root * b * d + r8 / pressure * b + last - 1,
    ])  # fmt: skip


def chained_rosenbrock(x):
    return jnp.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])


PROGRAMS = {
    "a network by its input": case(lambda x: network(3, 4, 2)(x), (3,)),
    "a network by its weights": case(
        lambda model, x: model(x), points=lambda: tuple((network(3, 2, 2, scale=s), jnp.arange(3.0)) for s in (0.3, 0.6))
    ),
    "a network with another activation": case(
        lambda x, m: m(x),
        points=lambda: tuple((jnp.arange(3.0) / 3, network(3, 1, 4, activation=f)) for f in (jnp.tanh, jnp.sin)),
    ),
    "a network that is wide, thin, wide": case(lambda x: network(6, 1, 6, scale=0.3)(x), (6,)),
    "attention by its input": case(attention, (2, 3), (3, 3, 3)),
    "attention by its weights": case(lambda x, w: attention(x, w).sum(0), (2, 3), (3, 3, 3), argnums=1),
    "a convolutional network": case(convolutional, (4, 4), (2, 2), (3, 4), argnums=(0, 1)),
    "a recurrent network": case(recurrent, (3, 2), (2, 2), argnums=(0, 1)),
    "a fixed point with an implicit rule": case(lambda a: fixed_point(damped, a), (2,)),
    "an ODE with its adjoint": case(
        lambda u: odeint(lambda u, t: jnp.sin(u) * t, u, jnp.linspace(0, 1, 3)), (2,), tolerance=1e-5
    ),
    "explicit steps of an ODE": case(lambda u: lax.fori_loop(0, 4, lambda i, u: u + 0.01 * lorenz(u, i), u), (3,)),
    "conjugate gradients": case(lambda b: cg(lambda v: SPD @ v, b, tol=1e-12)[0][:2], (4,), tolerance=1e-6),
    "Greeks": case(black_scholes, points=lambda: (([1.0, 1.1, 0.05, 0.2, 1.0],), ([1.2, 1.0, 0.02, 0.3, 2.0],))),
    "human heart dipole": case(heart_dipole, (8,)),
    "combustion of propane": case(combustion, (5,)),
    "Rosenbrock's chain": case(chained_rosenbrock, (4,)),
}
if IS_WHOLE:  # it takes long to compile
    PROGRAMS |= {
        "GMRES": case(lambda b: gmres(lambda v: SPD @ v, b, tol=1e-12)[0], (4,), tolerance=1e-6),
    }


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []
