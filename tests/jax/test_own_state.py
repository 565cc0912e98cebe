"""Functions that count, collect and remember: what they compute and what they leave behind is as after JAX's own call."""

import functools
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from chainopt import ChainError


class Counting:
    """A function that changes a number of its own at each call, at one of several places, and computes with it."""

    count = 0

    def __init__(self, place):
        self.place, self.calls, self.array, self.by_name, self.seen = place, [0], np.zeros(2), {}, set()

    def number(self):
        if self.place == "an entry of a list":
            self.calls[0] += 1
            return self.calls[0]
        if self.place == "the length of a list":
            self.calls.append(1.5)
            return len(self.calls) - 1
        if self.place == "an entry of a dict":
            self.by_name["calls"] = self.by_name.get("calls", 0) + 1
            return self.by_name["calls"]
        if self.place == "a set":
            self.seen.add(len(self.seen))
            return len(self.seen)
        if self.place == "an array of NumPy":
            self.array[1] += 1
            return self.array[1].item()
        self.count += 1
        return self.count

    def __call__(self, x):
        return x[:3] * self.number()

    def state(self):
        return self.count, self.calls, self.array.tolist(), self.by_name, self.seen


def closure():
    count = 0

    def function(x):
        nonlocal count
        count += 1
        return x[:3] * count

    function.state = lambda: count
    return function


def attribute():
    def function(x):
        function.count += 1
        return x[:3] * function.count

    function.count = 0
    function.state = lambda: function.count
    return function


@dataclass(frozen=True, slots=True)
class Frozen:
    count: int = 0

    def __call__(self, x):
        object.__setattr__(self, "count", self.count + 1)
        return x[:3] * self.count

    def state(self):
        return self.count


def first_call():
    """Make a function whose first call alone is another one."""
    held = [False]

    def function(x):
        factor, held[0] = 2 if held[0] else 1, True
        return x[:3] * factor

    function.state = lambda: held
    return function


PLACES = ["an attribute", "an entry of a list", "the length of a list", "an entry of a dict", "a set", "an array of NumPy"]
WAYS = {place: functools.partial(Counting, place) for place in PLACES} | {
    "a variable of a closure": closure,
    "an attribute of the function": attribute,
    "a slot of a frozen object": Frozen,
    "the first call": first_call,
}
DEMANDS = {
    "planned": lambda jacobian, f, x: jacobian(f, mode="planned")(x),
    "elimination": lambda jacobian, f, x: jacobian(f, mode="elimination")(x),
    "plan": lambda jacobian, f, x: jacobian(f, mode="planned").plan(x),
    "sparse": lambda jacobian, f, x: jacobian(f, sparse=True)(x),
    "prepared": lambda jacobian, f, x: jacobian(f, sparse=True).prepare(x),
}


def both(jax):
    """Return JAX's own function that returns value and Jacobian."""

    def made(function):
        def doubled(x):
            value = function(x)
            return value, value

        return lambda x: jax.jacrev(doubled, has_aux=True)(x)[::-1]

    return made


@pytest.mark.parametrize("first", ["_at_once", "first_calls_left"])
@pytest.mark.parametrize("way", WAYS)
def test_it_is_followed(jax, way, first, request):
    from chainopt.jax import hessian, jacobian, value_and_jacobian

    request.getfixturevalue(first)
    x = jax.numpy.arange(1.0, 41.0)
    for ours, library in ((jacobian, jax.jacrev), (value_and_jacobian, both(jax)), (hessian, jax.hessian)):
        function, other = WAYS[way](), WAYS[way]()
        derivative, expected = ours(function), library(other)
        for _ in range(4):
            jax.tree.map(np.testing.assert_array_equal, derivative(x), expected(x))
            assert function.state() == other.state()
            jax.tree.map(np.testing.assert_array_equal, ours(function)(x), library(other)(x))
            assert function.state() == other.state()


@pytest.mark.parametrize("demand", DEMANDS)
@pytest.mark.parametrize("way", WAYS)
def test_a_plan_of_it_is_refused_and_nothing_has_happened(jax, way, demand):
    from chainopt.jax import jacobian

    function, x = WAYS[way](), jax.numpy.arange(1.0, 41.0)
    with pytest.raises(ChainError, match="it changes what it reads"):
        DEMANDS[demand](jacobian, function, x)
    assert function.state() == WAYS[way]().state()


@pytest.mark.parametrize("demand", DEMANDS)
def test_a_count_that_does_not_matter_is_that_of_one_call(jax, demand):
    from chainopt.jax import jacobian

    x, calls, held = jax.numpy.arange(1.0, 41.0), [], {}

    def function(x):
        calls.append(1.5)
        held["latest"] = len(calls)
        found, _ = jax.lax.scan(lambda state, _: (jax.numpy.sin(state), None), x[:3], None, length=2)
        return jax.nn.relu(found) * 2  # with a rule of its own, which is another object each time

    DEMANDS[demand](jacobian, function, x)
    assert (calls, held) == ([1.5], {"latest": 1})


@pytest.mark.usefixtures("first_calls_left")
@pytest.mark.parametrize("kind", ["a dict", "an attribute"])
def test_what_is_computed_once_is_computed_once(jax, kind):
    from chainopt.jax import jacobian

    kept, held = [], {} if kind == "a dict" else {"grid": None}

    class Grid:
        def __init__(self):
            kept.append(self)
            self.points = np.linspace(1, 2, 40)

    def function(x):
        if held.get("grid") is None:
            held["grid"] = Grid()
        return x[:3] * held["grid"].points[:3]

    derivative, x = jacobian(function), jax.numpy.arange(1.0, 41.0)
    for _ in range(4):
        np.testing.assert_allclose(derivative(x), np.eye(3, 40) * np.linspace(1, 2, 40))
    assert len(kept) == 1


@pytest.mark.usefixtures("first_calls_left")
def test_a_count_behind_a_lock(jax):
    from chainopt.jax import jacobian

    lock, count, x = threading.Lock(), [0], jax.numpy.arange(1.0, 41.0)

    def function(x):
        with lock:
            count[0] += 1
        return x[:3] ** 2

    derivative = jacobian(function)
    for calls in range(1, 5):
        np.testing.assert_allclose(derivative(x), jax.jacrev(lambda x: x[:3] ** 2)(x))
        assert count == [calls]
