"""What a function reads besides its arguments: its numbers count anew at each call, and indices decide on the pattern."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from chainopt import ChainError
from chainopt.torch import jacobian, sparsity

N = 10
X = torch.linspace(0.5, 1.5, N, dtype=torch.float64)


class Reader:
    def __init__(self):
        self.index = torch.tensor([3, 1, 2])
        self.weight = torch.ones(3, dtype=torch.float64)
        self.matrix = torch.eye(3, dtype=torch.float64)
        self.trained = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))

    def __call__(self, x):
        return self.matrix @ (self.trained * self.weight * x[self.index] ** 2)


def assert_right(derivative, function):
    torch.testing.assert_close(derivative(X).to_dense(), torch.func.jacrev(function)(X).detach())


def test_all_that_it_reads_may_change():
    function = Reader()
    derivative, prepared = jacobian(function, sparse=True), jacobian(function, sparse=True).prepare(X)
    assert prepared.pattern.nnz == 3
    with torch.no_grad():
        function.weight.mul_(2)
        function.trained.zero_()
        function.trained[1] = 3
        function.matrix[0, 0] = 0
        function.matrix[1, 1] = -5
    for call in (derivative, prepared):  # no place is new
        torch.testing.assert_close(call(X).to_dense().detach(), torch.func.jacrev(function)(X).detach())
    with torch.no_grad():
        function.matrix[0, 1] = 1
    torch.testing.assert_close(derivative(X).to_dense().detach(), torch.func.jacrev(function)(X).detach())
    with pytest.raises(ChainError, match="has changed"):
        prepared(X)
    function.index[0] = 7
    torch.testing.assert_close(derivative(X).to_dense().detach(), torch.func.jacrev(function)(X).detach())
    function.index = torch.tensor([9, 8, 0])  # another tensor of the same form
    torch.testing.assert_close(derivative(X).to_dense().detach(), torch.func.jacrev(function)(X).detach())


def test_two_functions_of_the_same_code_are_two():
    def of(index):
        return lambda x: x[index] ** 2

    for index in (torch.tensor([0, 1]), torch.tensor([5, 6])):
        assert jacobian(of(index), sparse=True)(X).indices()[1].tolist() == index.tolist()


def test_an_index_behind_a_pickle_is_watched_too():
    function = Reader()
    prepared = pickle.loads(pickle.dumps(jacobian(function, sparse=True).prepare(X)))  # noqa: S301
    prepared(X)
    prepared.__wrapped__.index[0] = 0
    with pytest.raises(ChainError, match="has changed"):
        prepared(X)


def test_a_switch_and_a_counter():
    switch = {"shift": 1}
    calls = []

    def function(x):
        calls.append(1)
        return x * x.roll(switch["shift"])

    derivative = jacobian(function, sparse=True)
    for shift in (1, 2, 1):
        switch["shift"] = shift
        torch.testing.assert_close(derivative(X).to_dense(), torch.func.jacrev(function)(X))
    assert calls


def test_the_generator_and_gradients_are_left_alone():
    state = torch.get_rng_state()
    function = Reader()
    jacobian(function, sparse=True)(X)
    sparsity(function, X)
    assert torch.equal(torch.get_rng_state(), state)
    assert function.trained.grad is None
    assert torch.is_grad_enabled()


def test_what_is_computed_of_what_it_reads():
    mask = torch.arange(N) < 3
    numbers = torch.arange(N, dtype=torch.float64)
    function = lambda x: torch.where(mask & (numbers > 1), x, 0 * x.roll(1)) * torch.ones_like(x).cumsum(0)  # noqa: E731
    derivative = jacobian(function, sparse=True)
    assert derivative(X).values().numel() <= N
    numbers[2] = 0
    torch.testing.assert_close(derivative(X).to_dense(), torch.func.jacrev(function)(X))
    numbers.fill_(5)
    torch.testing.assert_close(derivative(X).to_dense(), torch.func.jacrev(function)(X))


def test_threads_that_call_for_the_first_time_together():
    def cubes(x):
        return (x[1:] - x[:-1]) ** 3

    points = [torch.linspace(0, thread + 1, 8, dtype=torch.float64) for thread in range(4)]
    expected = [torch.func.jacrev(cubes)(x) for x in points]
    for function in (jacobian(cubes, sparse=True), jacobian(cubes, mode="planned")):
        with ThreadPoolExecutor(4) as pool:
            found = [*pool.map(lambda x, function=function: [function(x).to_dense() for _ in range(3)], points)]
        torch.testing.assert_close(found, [[matrix] * 3 for matrix in expected])


def test_numbers_may_decide_on_the_shape_of_the_result():
    count = torch.tensor(2)

    def by_argument(x):
        return x[: int(x.sum() > 0) + 1] ** 2

    def by_what_it_reads(x):
        return {"first": x[: int(count)] ** 2}

    for function in (by_argument, by_what_it_reads):
        count.fill_(2)
        derivative, prepared = jacobian(function, sparse=True), jacobian(function, sparse=True).prepare(X[:3])
        for sign, number in ((1, 2), (-1, 3), (-1, 3), (1, 2)):
            count.fill_(number)
            found, known = derivative(sign * X[:3]), torch.func.jacrev(function)(sign * X[:3])
            torch.testing.assert_close(torch.utils._pytree.tree_map(torch.Tensor.to_dense, found), known)
        count.fill_(3)
        with pytest.raises(ChainError, match="prepare it anew"):
            prepared(-X[:3])
