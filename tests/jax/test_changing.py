"""What is another value at each call is not taken for a constant, and is read as often as by JAX's own functions."""

import datetime as dt
import itertools
import random
import time
from datetime import datetime as moment

import numpy as np
import pytest

from chainopt import ChainError


def functions():
    numbers, counter = np.random.default_rng(0), itertools.count(1)
    one_by_one, draw, chance = (number for number in itertools.count(1)), random.random, random.Random(0)
    return {
        "a counter": lambda x: x * next(counter),
        "a generator": lambda x: x * next(one_by_one),
        "a generator of random numbers": lambda x: x * numbers.random(),
        "NumPy's random numbers": lambda x: x * np.random.rand(),  # noqa: NPY002 -- which people call
        "a generator without a seed": lambda x: x * np.random.default_rng().random(),
        "Python's": lambda x: x * random.random(),
        "a function that draws": lambda x: x * draw(),
        "a source of its own": lambda x: x * chance.random(),
        "a clock": lambda x: x * time.perf_counter(),
        "a date": lambda x: x * moment.now(dt.UTC).timestamp(),
        "a nested function": lambda x: sum(map(lambda factor: factor * next(counter), [x])),  # noqa: C417 -- a function within it
        "an argument by default": lambda x, counter=counter: x * next(counter),
        "an object": Holder(counter),
    }


class Holder:
    def __init__(self, counter):
        self.counter = counter

    def __call__(self, x):
        return x * next(self.counter)


@pytest.mark.parametrize("name", functions())
def test_it_is_refused_with_a_reason(jax, name):
    from chainopt.jax import jacobian

    function, x = functions()[name], jax.numpy.arange(1.0, 4.0)
    with pytest.raises(ChainError, match="may differ at each call"):
        jacobian(function, mode="planned")(x)


def test_it_is_read_once_a_call(jax):
    from chainopt.jax import jacobian

    counter, x = itertools.count(1), jax.numpy.arange(1.0, 4.0)
    derivative = jacobian(lambda x: x * next(counter))
    for expected in range(1, 6):
        assert float(derivative(x)[0, 0]) == expected


def test_random_numbers_of_jax_and_names_that_look_alike_are_planned(jax):
    from chainopt.jax import jacobian

    seeded = lambda x: x * np.random.default_rng(3).random(3)  # noqa: E731
    point = jax.numpy.ones(3)
    np.testing.assert_allclose(jacobian(seeded, mode="planned")(point), jax.jacrev(seeded)(point))
    key, now = jax.random.key(0), dt.timedelta(seconds=2)
    function, x = lambda x: x * jax.random.normal(key, (3,)) * now.total_seconds(), jax.numpy.arange(1.0, 4.0)
    np.testing.assert_allclose(jacobian(function, mode="planned")(x), jax.jacrev(function)(x))
