"""From the third call on a recording is replayed, and it is what the function would be."""

import pytest
import torch

from chainopt.torch import hessian, jacobian
from chainopt.torch.replay import MOST_GRAPHS, Replay

N = 10
X = torch.linspace(0.5, 1.5, N, dtype=torch.float64)


class Counted:
    """A function that counts its calls, without anybody seeing it."""

    calls = 0

    def __init__(self):
        self.weight = torch.ones(N, dtype=torch.float64)
        self.shift = 1

    def __call__(self, x):
        return self.weight * x.roll(self.shift) ** 2


@pytest.fixture
def graphs(monkeypatch):
    """Collect what is replayed."""
    replayed = []
    original = Replay._recorded

    def recorded(self, arrays, besides):
        graph, read = original(self, arrays, besides)

        def call(*tensors):
            replayed.append(1)
            return graph(*tensors)

        return call, read

    monkeypatch.setattr(Replay, "_recorded", recorded)
    return replayed


def right(derivative, function, x):
    torch.testing.assert_close(derivative(x).to_dense(), torch.func.jacrev(function)(x), rtol=1e-12, atol=0)


@pytest.mark.parametrize("prepares", [False, True])
def test_it_is_what_the_function_is(graphs, prepares):
    function = Counted()
    derivative = jacobian(function, sparse=True)
    derivative = derivative.prepare(X) if prepares else derivative
    for factor in (1, 2, 3, 4):
        right(derivative, function, factor * X)
    assert len(graphs) == 3
    function.weight.mul_(5)  # which the recording reads, too
    right(derivative, function, X)
    assert len(graphs) == 4
    strided = torch.stack([X, 2 * X], 1)[:, 1]
    for _ in range(3):
        right(derivative, function, strided)
    assert len(graphs) == 6


def test_another_tensor_and_another_number_are_seen(graphs):
    function = Counted()
    derivative = jacobian(function, sparse=True)
    for _ in range(3):
        right(derivative, function, X)
    before = len(graphs)
    function.weight = 2 * torch.ones(N, dtype=torch.float64)
    right(derivative, function, X)
    assert len(graphs) == before
    function.shift = 2
    right(derivative, function, X)


def test_where_something_follows_the_function_is_called(graphs):
    function = Counted()
    prepared = jacobian(function, sparse=True).prepare(X)
    for _ in range(3):
        prepared(X)
    before = len(graphs)
    assert torch.func.vmap(prepared.nonzeros)(torch.stack([X, X])).shape == (2, N)
    given = X.clone().requires_grad_()
    prepared(given).values().sum().backward()
    torch.testing.assert_close(given.grad, torch.full((N,), 2.0, dtype=torch.float64))
    with torch.autocast("cpu"):
        right(prepared, function, X)
    assert len(graphs) == before
    with torch.no_grad():
        right(prepared, function, given)
        right(prepared, function, given)
    assert len(graphs) == before + 1


def test_hessians_and_auxiliary_data(graphs):
    def energy(x):
        return ((x[1:] - x[:-1]) ** 4).sum(), x.sum()

    derivative = hessian(energy, has_aux=True, sparse=True)
    for factor in (1, 2, 3):
        found, aux = derivative(factor * X)
        torch.testing.assert_close(found.to_dense(), torch.func.hessian(lambda x: energy(x)[0])(factor * X))
        torch.testing.assert_close(aux, factor * X.sum())
    assert len(graphs) == 2


def test_what_cannot_be_recorded_or_is_too_much_is_called():
    calls = []

    def compute(arrays):
        calls.append(1)
        return [arrays[0] * float(arrays[0].sum())]

    replay = Replay(compute, frozenset())
    for _ in range(4):
        torch.testing.assert_close(replay([X], ())[0], X * X.sum())
    known = len(calls)
    for _ in range(3):
        replay([X], None)
    assert len(calls) == known + 3
    many = Replay(lambda arrays: [arrays[0] + 1], frozenset())
    for size in range(2 * MOST_GRAPHS):
        for _ in range(3):
            assert many([torch.zeros(size)], ())[0].shape == (size,)
    assert len(many._graphs) == MOST_GRAPHS
