"""Pytrees, dtypes, keywords, auxiliary data, and what a function closes over."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax_judge import case, complaints, lack

from chainopt.jax import jacobian


class Pair(NamedTuple):
    first: jax.Array
    second: jax.Array


@functools.partial(jax.tree_util.register_dataclass, data_fields=["weights"], meta_fields=["power"])
@dataclasses.dataclass(frozen=True)
class Layer:
    weights: jax.Array
    power: int = 2


def of(dtype, *shapes):
    return {
        "points": lambda: tuple(
            tuple((jnp.arange(1.0, 1 + size) * scale).astype(dtype) for size in shapes) for scale in (0.3, 0.2)
        )
    }


def two(make):
    return {"points": lambda: (make(1.0), make(0.6))}


X = np.array([0.1, 0.4, -0.3])
PROGRAMS = {
    "a dict": case(lambda d: {"s": d["a"] * d["b"]}, **two(lambda s: ({"a": jnp.array(X) * s, "b": jnp.float64(2.0)},))),
    "a named tuple": case(lambda p: Pair(p.first * p.second, p.second), **two(lambda s: (Pair(jnp.array(X), jnp.array(X) * s),))),
    "a dataclass": case(lambda m, x: m.weights @ x**m.power, **two(lambda s: (Layer(jnp.eye(3) * s, 3), jnp.array(X)))),
    "another static field": case(
        lambda m, x: (m.weights @ x) ** m.power, points=lambda: ((Layer(jnp.eye(3), 2), X), (Layer(jnp.eye(3), 3), X))
    ),
    "a dataclass that is returned": case(lambda x: Layer(jnp.sin(x), 5), (3,)),
    "leaves that are None": case(lambda d: [d["a"] * 2, None], **two(lambda s: ({"a": jnp.array(X) * s, "n": None},))),
    "an empty dict beside": case(lambda d, e: d * len(e), **two(lambda s: (jnp.array(X) * s, {}))),
    "lists in tuples": case(lambda t: t[0][1] * t[1], **two(lambda s: (([X, jnp.array(X) * s], jnp.array(2.0)),))),
    "two arguments, in the other order": case(lambda a, b: a * b**2, (3,), (3,), argnums=(1, 0)),
    "an argument from the end": case(lambda a, b: a * b**2, (3,), (3,), argnums=-1),
    "one argument in a tuple": case(lambda a, b: a * b**2, (3,), (3,), argnums=(0,)),
    "the same array twice": case(lambda a, b: a * jnp.cos(b), argnums=(0, 1), **two(lambda s: (jnp.array(X) * s,) * 2)),
    "keywords": case(lambda x, *, k, n: x**n * k, (3,), keywords={"k": np.array([1.0, 2, 3]), "n": 3}),
    "Python numbers": case(lambda x, a, n: jnp.sin(a * x) ** n, **two(lambda s: (jnp.array(X), 0.5 * s, 2))),
    "derivative by a Python float": case(lambda a: jnp.sin(a) * jnp.arange(3.0), **two(lambda s: (0.5 * s,))),
    "NumPy's arrays": case(lambda x: jnp.sin(x), **two(lambda s: (X * s,))),
    "a text that chooses": case(lambda x, name: getattr(jnp, name)(x), points=lambda: ((X, "sin"), (X, "cos"))),
    "a function that is an argument": case(lambda x, f: f(x), points=lambda: ((X, jax.tree_util.Partial(jnp.sin)),) * 2),
    "auxiliary arrays": case(lambda x: (jnp.sin(x), {"n": x * 2, "i": jnp.arange(2)}), (3,), has_aux=True),
    "auxiliary Python objects": case(lambda x: (jnp.sin(x), ("a text", 3, None)), (3,), has_aux=True),
    "an integer beside": case(lambda x, n: x * n + n[0], points=lambda: ((X, np.arange(3)), (X, np.arange(3) + 2))),
    "by an integer": case(lambda n, x: (n * x).sum() * x, argnums=(0, 1), allow_int=True, **two(lambda s: (np.arange(3), X * s))),
    "booleans beside": case(lambda x, b: jnp.where(b, x, x**2), points=lambda: ((X, X > 0), (X, X < 0))),
    "integer results beside": case(lambda x: (x * 2).sum() * jnp.arange(3), (3,)),
    "float32": case(lambda x, y: jnp.tanh(x) * y, **of(np.float32, 3, 3)),
    "float16": case(lambda x: jnp.tanh(x) * 3, **of(np.float16, 3)),
    "bfloat16": case(lambda x: jnp.sum(x * x)[None] * 2, **of(jnp.bfloat16, 3)),
    "float32 into float64": case(lambda x: jnp.sin(x).astype(np.float64) * X, **of(np.float32, 3)),
    "float64 into float32": case(lambda x: jnp.sin(x).astype(np.float32) * 2, (3,), tolerance=1e-6),
    "two precisions of inputs": case(
        lambda d: d["a"] * d["b"].astype(np.float32),
        **two(lambda s: ({"a": (X * s).astype(np.float32), "b": X * s},)),
        tolerance=1e-6,
    ),
    "two precisions of results": case(lambda x: (jnp.sin(x), jnp.cos(x).astype(np.float32)), (3,), tolerance=1e-6),
    "complex inside": case(lambda x: jnp.abs(jnp.exp(1j * x) + 1), (3,)),
    "complex result": case(lambda x: jnp.exp(1j * x) * 2, (3,)),
    "complex argument": case(lambda z: (jnp.abs(z) ** 2).sum(), **two(lambda s: (X * s + 1j,))),
    "holomorphic": case(lambda z: z**3 * (1 + 2j), holomorphic=True, **two(lambda s: (X * s + 1j,))),
    "a random key": case(
        lambda x, key: x * jax.random.normal(key, (3,)), points=lambda: ((X, jax.random.key(0)), (X, jax.random.key(1)))
    ),
    "an old random key": case(lambda x, k: x * jax.random.normal(k, (3,)), **two(lambda s: (X * s, jax.random.PRNGKey(3)))),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []


class Scaled:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return jnp.sin(x * self.factor)


def _by_cell(state):
    factor = state["factor"]

    def function(x):
        return jnp.sin(x * factor)

    def change(value):
        nonlocal factor
        factor = value

    return function, change


HOLDERS = {
    "a variable around it": _by_cell,
    "a dict": lambda state: (lambda x: jnp.sin(x * state["factor"]), lambda value: state.update(factor=value)),
    "an object": lambda state: (lambda held: (held, lambda value: setattr(held, "factor", value)))(Scaled(state["factor"])),
    "a list": lambda state: (lambda held: (lambda x: jnp.sin(x * held[-1]), held.append))([state["factor"]]),
}
VALUES = {"floats": (0.5, -0.0, 0.0), "arrays": (np.ones(3), np.arange(3.0))}


@pytest.mark.parametrize("mode", ["auto", "planned"])
@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("holder", HOLDERS)
def test_what_a_function_closes_over_may_change(holder, values, mode):
    function, change = HOLDERS[holder]({"factor": 1.0})
    derivative = jacobian(function, mode=mode)
    for value in (1.0, *VALUES[values], 1.0):
        change(value)
        for _ in range(2):
            assert lack(derivative(jnp.array(X)), jax.jacrev(function)(jnp.array(X))) is None


def test_an_array_that_is_written_to():
    weights = np.ones(3)
    derivative = jacobian(lambda x: jnp.sin(x * weights), mode="auto")
    for number in range(4):
        weights[1] = number
        assert lack(derivative(jnp.array(X)), jax.jacrev(lambda x: jnp.sin(x * weights))(jnp.array(X))) is None
