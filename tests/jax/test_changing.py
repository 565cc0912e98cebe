"""What is another value at each call is not taken for a constant, and is read as often as by JAX's own functions."""

import datetime as dt
import functools
import itertools
import random
import threading
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


@pytest.mark.parametrize("first", ["_at_once", "first_calls_left"])
def test_it_is_read_once_a_call(jax, first, request):
    from chainopt.jax import jacobian

    request.getfixturevalue(first)
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


class Keys:
    def __init__(self, random):
        self.random, self.key = random, random.key(0)

    def __call__(self, x):
        self.key, key = self.random.split(self.key)
        return x * self.random.normal(key, x.shape)


def keys(jax):
    return Keys(jax.random)


def keys_in_a_list(jax):
    held = [jax.random.key(0)]

    def function(x):
        held[0], key = jax.random.split(held[0])
        return x * jax.random.normal(key, x.shape)

    return function


def keys_in_a_cell(jax):
    state = jax.random.key(0)

    def function(x):
        nonlocal state
        state, key = jax.random.split(state)
        return x * jax.random.normal(key, x.shape)

    return function


def keys_in_a_tuple(jax):
    held = {"state": (jax.random.key(0), 0)}

    def function(x):
        state, number = held["state"]
        state, key = jax.random.split(state)
        held["state"] = state, number + 1
        return x * jax.random.normal(key, x.shape)

    return function


def cache(jax):
    @functools.lru_cache
    def grid(size):
        return jax.numpy.linspace(1, 2, size)

    return lambda x: x * grid(x.size)


def cached_property(jax):
    class Model:
        @functools.cached_property
        def grid(self):
            return jax.numpy.linspace(1, 2, 3)

        def __call__(self, x):
            return x * self.grid

    return Model()


def dictionary(jax):
    held = {}

    def function(x):
        if x.size not in held:
            held[x.size] = jax.numpy.linspace(1, 2, x.size), "a grid"
        return x * held[x.size][0]

    return function


def objects(jax):
    class Grid:
        def __init__(self, size):
            self.points = jax.numpy.linspace(1, 2, size)

    held = [None]

    def function(x):
        held[0] = held[0] or Grid(x.size)
        return x * held[0].points

    return function


@pytest.mark.parametrize(
    "make", [keys, keys_in_a_list, keys_in_a_cell, keys_in_a_tuple, cache, cached_property, dictionary, objects]
)
def test_what_a_function_keeps_is_what_it_keeps_under_the_library(jax, make):
    from chainopt.jax import hessian, jacobian

    x = jax.numpy.arange(1.0, 4.0)
    for ours, library in ((jacobian, jax.jacfwd), (hessian, jax.hessian)):
        function, other = make(jax), make(jax)
        derivative, expected = ours(function), library(other)
        for _ in range(5):
            np.testing.assert_allclose(derivative(x), expected(x))
        np.testing.assert_allclose(function(x), other(x))


class Slotted:
    """Something whose attribute is in no dict."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def as_entry(value):
    entries = np.empty(1, object)
    entries[0] = value
    return entries


KEPT = {
    "as it is": (lambda value: value, lambda kept: kept),
    "in a tuple of a dict": (lambda value: {"held": (1, value)}, lambda kept: kept["held"][1]),
    "in a slot": (Slotted, lambda kept: kept.value),
    "in a closure": (lambda value: lambda: value, lambda kept: kept()),
    "in an array of objects": (as_entry, lambda kept: kept[0]),
}


@pytest.mark.parametrize("holder", KEPT)
@pytest.mark.parametrize("size", [None, 4])
@pytest.mark.parametrize("library", [np, "jax"])
def test_caches_are_emptied_where_they_may_keep_tracers(jax, holder, size, library):
    from chainopt.jax import jacobian

    calls, (hold, value_in) = [], KEPT[holder]

    @functools.lru_cache(maxsize=size)
    def grid(points):
        calls.append(points)
        return hold((jax.numpy if library == "jax" else np).linspace(1, 2, points))

    def function(x):
        return x * value_in(grid(x.size))

    x = jax.numpy.arange(1.0, 4.0)
    for _ in range(3):
        np.testing.assert_allclose(jacobian(function)(x), np.diag(np.linspace(1, 2, 3)))
    np.testing.assert_allclose(function(x), x * np.linspace(1, 2, 3))
    if library is np and holder not in ("in a closure", "in an array of objects"):  # which may hide a tracer
        assert len(calls) == 1


@pytest.mark.parametrize("make", [cache, cached_property, dictionary, objects])
@pytest.mark.parametrize("options", [{"mode": "elimination"}, {"sparse": True}])
def test_what_is_kept_is_no_tracer_where_a_plan_is_demanded(jax, make, options):
    from chainopt.jax import jacobian

    x, function = jax.numpy.arange(1.0, 4.0), make(jax)
    found = jacobian(function, **options)(x)
    np.testing.assert_allclose(found.todense() if options.get("sparse") else found, jax.jacfwd(make(jax))(x))
    np.testing.assert_allclose(function(x), make(jax)(x))


@pytest.mark.parametrize("make", [keys, keys_in_a_list, keys_in_a_cell, keys_in_a_tuple])
def test_keys_that_move_on_are_no_part_of_a_plan(jax, make):
    from chainopt.jax import jacobian

    x, function = jax.numpy.arange(1.0, 4.0), make(jax)
    for demand in (jacobian(function, mode="elimination"), jacobian(function, sparse=True)):
        for call in (demand, demand.plan) if demand.options.sparse is False else (demand, demand.prepare):
            with pytest.raises(ChainError, match="it changes what it reads"):
                call(x)
    np.testing.assert_allclose(function(x), make(jax)(x))


def test_variables_of_flax_that_are_written_to(jax):
    nnx = pytest.importorskip("flax.nnx")
    from chainopt.jax import jacobian

    into, out = (jax.numpy.asarray(np.random.default_rng(0).standard_normal(shape)) for shape in ((3, 40), (40, 3)))
    scale, x = nnx.Param(jax.numpy.ones(())), jax.numpy.linspace(0, 1, 40)
    function = lambda x: out @ jax.numpy.sin(scale[...] * (into @ x))  # noqa: E731
    for derivative in (jacobian(function), jacobian(function, mode="planned")):
        for number in range(5):
            np.testing.assert_allclose(derivative(x), jax.jacrev(function)(x), rtol=1e-5, atol=1e-6)
            if number > 1:
                scale[...] = scale[...] + 1


def test_settings_of_jax_and_tensors_of_pytorch_are_not_taken_for_constants(jax, torch):
    from chainopt.jax import jacobian

    tensor, x = torch.ones(()), jax.numpy.ones(3)
    for function in (lambda x: x * tensor.item(), lambda x: x * (2 if jax.config.jax_debug_nans else 1)):
        with pytest.raises(ChainError, match=r"may change unseen|jax\.config"):
            jacobian(function, mode="planned")(x)


@pytest.mark.parametrize("options", [{}, {"mode": "planned"}, {"mode": "elimination"}, {"sparse": True}])
@pytest.mark.parametrize("dtype", ["float64", "int64", "float32"])
def test_arrays_of_numpy_that_are_written_to(jax, options, dtype):
    from chainopt.jax import hessian, jacobian

    x = jax.numpy.arange(1.0, 41.0)
    for ours, library, power in ((jacobian, jax.jacrev, 2), (hessian, jax.hessian, 3)):
        factors = np.ones(40, dtype)
        other = factors.copy()
        function, expected = lambda x: x**power * factors, lambda x: x**power * other  # noqa: B023 -- called here
        derivative = ours(function, **options)
        for number in range(1, 5):
            factors[:] = other[:] = number
            found = derivative(x)
            np.testing.assert_allclose(found.todense() if options.get("sparse") else found, library(expected)(x), rtol=1e-6)
            np.testing.assert_allclose(function(x), x**power * number, rtol=1e-6)  # JAX keeps what it has traced
            np.testing.assert_allclose(jax.numpy.asarray(factors), np.full(40, number))


def rule_of_jvps(jax, factor):
    squared = jax.custom_jvp(lambda x: x**2)
    squared.defjvp(lambda primals, tangents: (primals[0] ** 2, tangents[0] * primals[0] * factor()))
    return squared


def rules_of_jvps(jax, factor):
    squared = jax.custom_jvp(lambda x: x**2)
    squared.defjvps(lambda tangent, _, x: tangent * x * factor())
    return squared


def rules_of_vjps(jax, factor):
    squared = jax.custom_vjp(lambda x: x**2)
    squared.defvjp(lambda x: (x**2, x), lambda x, cotangent: (cotangent * x * factor(),))
    return squared


@pytest.mark.parametrize("mode", ["auto", "planned"])
@pytest.mark.parametrize("rule", [rule_of_jvps, rules_of_jvps, rules_of_vjps])
def test_what_a_rule_for_derivatives_reads(jax, rule, mode):
    from chainopt.jax import jacobian

    into, out = (jax.numpy.asarray(np.random.default_rng(0).standard_normal(shape)) for shape in ((2, 300), (400, 2)))
    held, x = [0.0], jax.numpy.linspace(0.1, 1, 300)
    make = lambda squared: lambda x: out @ squared(into @ x)  # noqa: E731
    kept = make(rule(jax, lambda: held[0]))
    derivative = jacobian(kept, mode=mode)
    for number in range(1, 5):
        held[0] = float(number)
        fresh = make(rule(jax, lambda number=number: number))
        expected = np.asarray(jax.jacrev(fresh)(x))
        for found in (derivative(x), jacobian(kept, mode=mode)(x), *(jacobian(fresh, mode=mode)(x) for _ in range(3))):
            np.testing.assert_allclose(found, expected, atol=1e-4 * abs(expected).max())


def test_variables_of_a_thread_are_no_constants(jax):
    from chainopt.jax import jacobian

    held, x = threading.local(), jax.numpy.ones(3)
    held.factor = 2
    with pytest.raises(ChainError, match="may change unseen"):
        jacobian(lambda x: x * held.factor, mode="planned")(x)
