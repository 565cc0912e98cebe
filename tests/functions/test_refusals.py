"""A function that cannot be planned costs what the library's own function costs; as soon as it can be, it is planned again."""

import numpy as np
import pytest

from chainopt import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.functions.options import Options
from chainopt.functions.refusals import CALLS, ENOUGH, LONGER, SHARE, Refusals
from chainopt.functions.strategies import Strategies
from chainopt.functions.strategy import Strategy


class Gate:
    """What a function reads: whether it detaches its argument, which is not planned."""

    def __init__(self):
        self.detaches = True


@pytest.fixture
def looks(monkeypatch):
    """The calls in which it was looked for a strategy, one after the other."""
    seen = []

    def of(self, call, **options):
        seen.append(call)
        return original(self, call, **options)

    original = Strategies.of
    monkeypatch.setattr(Strategies, "of", of)
    return seen


def gated(gate):
    def function(x):
        return (x.detach() if gate.detaches else x) * x.sin()

    return function


def assert_right(torch, derivative, function, *args):
    np.testing.assert_allclose(derivative(*args), torch.func.jacrev(function)(*args), rtol=1e-5, atol=1e-6)


def test_what_was_refused_again_and_again_is_looked_at_now_and_then(torch, looks):
    from chainopt.torch import jacobian

    function, x = gated(Gate()), torch.linspace(0, 1, 5)
    derivative = jacobian(function)
    for _ in range(ENOUGH + 4 * CALLS):
        assert_right(torch, derivative, function, x)
    assert ENOUGH <= len(looks) <= ENOUGH + 5


def test_what_can_be_planned_again_is_right_at_once_and_planned_soon(torch, looks):
    from chainopt.torch import jacobian

    gate = Gate()
    function, x = gated(gate), torch.linspace(0, 1, 5)
    derivative = jacobian(function)
    for detaches in (True, False, True):
        gate.detaches = detaches
        for _ in range(ENOUGH + 2 * CALLS):
            assert_right(torch, derivative, function, x)
        assert (derivative._strategies.of(looks[-1], at_once=False)[0].prepared is None) == detaches


def test_a_refused_kind_of_call_hides_no_other(torch):
    from chainopt.torch import jacobian

    def function(x, is_cut):
        return (x.detach() if is_cut else x) * x.sin()

    derivative, x = jacobian(function), torch.linspace(0, 1, 5)
    for _ in range(ENOUGH + CALLS // 2):
        assert_right(torch, derivative, function, x, True)
    for number in range(4 * CALLS):
        assert_right(torch, derivative, function, x, number % 2 == 0)
    assert sum(strategy.prepared is not None for strategy in derivative._strategies.known.values()) == 1


def test_a_plan_is_looked_for_where_it_is_asked_for(torch):
    from chainopt.torch import jacobian

    gate = Gate()
    derivative, x = jacobian(gated(gate)), torch.linspace(0, 1, 5)
    for _ in range(ENOUGH + 4):
        derivative(x)
    with pytest.raises(ValueError, match="it detaches a tensor"):
        derivative.plan(x)
    gate.detaches = False
    assert derivative.plan(x).cost > 0


def test_an_error_ends_the_rest(torch):
    from chainopt.torch import jacobian

    def function(x):
        if x.numel() > 5:
            msg = "mine"
            raise KeyError(msg)
        return x.detach() * x

    derivative, x = jacobian(function), torch.linspace(0, 1, 5)
    for _ in range(ENOUGH + 4):
        derivative(x)
    with pytest.raises(KeyError, match="mine"):
        derivative(torch.ones(6))
    assert_right(torch, derivative, function, x)


def test_what_is_refused_later_goes_in_the_mode_that_counts():
    strategy = Strategy(None, "reverse")
    strategy.called = "forward"
    assert strategy.called_mode == "forward"
    strategy.refuse(UnplannableError("a reason"), Options(), "reverse")
    assert strategy.called_mode == strategy.mode == "reverse"


def test_what_reads_too_much_to_be_looked_at_is_looked_at_now_and_then(torch, looks, monkeypatch):
    from chainopt.functions import reachable
    from chainopt.torch import jacobian

    monkeypatch.setattr(reachable, "MOST_OBJECTS", 50)
    module = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(20)))
    x = torch.randn(2)
    derivative = jacobian(module)
    for _ in range(1 + 3 * CALLS):
        torch.testing.assert_close(derivative(x), torch.func.jacrev(module)(x))
    assert len(looks) <= 4
    with pytest.raises(ChainError, match="reaches more than 50 objects"):
        derivative.plan(x)
    monkeypatch.undo()


@pytest.mark.parametrize("looked", [0.0, 1.0, 10.0, 1e6])
def test_looks_that_take_long_beside_a_call_are_seldom(looked):
    refusals, called, rests = Refusals(), 0.1, 0
    refusals.note(is_refused=True, is_dear=True, looked=looked, called=called)
    while refusals.rest():
        rests += 1
    assert rests in LONGER
    assert rests == LONGER[-1] or looked * SHARE <= called * rests
