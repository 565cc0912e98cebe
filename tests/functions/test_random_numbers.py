"""Random numbers and clocks, by whatever way a function comes to them: what reads them is not planned."""
# ruff: noqa: ICN001, NPY002, PLC3002, S102 -- as users write it

import datetime as dates
import importlib
import random as pythons

import numpy as np
import pytest
from numpy import random as numpys
from numpy.random import default_rng as generator
from numpy.random import normal

from chainopt.functions.backend import UnplannableError
from chainopt.functions.environment import Environment
from chainopt.functions.function_state import state_of

alias = np


@pytest.fixture(params=["jax", "torch"])
def backend(request):
    request.getfixturevalue(request.param)
    return importlib.import_module(f"chainopt.{request.param}.backend").BACKEND


class Holder:
    library = np

    def __init__(self):
        self.held = np

    def __call__(self, x):
        return x * self.held.random.normal()


class ByClass(Holder):
    def __call__(self, x):
        return x * self.library.random.normal()


def drawn(library):
    return library.random.normal()


def own_import(x):
    import numpy

    return x * numpy.random.normal()


def import_as(x):
    import numpy as library

    return x * library.random.default_rng().normal()


def module_as(x):
    import numpy.random as numbers

    return x * numbers.normal()


def taken_module(x):
    from numpy import random

    return x * random.normal()


def taken_function(x):
    from numpy.random import normal

    return x * normal()


def taken_source(x):
    from numpy.random import default_rng

    return x * default_rng().normal()


def taken_of_pythons(x):
    from random import random

    return x * random()


def imported_for_an_inner_one(x):
    import numpy

    def inner():
        return numpy.random.normal()

    return x * inner()


def own_clock(x):
    from time import time

    return x * time()


def own_unique_number(x):
    import uuid

    return x * uuid.uuid4().int


def own_date(x):
    import datetime

    return x * datetime.datetime.now().microsecond  # noqa: DTZ005


def taken_date(x):
    from datetime import datetime

    return x * datetime.now().microsecond  # noqa: DTZ005


def local_alias(x):
    library = np
    return x * library.random.normal()


def local_module(x):
    numbers = np.random
    return x * numbers.normal()


def local_source(x):
    source = np.random.default_rng
    return x * source().normal()


def closure():
    library = np
    return lambda x: x * library.random.normal()


DIFFERENT = {
    "a module": lambda x: x * np.random.normal(),
    "another name of it": lambda x: x * alias.random.normal(),
    "its part": lambda x: x * numpys.normal(),
    "a function": lambda x: x * normal(),
    "a source": lambda x: x * generator().normal(),
    "a source without a seed": lambda x: x * np.random.default_rng(None).normal(),
    "Python's": lambda x: x * pythons.random(),
    "a date": lambda x: x * dates.datetime.now().microsecond,  # noqa: DTZ005
    "an attribute": Holder(),
    "an attribute of a class": ByClass(),
    "an argument": lambda x: x * drawn(np),
    "a default": lambda x, library=np: x * library.random.normal(),
    "an entry": lambda x, held={"library": np}: x * held["library"].random.normal(),
    "a name that is computed": lambda x: x * getattr(np, "random").normal(),  # noqa: B009
    "a dict of names": lambda x: x * vars(np)["random"].normal(),
    "the same dict": lambda x: x * np.__dict__["random"].normal(),
    "a closure": closure(),
    "an inner function": lambda x: (lambda library: x * library.random.normal())(np),
    **{
        function.__name__.replace("_", " "): function
        for function in (
            *(own_import, import_as, module_as, taken_module, taken_function, taken_source, taken_of_pythons),
            *(imported_for_an_inner_one, own_clock, own_unique_number, own_date, taken_date),
            *(local_alias, local_module, local_source),
        )
    },
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_at_each_call_is_refused(backend, name):
    for look in (Environment, state_of):
        with pytest.raises(UnplannableError, match=r"may differ at each call|cannot be seen|cannot be inspected|may change"):
            look(backend, [DIFFERENT[name]])


def seeded_import(x):
    from numpy.random import default_rng

    return x * default_rng(3).normal()


def seeded_module(x):
    import numpy as library

    return x * library.random.default_rng(3).normal()


def keys(x):
    import jax

    return x + jax.random.normal(jax.random.key(0), (3,))


def duration(x):
    import datetime

    return x * datetime.timedelta(days=3).days


def nothing_in_a_tuple(x):
    for number in ():
        x = x * number
    return x * 2.0


SAME = [
    nothing_in_a_tuple,
    seeded_import,
    seeded_module,
    keys,
    duration,
    lambda x: x * np.random.default_rng(0).normal(),
    lambda x: x * np.sqrt(2),
]


@pytest.mark.parametrize("function", SAME)
def test_what_is_the_same_at_each_call_is_planned(jax, function):
    from chainopt.jax import jacobian

    x = jax.numpy.arange(1.0, 4.0)
    np.testing.assert_array_equal(jacobian(function, mode="planned")(x), jax.jacfwd(function)(x))


def test_long_functions_are_read_to_their_end(backend):
    """Beyond some hundred names, an instruction of Python's stands between a module and its attribute."""
    names = {}
    many = "".join(f"    x = x * name_{number}\n" for number in range(300))
    exec(
        f"def function(x):\n{many}    return x * np.random.normal()\n", {"np": np} | {f"name_{n}": 1.0 for n in range(300)}, names
    )
    with pytest.raises(UnplannableError, match="may differ at each call"):
        Environment(backend, [names["function"]])
