"""What a function reads besides its arguments: equal keys for what nobody can tell apart, and a reason where that is unknown."""

import enum
import functools
import sys
import threading
import types
import weakref

import numpy as np
import pytest

from chainopt.functions.backend import UnplannableError
from chainopt.functions.environment import Environment
from chainopt.functions.function_state import state_of


class Slots:
    __slots__ = "factor"  # noqa: PLC0205 -- a text, as Python takes it, too

    def __init__(self, factor):
        self.factor = factor


class Model:
    scale = 1.0

    def __init__(self, factor, *hooks):
        self.factor, self.hooks = factor, list(hooks)

    def __call__(self, x):
        return self._scaled(x) * self.twice

    def _scaled(self, x):
        return x * self.factor * self.unit() * self.made(1)

    @property
    def twice(self):
        return 2 * self.factor

    @staticmethod
    def unit():
        return 1

    @classmethod
    def made(cls, factor):
        return cls.scale * factor


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Named(type):
    factor = 1.0


class WithMetaclass(metaclass=Named):
    pass


def of_kind(kind, *given):
    """Return an object of a class of the user's, derived from one of Python's own."""
    return type("Own", (kind,), {})(*given)


class Held:
    """Something that a weak reference can be of, and that looks as it is."""

    def __init__(self, number):
        self.number = number


ARRAYS = [np.full(3, 1), np.full(3, 2), np.zeros(2, np.float32), np.zeros(2)]
ALIVE = [Held(1.0), Held(2.0)]


def decorated(factor):
    @functools.lru_cache
    def inner(x):
        return x * factor

    return inner


def of_module(factor):
    module = types.ModuleType("physics_of_a_user")
    module.factor = factor
    return eval("lambda x: x * physics.factor", {"physics": module})  # noqa: S307 -- globals of its own


def with_default(factor):
    return lambda x, y=factor: x * y


def with_keyword(factor):
    return lambda x, *, y=factor: x * y


def nested(factor):
    def inner(x):
        return x * factor

    return lambda x: inner(x) + 1


PAIRS = {
    "a number": float,
    "the sign of zero": lambda n: 0.0 if n == 1 else -0.0,
    "a complex number": lambda n: complex(0, n),
    "an int": lambda n: n,
    "a type of number": lambda n: 1 if n == 1 else True,
    "a text": str,
    "a tuple": lambda n: (1, n),
    "a set": lambda n: {n, 7},
    "a dict": lambda n: {"factor": n},
    "a slice": lambda n: slice(0, n),
    "a partial": lambda n: functools.partial(max, n),
    "a method": lambda n: Model(n)._scaled,
    "an object": Model,
    "a list in an object": lambda n: Model(1, n),
    "slots": Slots,
    "a NumPy array": lambda n: ARRAYS[n - 1],
    "a NumPy dtype": lambda n: ARRAYS[n + 1],
    "an enum": Color,
    "a reference": lambda n: weakref.ref(ALIVE[n - 1]),
    "a closure": lambda n: lambda x: x * n,
    "a nested closure": nested,
    "a default": with_default,
    "a keyword": with_keyword,
    "a wrapped function": decorated,
    "a user's module": of_module,
    "code": lambda n: (lambda x: x + 1) if n == 1 else (lambda x: x + 2),
}


@pytest.fixture(params=["jax", "torch"])
def backend(request):
    request.getfixturevalue(request.param)
    module = __import__(f"chainopt.{request.param}.backend", fromlist=["BACKEND"])
    return module.BACKEND


def key(backend, value, most_objects=20_000):
    return state_of(backend, [value], most_objects).key


@pytest.mark.parametrize("kind", PAIRS)
def test_what_is_read_is_told_apart_by_its_value(backend, kind):
    make = PAIRS[kind]
    assert key(backend, make(1)) == key(backend, make(1))
    assert key(backend, make(1)) != key(backend, make(2))


KINDS = [
    (int, 1),
    (float, 1.0),
    (str, "text"),
    (tuple, [1]),
    (list, [1]),
    (set, [1]),
    (dict, {"one": 1}),
    (functools.partial, max),
]


@pytest.mark.parametrize(("kind", "content"), KINDS)
def test_attributes_of_numbers_texts_and_containers(backend, kind, content):
    held = of_kind(kind, content)
    held.factor = 1.0
    before = key(backend, held)
    held.factor = 2.0
    assert key(backend, held) != before


def test_attributes_of_arrays(torch):
    from chainopt.torch.backend import BACKEND

    held = torch.ones(3)
    held.factor = 1.0
    before = key(BACKEND, held)
    held.factor = 2.0
    assert key(BACKEND, held) != before


def test_attributes_of_a_member_of_an_enum_and_of_a_metaclass(backend, monkeypatch):
    for owner, read in ((Color.RED, Color.RED), (Named, WithMetaclass), (Named, WithMetaclass())):
        monkeypatch.setattr(owner, "factor", 1.0, raising=False)
        before = key(backend, read)
        monkeypatch.setattr(owner, "factor", 2.0)
        assert key(backend, read) != before


def test_what_a_function_of_a_library_calls(torch):
    from chainopt.torch.backend import BACKEND

    model = Model(1.0)
    for called in (model, functools.partial(model)):
        transformed = torch.func.vmap(called)
        model.factor = 1.0
        before = key(BACKEND, transformed)
        model.factor = 2.0
        assert key(BACKEND, transformed) != before


def test_how_arrays_are_distributed(jax):
    from chainopt.jax.backend import BACKEND

    sharding, mesh = jax.sharding, jax.sharding.Mesh(np.array(jax.devices()[:1]), ("batch",))
    layouts = [sharding.PartitionSpec(), sharding.PartitionSpec("batch")]
    layouts += [sharding.NamedSharding(mesh, layout) for layout in layouts]
    layouts += [sharding.SingleDeviceSharding(jax.devices()[0]), mesh, jax.devices()[0]]
    keys = [key(BACKEND, layout) for layout in layouts]
    assert keys == [key(BACKEND, layout) for layout in layouts]
    assert len(set(keys)) == len(layouts)


def test_two_names_of_one_object_are_not_two_objects(backend):
    shared = [1.0]
    assert key(backend, (shared, shared)) != key(backend, ([1.0], [1.0]))


def test_two_arrays_are_not_one(backend):  # a program may hold the memory of one, which is written to while the other stays
    other = ARRAYS[0].copy()
    assert key(backend, ARRAYS[0]) == key(backend, ARRAYS[0]) != key(backend, other)


def test_a_circle_of_objects_ends(backend):
    circle = []
    circle.append(circle)
    assert key(backend, circle) == key(backend, circle)


def test_data_of_a_class_are_read(backend, monkeypatch):
    before = key(backend, Model(1.0))
    monkeypatch.setattr(Model, "scale", 2.0)
    assert key(backend, Model(1.0)) != before


def test_a_variable_without_a_value_is_no_obstacle(backend):
    def make(is_set):
        if is_set:
            late = 1
        return lambda x: x or late

    assert key(backend, make(is_set=False)) == key(backend, make(is_set=False)) != key(backend, make(is_set=True))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.zeros(100_000), "NumPy array of 800,000 bytes"),
        (np.array([object()]), "which may change"),
        (sys.modules[__name__], "whose values may change"),
        (iter([1]), "may differ at each call"),
        (threading.Lock(), "cannot be inspected"),
        (lambda x: x * np.random.default_rng().normal(), "may differ at each call"),
    ],
)
def test_what_cannot_be_known_is_refused(backend, value, reason):
    with pytest.raises(UnplannableError, match=reason):
        key(backend, value)


def test_too_many_objects_are_refused(backend):
    with pytest.raises(UnplannableError, match="more than 10 objects"):
        key(backend, [[n] for n in range(20)], most_objects=10)


def test_arrays_become_inputs(jax):
    from chainopt.jax.backend import BACKEND

    one, other = jax.numpy.ones(3), jax.numpy.ones(3)
    state = state_of(BACKEND, [lambda x: x * one + other - one])
    assert [array is each for array, each in zip(state.arrays, (one, other), strict=True)] == [True, True]
    assert key(BACKEND, [one]) == key(BACKEND, [one]) != key(BACKEND, [other])
    assert key(BACKEND, [one]) != "another kind of key"


class TestEnvironment:
    """What is watched where not all can be known."""

    def changed(self, function, change):
        from chainopt.jax.backend import BACKEND

        environment = Environment(BACKEND, [function])
        assert environment.is_unchanged()
        change()
        return not environment.is_unchanged()

    @pytest.fixture(autouse=True)
    def _has_jax(self, jax):
        return jax

    def test_a_list(self):
        factors = [1.0]
        assert self.changed(lambda x: x * factors[0], lambda: factors.append(2.0))

    def test_a_dict(self):
        factors = {"one": 1.0}
        assert self.changed(lambda x: x * factors["one"], lambda: factors.update(one=2.0))

    def test_an_equal_number_is_no_change_but_another_zero_is(self):
        factors = [float("1.5"), 0.0]
        assert not self.changed(lambda x: x * factors[0], lambda: factors.__setitem__(0, float("1.5")))
        assert self.changed(lambda x: x * factors[0], lambda: factors.__setitem__(1, -0.0))

    def test_slots_properties_and_methods(self):
        slots, model = Slots(1.0), Model(1.0)
        assert self.changed(lambda x: x * slots.factor, lambda: setattr(slots, "factor", 2.0))
        assert self.changed(model._scaled, lambda: setattr(model, "factor", 2.0))
        assert self.changed(functools.partial(model, y=1), lambda: setattr(model, "factor", 3.0))

    @pytest.mark.parametrize(("kind", "content"), KINDS)
    def test_attributes_of_numbers_texts_and_containers(self, kind, content):
        held = of_kind(kind, content)
        held.factor = 1.0
        assert self.changed(lambda x: x * held.factor, lambda: setattr(held, "factor", 2.0))

    def test_attributes_of_a_metaclass(self, monkeypatch):
        assert self.changed(lambda x: x * WithMetaclass.factor, lambda: monkeypatch.setattr(Named, "factor", 2.0))

    def test_what_a_function_of_a_library_calls(self, jax):
        model = Model(1.0)
        assert self.changed(jax.vmap(model), lambda: setattr(model, "factor", 2.0))

    def test_a_numpy_array(self):
        factors = np.ones(3)
        assert self.changed(lambda x: x * factors, lambda: factors.fill(2.0))

    def test_a_variable_that_is_deleted(self):
        def make():
            factor = 1.0

            def delete():
                nonlocal factor
                del factor

            return (lambda x: x * factor), delete

        assert self.changed(*make())

    def test_too_much_is_not_watched(self):
        from chainopt.jax.backend import BACKEND

        large = np.zeros(9_000_000)
        with pytest.raises(UnplannableError, match="MiB of NumPy's arrays"):
            Environment(BACKEND, [lambda x: x * large])
        many = [[n] for n in range(30_000)]
        with pytest.raises(UnplannableError, match="objects"):
            Environment(BACKEND, [lambda x: x * many[0][0]])
