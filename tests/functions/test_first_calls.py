"""What is seen for the first time is left to the library; what is seen again has a program, whichever object it is."""

import time

import numpy as np
import pytest

from chainopt.functions import first_calls, strategies
from chainopt.functions.backend import UnplannableError


@pytest.fixture(params=["jax", "torch"])
def library(request, first_calls_left):  # noqa: ARG001 -- the policy is as it is
    """A library."""
    return Library(request.param, request.getfixturevalue(request.param))


class Library:
    """What the tests need of JAX and of PyTorch alike."""

    def __init__(self, name, module):
        if name == "jax":
            import jax.numpy as numbers

            from chainopt.jax import jacobian, value_and_jacobian

            self.own, self.array, self.tanh, self.sum = module.jacrev, numbers.asarray, numbers.tanh, numbers.sum
            self.vmap = module.vmap
        else:
            from chainopt.torch import jacobian, value_and_jacobian

            self.own, self.array, self.tanh, self.sum = module.func.jacrev, module.as_tensor, module.tanh, module.sum
            self.vmap = module.func.vmap
        self.jacobian, self.value_and_jacobian = jacobian, value_and_jacobian

    def numbers(self, *shape):
        return self.array(np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32) / 4)

    def is_right(self, found, function, *args):
        np.testing.assert_allclose(np.asarray(found), np.asarray(self.own(function)(*args)), rtol=1e-4, atol=1e-5)


def test_the_first_call_is_the_librarys_and_the_second_is_planned(library, traced):
    tanh = library.tanh
    weights, x = library.numbers(7, 5), library.numbers(5)

    def function(z):
        return tanh(weights @ z)

    derivative = library.jacobian(function)
    for number in range(4):
        library.is_right(derivative(x), function, x)
        assert len(traced) == min(number, 1)


def test_closures_of_the_same_code_share_a_program_as_soon_as_it_pays(library, traced, monkeypatch):
    tanh = library.tanh
    monkeypatch.setattr(strategies, "ENOUGH_SECONDS", 0)
    weights, x = library.numbers(7, 5), library.numbers(5)
    for _ in range(6):
        function = lambda z: tanh(weights @ z)  # noqa: E731 -- as people write it
        library.is_right(library.jacobian(function)(x), function, x)
    assert len(traced) == 1


def test_a_closure_over_other_arrays_is_another_function(library, monkeypatch):
    tanh = library.tanh
    monkeypatch.setattr(strategies, "ENOUGH_SECONDS", 0)
    x = library.numbers(5)
    for number in range(6):
        weights = library.numbers(7, 5) * (number + 1)
        for _ in range(3):
            function = lambda z, weights=weights: tanh(weights @ z)  # noqa: E731
            library.is_right(library.jacobian(function)(x), function, x)


def test_what_differs_in_what_it_reads_shares_nothing(library, monkeypatch):
    monkeypatch.setattr(strategies, "ENOUGH_SECONDS", -1)
    x = library.numbers(5)
    for factor in (2, 2.0, True, 0.0, -0.0, 3):
        for power in (1, 2):
            function = lambda z, factor=factor, power=power: factor * z**power  # noqa: E731
            for _ in range(2):
                library.is_right(library.jacobian(function)(x), function, x)


def test_another_python_number_on_each_call_keeps_one_program(library, traced):
    tanh = library.tanh
    x = library.numbers(5)

    def function(z, step):
        return tanh(z * step)

    derivative = library.jacobian(function)
    for _ in range(3):
        for step in (0.5, 0.25, 0.125, 0.0625):
            library.is_right(derivative(x, step), lambda z, step=step: function(z, step), x)
    assert len(traced) == 1


def test_closures_over_another_number_each_are_traced_where_that_pays(library, traced, monkeypatch):
    seconds = strategies.tracing_seconds
    monkeypatch.setattr(strategies, "tracing_seconds", lambda *given: 1e9 if seconds(*given) else 0.0)
    tanh, x = library.tanh, library.numbers(5)
    for number in range(7):
        function = lambda z, number=number: tanh(z * number)  # noqa: E731
        derivative = library.jacobian(function)
        for _ in range(2):
            library.is_right(derivative(x), function, x)
    assert len(traced) == 3
    for record in strategies.PROGRAMS._known.values():
        record.seconds += record.planning or 0  # as if they had been called for so long
    library.is_right(derivative(x), function, x)
    assert len(traced) == 4


class Incomparable:
    """Something that cannot be hashed, and whose comparison raises."""

    __hash__ = None

    def __eq__(self, other):
        raise RuntimeError


def test_what_cannot_be_compared_is_planned_where_that_is_demanded(library):
    derivative = library.jacobian(lambda z, _: library.tanh(z), mode="planned")
    for size in (2, 2, 3, 4, 5):
        x = library.numbers(size)
        library.is_right(derivative(x, Incomparable()), library.tanh, x)


def test_another_shape_on_each_call_is_not_traced(library, traced):
    derivative = library.jacobian(library.tanh)
    for size in range(2, 9):
        x = library.numbers(size)
        library.is_right(derivative(x), library.tanh, x)
    assert not traced


def test_much_work_is_planned_at_once(library, traced, monkeypatch):
    monkeypatch.setattr("chainopt.functions.first_calls.MUCH", 100)
    x = library.numbers(50)
    library.is_right(library.jacobian(library.tanh)(x), library.tanh, x)
    assert len(traced) == 1


def test_what_is_known_of_one_function_is_not_guessed_of_another(library, traced, monkeypatch):
    """Functions that are written in C are all of one type, and have no code."""
    monkeypatch.setattr("chainopt.functions.first_calls.MUCH", 100)
    x = library.numbers(50)
    library.jacobian(library.sum)(x)
    assert not traced
    library.is_right(library.jacobian(library.tanh)(x), library.tanh, x)
    assert len(traced) == 1


def test_the_value_of_a_first_call(library, traced):
    x = library.numbers(5)
    value, derivative = library.value_and_jacobian(library.tanh)(x)
    np.testing.assert_allclose(np.asarray(value), np.tanh(np.asarray(x)), rtol=1e-5)
    library.is_right(derivative, library.tanh, x)
    assert not traced


def test_a_narrow_result_goes_in_reverse_and_a_wide_one_is_not_pulled_back_row_by_row(library, monkeypatch):
    tanh = library.tanh
    modes = []
    monkeypatch.setattr(strategies, "first_mode", lambda *args: modes.append(first_calls.first_mode(*args)) or modes[-1])
    x = library.numbers(100)
    narrow = library.jacobian(lambda z: tanh(z).sum())
    np.testing.assert_allclose(np.asarray(narrow(x)), 1 - np.tanh(np.asarray(x)) ** 2, rtol=1e-4, atol=1e-6)
    few = library.numbers(2)
    weights = library.numbers(5000, 2)
    library.is_right(library.jacobian(lambda z: weights @ z)(few), lambda z: weights @ z, few)
    assert modes[0] == "reverse"
    assert modes[1] != "reverse"


def test_what_cannot_be_planned_for_no_reason_of_ours_leaves_a_traceback(library, monkeypatch, caplog):
    def broken(*_):
        msg = "a fault"
        raise RuntimeError(msg)

    monkeypatch.setattr(strategies, "prepare", broken)
    monkeypatch.setattr(strategies, "first_mode", lambda *_: None)
    x = library.numbers(5)
    with caplog.at_level("DEBUG", "chainopt"):
        library.is_right(library.jacobian(library.tanh)(x), library.tanh, x)
    (record,) = [record for record in caplog.records if record.name.startswith("chainopt") and record.levelname == "DEBUG"]
    assert str(record.exc_info[1]) == "a fault"


@pytest.mark.parametrize("library", ["jax"], indirect=True)
def test_a_first_call_at_a_python_number(library):
    derivative = library.jacobian(lambda x, y: x**2 * y, argnums=(0, 1))
    for _ in range(2):
        assert derivative(3.0, library.array(2.0)) == (12, 9)


@pytest.fixture
def young(first_calls_left, monkeypatch, torch):  # noqa: ARG001
    """PyTorch, where code is young whatever its calls take; and how often it was looked at what a function reads."""
    monkeypatch.setattr(first_calls, "YOUNG", 1e9)
    monkeypatch.setattr(first_calls, "QUICK", 1e9)
    looks = []

    def state(self, call):
        looks.append(self.function)
        return original(self, call)

    original = strategies.Reading.state
    monkeypatch.setattr(strategies.Reading, "state", state)
    return Library("torch", torch), looks


def test_what_young_code_reads_is_not_looked_at(young, monkeypatch):
    library, looks = young
    tanh, weights, x = library.tanh, library.numbers(7, 5), library.numbers(5)

    def fresh(factor):
        return lambda z: tanh(factor * weights @ z)

    for factor in range(1, 6):
        library.is_right(library.jacobian(fresh(factor))(x), fresh(factor), x)
        assert len(looks) == 1
    monkeypatch.setattr(first_calls, "YOUNG", 0.0)
    library.is_right(library.jacobian(fresh(6))(x), fresh(6), x)
    assert len(looks) == 2


def test_a_kept_function_of_young_code_is_planned_at_its_second_call(young, traced):
    library, looks = young
    tanh, x = library.tanh, library.numbers(5)

    def fresh(factor):
        return lambda z: tanh(factor * z)

    for factor in range(1, 4):
        derivative = library.jacobian(fresh(factor))
        for number in range(4):
            library.is_right(derivative(x), fresh(factor), x)
            assert len(traced) == factor - 1 + min(number, 1)
    assert len(looks) == 1 + 3 * 3


@pytest.mark.parametrize("which", ["shapes", "options", "slow", "planned"])
def test_other_calls_are_not_those_of_young_code(young, monkeypatch, which):
    library, looks = young
    tanh, x = library.tanh, library.numbers(5)

    def fresh():
        return lambda z: tanh(2 * z)

    library.jacobian(fresh())(x)
    options = {}
    if which == "shapes":
        x = library.numbers(6)
    elif which == "options":
        options["chunk_size"] = 2
    elif which == "slow":
        monkeypatch.setattr(first_calls, "QUICK", 0.0)
    elif which == "planned":
        options["mode"] = "planned"
    derivative, before = library.jacobian(fresh(), **options), len(looks)
    library.is_right(derivative(x), fresh(), x)
    assert len(looks) > before


@pytest.mark.parametrize("which", ["refused", "unread", "planned"])
def test_looks_that_do_not_pay_are_seldom(young, monkeypatch, which):
    library, looks = young
    monkeypatch.setattr(first_calls, "YOUNG", 0.0)
    monkeypatch.setattr(first_calls, "LONG", 1e-3)
    monkeypatch.setattr(strategies, "ENOUGH_SECONDS", 0.0)
    quick = strategies.Reading.state

    def state(self, call):
        time.sleep(0.05)
        found = quick(self, call)
        if which == "unread":
            msg = "a reason"
            raise UnplannableError(msg)
        return found

    monkeypatch.setattr(strategies.Reading, "state", state)
    tanh, x = library.tanh, library.numbers(5)

    def fresh():
        return (lambda z: tanh(2 * z.detach()) * z) if which == "refused" else lambda z: tanh(2 * z)

    for _ in range(40):
        library.is_right(library.jacobian(fresh())(x), fresh(), x)
    assert len(looks) <= 4
    derivative, before = library.jacobian(fresh()), len(looks)
    for _ in range(3):
        library.is_right(derivative(x), fresh(), x)
    assert len(looks) > before


def test_what_young_code_takes_after_its_youth_counts_for_a_program(young, monkeypatch, traced):
    library, _ = young
    monkeypatch.setattr(first_calls, "YOUNG", 0.0)
    tanh, x = library.tanh, library.numbers(5)

    def fresh():
        return lambda z: tanh(2 * z)

    library.jacobian(fresh())(x)
    assert not traced
    hint = first_calls.hint_of(library.jacobian(fresh()).backend, fresh(), library.jacobian(fresh()).options)
    hint.seconds = 1.0
    library.jacobian(fresh())(x)
    assert len(traced) == 1
    assert hint.seconds == 0.0


def test_young_code_under_vmap(young):
    library, _ = young
    tanh, x, vmap = library.tanh, library.numbers(3, 5), library.vmap
    for factor in range(1, 5):
        function = lambda z, factor=factor: tanh(factor * z) * z[0]  # noqa: E731
        found = vmap(library.jacobian(function))(x)
        np.testing.assert_allclose(np.asarray(found), np.asarray(vmap(library.own(function))(x)), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("first_calls_left")
def test_a_hessian_is_not_recorded_at_once_where_its_gradient_calls_many_operators(traced, torch):
    """A recurrent layer is one operator, and its gradient hundreds."""
    from chainopt.torch import hessian

    layer = torch.nn.LSTM(2, 2, batch_first=True)

    def energy(x):
        return layer(x.reshape(1, 12, 2))[0].square().sum()

    x = torch.linspace(-1, 1, 24)
    derivative = hessian(energy)
    for _ in range(3):
        torch.testing.assert_close(derivative(x), torch.func.jacrev(torch.func.grad(energy))(x))
    assert not traced
