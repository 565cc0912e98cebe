"""A function of many operators is recorded when its calls have taken as long as that will: until then it is left to PyTorch."""

import pytest

torch = pytest.importorskip("torch")

from chainopt.functions import first_calls  # noqa: E402
from chainopt.functions import jacobian as jacobians  # noqa: E402
from chainopt.torch import backend, jacobian  # noqa: E402


@pytest.fixture
def made(monkeypatch):
    """The second calls: nothing is left of what other tests have seen."""
    from chainopt.functions import strategies
    from chainopt.functions.strategy import Records

    monkeypatch.setattr(strategies, "PROGRAMS", Records())
    monkeypatch.setattr(first_calls, "HINTS", Records())
    monkeypatch.setattr(strategies, "first_mode", lambda *_: "reverse")


def layers(count):
    parts = [part for _ in range(count) for part in (torch.nn.Linear(4, 4), torch.nn.Tanh())]
    return torch.nn.Sequential(*parts, torch.nn.Linear(4, 2))


def is_planned(derivative):
    return [strategy.prepared is not None for strategy in derivative._strategies.known.values()]


def calls(derivative, function, count):
    for number in range(count):
        x = torch.linspace(-1, 1, 4) + number
        torch.testing.assert_close(derivative(x), torch.func.jacrev(function)(x))


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("is_deep", [False, True])
def test_many_operators_wait(monkeypatch, is_deep):
    monkeypatch.setattr(backend, "SECONDS_PER_OPERATOR", 1e6)
    function = layers(40 if is_deep else 2)
    derivative = jacobian(function)
    calls(derivative, function, 4)
    assert is_planned(derivative) == ([] if is_deep else [True])


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("seconds", [1e-3, 1e3])
def test_operators_wait_that_take_as_long_as_many_calls(monkeypatch, seconds):
    monkeypatch.setattr(backend, "SECONDS_PER_OPERATOR", 1.0)
    monkeypatch.setattr(first_calls, "LONG_PLANNING", 1e9)
    monkeypatch.setattr(first_calls, "LONG", 1e9)
    monkeypatch.setattr(jacobians, "note_call", lambda record, *_: setattr(record, "latest", seconds))
    function = layers(10)
    derivative = jacobian(function)
    calls(derivative, function, 2)
    assert is_planned(derivative) == ([True] if seconds > 1 else [])


@pytest.mark.usefixtures("made")
def test_until_that_pays(monkeypatch):
    monkeypatch.setattr(backend, "SECONDS_PER_OPERATOR", 0)
    function = layers(40)
    derivative = jacobian(function)
    calls(derivative, function, 3)
    assert is_planned(derivative) == [True]


@pytest.mark.usefixtures("made")
def test_who_asks_for_a_plan_does_not_wait():
    function = layers(40)
    x = torch.linspace(-1, 1, 4)
    assert jacobian(function).plan(x).chain.shapes[0][0] == 2
    torch.testing.assert_close(jacobian(function, mode="planned")(x), torch.func.jacrev(function)(x))


@pytest.mark.usefixtures("made")
def test_they_are_counted_without_a_trace(monkeypatch):
    """By a call that draws no random numbers: a function that does is refused as ever, at its second call."""
    monkeypatch.setattr(backend, "SECONDS_PER_OPERATOR", 1e6)
    noisy = torch.nn.Sequential(*layers(40), torch.nn.Dropout(0.5))
    derivative = jacobian(noisy)
    x = torch.linspace(-1, 1, 4)
    for _ in range(3):
        torch.manual_seed(0)
        expected, drawn = torch.func.jacrev(noisy)(x), torch.get_rng_state()
        torch.manual_seed(0)
        torch.testing.assert_close(derivative(x), expected)
        assert torch.equal(torch.get_rng_state(), drawn)
    assert is_planned(derivative) == [False]
