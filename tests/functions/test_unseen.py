"""What may change unseen: settings of installed packages, files, names that are computed, objects that hide what they hold."""

import array
import builtins
import collections
import contextvars
import ctypes
import decimal
import functools
import importlib
import io
import os
import pathlib
import sys
import types
import weakref
from os import getenv

import numpy as np
import pytest

from chainopt.functions.backend import UnplannableError
from chainopt.functions.environment import Environment
from chainopt.functions.function_state import state_of

PACKAGE = {  # as one is installed that has settings of its own
    "__init__.py": """
from . import settings

class Model:
    scale = 2.0

    def __call__(self, x):
        return x * self.scale

    def by_import(self, x):
        from . import settings as own
        return x * own.scale

    def save(self, path):
        with open(path, "w") as file:
            file.write(str(self.scale))

class Pair(Model):
    def __init__(self):
        self.models = [Model(), Model()]

    def __call__(self, x):
        return self.models[0](x) + self.models[1](x)

def by_module(x):
    return x * settings.scale

def by_other(x):
    return x * settings.other

def by_attribute(x):
    return x * settings.computed

def by_both(x):
    return by_module(x) + by_other(x)

def by_import(x):
    from deputy.settings import scale
    return x * scale

def by_dotted_import(x):
    import deputy.settings
    return x * deputy.settings.scale

def by_function(x):
    return x * settings.scale_now()

def by_handlers(x):
    for handler in settings.stack:
        x = handler.of(x)
    return x

def by_keys(x):
    return settings.stack[-1].drawn(x)

def by_cycle(x):
    return x * settings.deputy.settings.scale

class Holding:
    own = settings

    def __call__(self, x):
        return x * self.own.scale
""",
    "settings.py": """
import deputy  # modules of a package may name each other

scale = other = 2.0
lazy = [2.0]
stack = []

class Handler:
    def __init__(self, scale):
        self.scales = {"scale": scale}

    def of(self, x):
        return x * self.scales["scale"]

    def drawn(self, x):
        self.scales["scale"], key = self.random.split(self.scales["scale"])
        return x * self.random.normal(key, x.shape)

    def __enter__(self):
        stack.append(self)
        return self

    def __exit__(self, *error):
        stack.pop()

def __getattr__(name):
    if name == "computed":
        return lazy[0]
    raise AttributeError(name)

def scale_now():
    return deputy.settings.scale
""",
}


@pytest.fixture
def deputy(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages" / "deputy"
    folder.mkdir(parents=True)
    for name, text in PACKAGE.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.chdir(tmp_path)
    yield importlib.import_module("deputy")
    for name in [name for name in sys.modules if name.partition(".")[0] == "deputy"]:
        del sys.modules[name]


@pytest.fixture(params=["jax", "torch"])
def backend(request):
    request.getfixturevalue(request.param)
    return importlib.import_module(f"chainopt.{request.param}.backend").BACKEND


def key_of(backend, function):
    """Return the key of what a function reads; None where that is refused."""
    try:
        return state_of(backend, [function]).key
    except UnplannableError:
        return None


def is_noticed(backend, function, change):
    """Whether a change is seen by both who look, or what may change is refused."""
    before = key_of(backend, function)
    try:
        watched = Environment(backend, [function])
    except UnplannableError:
        watched = None
    assert before is None or before == key_of(backend, function)
    assert watched is None or watched.is_unchanged()
    change()
    return (before is None or before != key_of(backend, function)) and (watched is None or not watched.is_unchanged())


def is_planned(backend, function):
    try:
        Environment(backend, [function])
    except UnplannableError:
        return False
    return key_of(backend, function) is not None


@pytest.mark.parametrize(
    "name",
    [
        "by_module",
        "by_other",
        "by_attribute",
        "by_both",
        "by_import",
        "by_dotted_import",
        "by_function",
        "by_cycle",
        "Model",
        "method",
        "Holding",
    ],
)
def test_settings_of_an_installed_package(backend, deputy, name):
    made = {"Model": deputy.Model(), "method": deputy.Model().by_import, "Holding": deputy.Holding()}
    function = made.get(name) or getattr(deputy, name)

    for number, called in enumerate((function, lambda x: 1 * function(x)), start=3):

        def change(number=float(number)):
            deputy.settings.scale = deputy.settings.other = deputy.settings.lazy[0] = deputy.Model.scale = number

        assert is_noticed(backend, called, change)


def test_handlers_on_a_stack_of_an_installed_package(backend, deputy):
    function, handler = deputy.by_handlers, deputy.settings.Handler(2.0)
    assert is_noticed(backend, function, handler.__enter__)
    assert is_noticed(backend, function, lambda: handler.scales.update(scale=3.0))
    assert is_noticed(backend, function, lambda: handler.scales.update({"other": handler.scales.pop("scale")}))
    assert is_noticed(backend, function, lambda: handler.__exit__(None, None, None))


def test_keys_that_an_installed_package_moves_on(jax, deputy, first_calls_left):  # noqa: ARG001 -- as users have it
    from chainopt.jax import jacobian

    x, derivatives = jax.numpy.ones(3), (jacobian(deputy.by_keys), jax.jacfwd(deputy.by_keys))
    for seed in range(4):
        ours, expected = [], []
        for derivative, found in zip(derivatives, (ours, expected), strict=True):
            with deputy.settings.Handler(jax.random.key(seed)) as handler:
                handler.random = jax.random
                found += [derivative(x), deputy.by_keys(x)]
        np.testing.assert_allclose(ours[0], expected[0])
        np.testing.assert_allclose(ours[1], expected[1])


class Writing:
    scale = 2.0

    def __call__(self, x):
        return x * self.scale

    def save(self, path):
        with open(path, "w") as file:  # noqa: PTH123 -- what is tested
            file.write(str(self.scale))


class Saved(Writing):
    def __call__(self, x):
        self.save("scale.txt")
        return x * self.scale


class Handed(Writing):
    def __init__(self):
        self.call = self.save

    def __call__(self, x):
        self.call("scale.txt")
        return x * self.scale


class Pair(Writing):
    def __init__(self):
        self.models = [Writing(), Writing()]

    def __call__(self, x):
        return self.models[0](x) + self.models[1](x)


def test_a_method_that_writes_a_file_counts_where_it_is_called(backend):
    for kind, plans in ((Writing, True), (Pair, True), (Saved, False), (Handed, False)):
        function = kind()
        assert is_planned(backend, function) == plans
        assert is_planned(backend, lambda x, function=function: function(x)) == plans


SCALES = types.SimpleNamespace(one=2.0)


def by_globals(x):
    return x * globals()["SCA" + "LES"].one


def by_eval(x):
    return x * eval("SCA" + "LES.one")  # noqa: S307 -- what is tested


def by_vars(x):
    return x * vars(sys.modules[__name__])["SCA" + "LES"].one


def by_file(x):
    return x * float(open("scale.txt").read())  # noqa: PTH123 -- what is tested


def by_load(x):
    return x * float(np.load("scale.npy"))


WHERE = pathlib.Path("scale.txt")


def by_module_of_files(x):
    return x * float(io.open("scale.txt").read())  # noqa: UP020 -- what is tested


def by_errors_of_numpy(x):
    return x * len(np.geterr()["divide"])


def by_precision(x):
    return x * decimal.getcontext().prec


def by_environment(x):
    return x * float(os.environ["SCALE"])


def by_variable(x):
    return x * float(getenv("SCALE"))


def by_module_of_paths(x):
    return x * os.path.getsize("scale.txt")  # noqa: PTH202 -- what is tested


def by_path(x):
    return x * WHERE.stat().st_size


def by_folder(x):
    return x * len(os.listdir("."))  # noqa: PTH208 -- what is tested


@pytest.mark.parametrize(
    "function",
    [
        *(by_globals, by_eval, by_vars, by_file, by_load, by_environment, by_variable, by_module_of_paths, by_path, by_folder),
        *(by_module_of_files, by_errors_of_numpy, by_precision),
    ],
)
def test_files_and_computed_names_are_refused(backend, function):
    with pytest.raises(UnplannableError, match="cannot be seen before it is read"):
        Environment(backend, [function])
    with pytest.raises(UnplannableError, match=r"cannot be seen before it is read|may differ at each call"):
        state_of(backend, [function])


class Kept:
    where = WHERE.name

    def __call__(self, x):
        return x * len(os.path.join("folder", self.where))  # noqa: PTH118 -- what is tested

    def save(self):
        os.makedirs("folder", exist_ok=True)  # noqa: PTH103 -- what is tested
        with (WHERE.parent / self.where).open("w") as file:
            file.write(getenv("SCALE"))


def test_paths_as_texts_are_planned_and_methods_that_save(backend):
    assert is_planned(backend, Kept())


class Meta(type):
    scales = (2.0,)

    @property
    def scale(cls):
        return cls.scales[0]


class Made(metaclass=Meta):
    pass


class InMemory(io.BytesIO):
    pass


class Number(ctypes.Structure):
    _fields_ = (("value", ctypes.c_double),)


class Holder:
    value = 2.0
    scales = (2.0,)

    def __class_getitem__(cls, index):
        return cls.scales[index]

    @functools.singledispatchmethod
    def dispatched(self, index):
        return self.scales[index]

    @functools.cached_property
    def cached(self):
        return self.scales[0]


def cases():
    """Yield functions, each with what changes something that it reads."""
    table, entries, holder = {"scale": 2.0}, [2.0], Holder()
    get, entry, call = table.get, entries.__getitem__, table.get.__call__
    values, items, proxy = table.values(), table.items(), types.MappingProxyType(table)
    numbers, octets, number = array.array("d", [2.0]), bytearray([2]), ctypes.c_double(2.0)
    view, structure, variable = memoryview(np.array([2.0])), Number(2.0), contextvars.ContextVar("scale", default=2.0)
    stream = InMemory(b"2")
    reference, ordered = weakref.ref(holder), collections.OrderedDict(scale=2.0)
    default = collections.defaultdict(float, scale=2.0)
    partial = functools.partial(lambda entries, x: x * entries[0], entries)
    change_table, change_entries = lambda: table.update(scale=3.0), lambda: entries.__setitem__(0, 3.0)
    yield "bound method of a dict", lambda x: x * get("scale"), change_table
    yield "bound method of a list", lambda x: x * entry(0), change_entries
    yield "bound method of a bound method", lambda x: x * call("scale"), change_table
    yield "values of a dict", lambda x: x * sum(values), change_table
    yield "items of a dict", lambda x: x * dict(items)["scale"], change_table
    yield "mapping proxy", lambda x: x * proxy["scale"], change_table
    yield "array", lambda x: x * numbers[0], lambda: numbers.__setitem__(0, 3.0)
    yield "bytearray", lambda x: x * octets[0], lambda: octets.__setitem__(0, 3)
    yield "number of C's", lambda x: x * number.value, lambda: setattr(number, "value", 3.0)
    yield "structure of C's", lambda x: x * structure.value, lambda: setattr(structure, "value", 3.0)
    yield (
        "own file in memory",
        lambda x: x * stream.getvalue()[0],
        lambda: stream.write(b"3"),
    )
    yield "memory view", lambda x: x * view[0], lambda: view.__setitem__(0, 3.0)
    yield "context variable", lambda x: x * variable.get(), lambda: variable.set(3.0)
    yield "weak reference", lambda x: x * reference().value, lambda: setattr(holder, "value", 3.0)
    yield "ordered dict", lambda x: x * ordered["scale"], lambda: ordered.update(scale=3.0)
    yield "default dict", lambda x: x * default["scale"], lambda: default.update(scale=3.0)
    yield "partial", partial, change_entries
    change_scales = lambda: setattr(Holder, "scales", (Holder.scales[0] + 1,))  # noqa: E731
    yield "item of a class", lambda x: x * Holder[0], change_scales
    yield "dispatched method", lambda x: x * holder.dispatched(0), change_scales
    yield "cached property", lambda x: x * holder.cached, change_scales
    yield "Python's own names", lambda x: x * scale_of_all, lambda: setattr(builtins, "scale_of_all", [])  # noqa: F821
    yield "metaclass", lambda x: x * Made.scale, lambda: setattr(Meta, "scales", (Meta.scales[0] + 1,))


@pytest.mark.parametrize("name", [name for name, *_ in cases()])
def test_what_hides_what_it_holds(backend, name, monkeypatch):
    monkeypatch.setattr(builtins, "scale_of_all", 2.0, raising=False)
    [(function, change)] = [rest for each, *rest in cases() if each == name]
    assert is_noticed(backend, function, change)


@pytest.mark.parametrize("library", ["jax", "torch"])
@pytest.mark.parametrize("sparse", [False, True])
def test_jacobians_follow_the_settings_of_a_package(request, deputy, library, sparse):
    """A kept callable, planned where the Jacobian is dense, and its pattern found once where it is sparse."""
    request.getfixturevalue(library)
    chainopt = importlib.import_module(f"chainopt.{library}")
    arrays = importlib.import_module({"jax": "jax.numpy", "torch": "torch"}[library])
    rng = np.random.default_rng(0)
    matrices = [arrays.asarray(rng.standard_normal(shape).astype(np.float32)) for shape in ((2, 40), (50, 2), (60, 50))]

    def narrow(x):
        for matrix in matrices:
            x = arrays.sin(matrix @ x)
        return deputy.by_both(x)

    x = arrays.asarray(np.linspace(0, 1, 40, dtype=np.float32))
    jacobian = chainopt.jacobian(deputy.by_both if sparse else narrow, sparse=sparse)
    before = [jacobian(x) for _ in range(4)][-1]
    deputy.settings.scale, deputy.settings.other = 4.0, 6.0  # 2.5 times the sum
    after = jacobian(x)
    if sparse:
        before, after = (getattr(each, {"jax": "todense", "torch": "to_dense"}[library])() for each in (before, after))
    assert np.abs(np.asarray(before)).max() > 0
    np.testing.assert_allclose(np.asarray(after), 2.5 * np.asarray(before), atol=1e-4)
