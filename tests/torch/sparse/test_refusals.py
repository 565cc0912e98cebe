"""What is refused under sparse=True, and what a pattern that the user gives makes possible."""

import numpy as np
import pytest
import torch
from scipy import sparse

from chainopt import ChainError
from chainopt.torch import hessian, jacobian, sparsity

N = 24
X = torch.linspace(0.5, 1.5, N, dtype=torch.float64)
W = torch.ones(N, N, dtype=torch.float64)
LINE = sparse.eye_array(N)


class Cubed(torch.autograd.Function):
    """With a derivative that is another one, so that it shows who is asked."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        return 5 * gradient * ctx.saved_tensors[0]


UNSEEN = {
    "a rule of its own": Cubed.apply,
    "a rule of its own, inside": lambda x: Cubed.apply(x.sin()),
    "numbers that it is given": lambda x: x**2 if x.sum() > 0 else x,
    "item": lambda x: x * x.sum().item(),
    "places that are counted": lambda x: x[X > 0] ** 2,
}


@pytest.mark.parametrize(
    ("function", "culprit"),
    [
        (lambda x: torch.tanh(W @ x), "mv"),
        (lambda x: x - x.mean(), "mean"),
        (lambda x: torch.softmax(x, 0), "softmax"),
        (lambda x: x.cumsum(0), "cumsum"),
        (lambda x: x[x.argsort()], "index"),
        (lambda x: torch.bincount(torch.arange(3), x[:3], N) * x, "bincount"),
    ],
)
def test_what_is_dense_is_refused_and_named(function, culprit):
    for call in (jacobian(function, sparse=True), jacobian(function, sparse=True).prepare):
        with pytest.raises(ChainError, match=f"not sparse.*dense is.*({culprit})"):
            call(X)
    assert sparsity(function, X).nnz >= N


@pytest.mark.parametrize("name", UNSEEN)
def test_what_no_recording_sees_is_dense_unless_a_pattern_is_given(name):
    function = UNSEEN[name]
    with pytest.raises(ChainError, match=r"dense is that .*(rule of its own|depends on the numbers)"):
        jacobian(function, sparse=True)(X)
    assert sparsity(function, X).nnz == N * N
    found = jacobian(function, sparse=True, pattern=LINE, check=name != "item")(X)
    torch.testing.assert_close(torch.diag(found.to_dense()), torch.diag(torch.func.jacrev(function)(X)))


def test_a_mask_is_refused_and_its_places_are_taken():
    mask = X > 1.0
    with pytest.raises(ChainError, match=r"take i = mask\.nonzero\(\)\.T, outside"):
        jacobian(lambda x: x[mask] ** 2, sparse=True)(X)
    places = mask.nonzero().T
    found = jacobian(lambda x: x[*places] ** 2, sparse=True)(X)
    torch.testing.assert_close(found.to_dense(), torch.func.jacrev(lambda x: x[mask] ** 2)(X))


def test_so_few_places_are_never_refused():
    x = X[:3]
    torch.testing.assert_close(jacobian(Cubed.apply, sparse=True)(x).to_dense(), torch.func.jacrev(Cubed.apply)(x))


def hooked(x):
    x.register_hook(lambda gradient: 2 * gradient)
    return x


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda x: x * torch.rand(N), "random numbers"),
        (torch.nn.functional.dropout, "random numbers"),
        (torch.nn.BatchNorm1d(4, dtype=torch.float64), "changes in place a tensor"),
        (lambda x: W.mul_(1) @ x, "changes in place a tensor"),
        (lambda x: hooked(2 * x) * x, "cannot be called and watched"),
    ],
)
def test_what_would_change_something_has_none(function, why):
    state, x = torch.get_rng_state(), X.reshape(6, 4) if isinstance(function, torch.nn.Module) else X
    for pattern in (None, sparse.eye_array(N)):
        with pytest.raises(ChainError, match=why):
            jacobian(function, sparse=True, pattern=pattern)(x)
    with pytest.raises(ChainError, match=why):
        sparsity(function, x)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_no_function_of_real_numbers():
    for function, given in ((torch.Tensor.long, X), (lambda x: x * 1j, X), (torch.abs, X * 1j), (lambda x: x.tolist(), X)):
        with pytest.raises(ChainError):
            jacobian(function, sparse=True)(given)
    with pytest.raises(ChainError, match="not a tensor"):
        jacobian(torch.sin, sparse=True)(1.0)
    with pytest.raises(ChainError, match="no arrays"):
        jacobian(lambda x: torch.ones(3), sparse=True)([])  # noqa: ARG005
    assert sparsity(lambda x: x * 1.5, X.long()).nnz == 0


def test_options_that_do_not_go_together():
    for options in (
        {"pattern": LINE},
        {"sparse": True, "mode": "planned"},
        {"sparse": True, "low_rank": True},
    ):
        with pytest.raises(ChainError):
            jacobian(torch.sin, **options)
    with pytest.raises(ChainError, match="prepare"):
        jacobian(torch.sin).prepare(X)
    with pytest.raises(ChainError, match="no plan"):
        jacobian(torch.sin, sparse=True).plan(X)


def test_a_pattern_that_lacks_places():
    function = lambda x: x * x.roll(1)  # noqa: E731
    with pytest.raises(ChainError, match=r"no place at row \d+, column \d+"):
        jacobian(function, sparse=True, pattern=LINE)(X)
    with pytest.raises(ChainError, match="24x24"):
        jacobian(function, sparse=True, pattern=np.ones((2, 2)))(X)
    with pytest.raises(ChainError, match="lacks places"):
        torch.func.vmap(lambda x: jacobian(function, sparse=True, pattern=LINE)(x).values())(X[None])


def test_sparse_tensors_know_no_vmap_and_no_forward_mode():
    prepared = jacobian(torch.sin, sparse=True).prepare(X)
    with pytest.raises(ChainError, match="nonzeros"):
        torch.func.vmap(lambda x: prepared(x).to_dense())(X[None])
    with pytest.raises(ChainError, match="nonzeros"):
        torch.func.vmap(torch.func.grad(lambda x: prepared(x).values().sum()))(X[None])
    with pytest.raises(ChainError, match="nonzeros"):
        torch.func.jvp(lambda x: prepared(x).to_dense(), (X,), (X,))
    derivative = jacobian(lambda x: x[1:] * x[:-1], sparse=True)
    with pytest.raises(ChainError, match="nonzeros"):
        torch.func.grad(lambda x: derivative(x).to_dense().pow(2).sum())(X)


def test_other_arguments_than_those_that_it_was_prepared_for():
    prepared = jacobian(torch.sin, sparse=True).prepare(X)
    for given in (X[:3], X.float(), [X]):
        with pytest.raises(ChainError, match="prepared"):
            prepared(given)


def test_a_tensor_of_a_transformation_is_not_read():
    with pytest.raises(ChainError):
        torch.func.vmap(lambda a: jacobian(lambda x: a * x, sparse=True).prepare(X).nonzeros(X))(X)
    assert torch.func.vmap(lambda a: jacobian(lambda x, a: a * x, sparse=True).prepare(X, a).nonzeros(X, a))(X).shape == (N, N)


def test_hessians_of_what_is_no_number_of_ones_own_rule():
    with pytest.raises(ChainError, match="rule of its own"):
        hessian(lambda x: Cubed.apply(x).sum(), sparse=True)(X)
