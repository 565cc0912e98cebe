"""Under `torch.func.vmap` a program is called operator by operator: it runs only where it promises to pay."""

from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from chainopt.torch import hessian, jacobian  # noqa: E402 -- it needs PyTorch

POINTS = 64


def network(*sizes):
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(shape, generator=generator) / shape[0] ** 0.5 for shape in pairwise(sizes)]

    def function(x):
        for weight in weights:
            x = torch.tanh(x @ weight)
        return x

    return function


def inputs(size):
    return torch.randn(POINTS, size, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def own(monkeypatch):
    """Count the calls of PyTorch's own functions."""
    called = []
    for name in ("jacrev", "jacfwd", "hessian"):
        make = getattr(torch.func, name)
        monkeypatch.setattr(torch.func, name, lambda *args, make=make, name=name, **kw: called.append(name) or make(*args, **kw))
    return called


@pytest.mark.parametrize(
    ("sizes", "is_planned"),
    [
        ((100, 50, 10), False),
        ((16, 128, 16), False),
        ((30, 4, 30), False),
        ((256, 256, 8, 256, 256), True),
        ((3, 64, 400), True),  # reverse mode takes many more rows than there are columns
        ((10, 200, 100), True),  # the same; a single point goes in reverse, for JVPs have more operators
    ],
    ids=str,
)
def test_jacobians_at_many_points(own, sizes, is_planned):
    function, batch = network(*sizes), inputs(sizes[0])
    derivative = jacobian(function)
    derivative.plan(batch[0])
    own.clear()
    found = torch.func.vmap(derivative)(batch)
    assert (own == []) == is_planned
    wanted = torch.func.vmap(torch.func.jacrev(function))(batch)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_few_points_of_a_large_network_are_not_worth_a_program(own):
    function = network(64, 64, 4, 64, 64)
    batch = inputs(64)
    for points, is_planned in ((1, False), (2, False), (POINTS * 4, True)):
        derivative = jacobian(function)
        derivative.plan(batch[0])
        own.clear()
        torch.func.vmap(derivative)(batch.repeat(4, 1)[:points])
        assert (own == []) == is_planned


def test_what_demands_a_plan_has_one(own):
    function, batch = network(16, 32, 16), inputs(16)
    for derivative in (jacobian(function, mode="planned"), jacobian(function, low_rank=True)):
        own.clear()
        torch.func.vmap(derivative)(batch)
        assert own == []


def test_hessians_at_many_points(own):
    small, narrow = network(10, 32, 32, 1), network(200, 8, 64, 1)
    for function, size, is_planned in ((small, 10, False), (narrow, 200, True)):
        batch = inputs(size)
        derivative = hessian(lambda x, function=function: function(x).sum())
        derivative.plan(batch[0])
        own.clear()
        found = torch.func.vmap(derivative)(batch)
        assert (own == []) == is_planned
        wanted = torch.func.vmap(torch.func.hessian(lambda x, function=function: function(x).sum()))(batch)
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


def test_gradients_through_a_jacobian_follow_the_library():
    function, x = network(6, 12, 3), torch.linspace(0.1, 0.6, 6)
    derivative = jacobian(function)
    derivative.plan(x)
    for make in (torch.func.grad, torch.func.jacfwd):
        found, wanted = (make(lambda x, of=of: of(x).pow(2).sum())(x) for of in (derivative, torch.func.jacrev(function)))
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
