"""Sparse Hessians are those of torch.func.hessian, with a symmetric pattern where nothing hides a derivative."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from chainopt.torch import hessian

N = 12
F64 = torch.float64
KERNEL = torch.tensor([1.0, -2.0, 3.0], dtype=F64)[None, None]
LABELS = (torch.arange(N) % 3 == 0).double()
CHOSEN = torch.tensor([0, 2, 2, 4])

FUNCTIONS = {  # with the number of places
    "Rosenbrock": (lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(), 3 * N - 2),
    "springs": (lambda x: ((x[1:] - x[:-1]) ** 4).sum(), 3 * N - 2),
    "arrowhead": (lambda x: (x[0] * x.sin()).sum(), 3 * N - 2),
    "blocks": (lambda x: x.reshape(4, 3).norm(dim=1).sum(), 36),
    "index": (lambda x: (x[CHOSEN] ** 3).sum(), 3),
    "lattice": (lambda x: torch.tanh(x.reshape(3, 4) * x.reshape(3, 4).roll(1, 1)).sum(), 36),
    "softmax of rows": (lambda x: (functional.softmax(x.reshape(3, 4), 1) ** 2).sum(), 48),
    "largest of rows": (lambda x: (x.reshape(4, 3).max(1).values ** 2).sum(), 36),
    "convolution": (lambda x: (functional.conv1d(x[None, None], KERNEL) ** 3).sum(), 54),
    "exp": (lambda x: torch.exp(x).sum(), N),
    "softplus": (lambda x: (functional.softplus(x) + functional.leaky_relu(x) * x).sum(), N),
    "cross entropy of rows": (lambda x: functional.cross_entropy(x.reshape(6, 2), torch.arange(6) % 2), 24),
    "logistic": (lambda x: functional.binary_cross_entropy_with_logits(x, LABELS), N),
    "binary entropy": (lambda x: functional.binary_cross_entropy(x.sigmoid(), LABELS), N),
    "logarithms of sigmoids": (lambda x: functional.logsigmoid(x).sum(), N),
    "detached": (lambda x: (x**2 * x.detach().roll(1)).sum(), None),
    "of each result": (lambda x: x**3, N),
}


def point(seed=0):
    return torch.as_tensor(np.random.default_rng(seed).uniform(0.2, 1.0, N))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_torch_func_hessian(name):
    function, places = FUNCTIONS[name]
    derivative = hessian(function, sparse=True)
    for seed in range(2):
        found, expected = derivative(point(seed)), torch.func.hessian(function)(point(seed))
        assert found.is_coalesced()
        assert found.shape == expected.shape
        torch.testing.assert_close(found.to_dense(), expected, rtol=1e-12, atol=1e-13)
    assert places is None or found.values().numel() == places


def test_fewer_products_than_columns_of_an_arrowhead():
    prepared = hessian(FUNCTIONS["arrowhead"][0], sparse=True).prepare(point())
    assert prepared.colors.is_symmetric
    assert prepared.colors.products == 2
    assert (prepared.pattern != prepared.pattern.T).nnz == 0


def test_what_hides_a_derivative_is_not_taken_for_symmetric():
    assert not hessian(FUNCTIONS["detached"][0], sparse=True).prepare(point()).colors.is_symmetric


def test_pytrees_and_auxiliary_data():
    def function(pair, scale):
        return ((pair["a"][1:] - pair["a"][:-1]) ** 4).sum() * scale + (pair["b"] ** 3).sum(), pair["a"].sum()

    args = {"a": point(), "b": point(1)}, torch.tensor(2.0, dtype=F64)
    found, aux = hessian(function, has_aux=True, sparse=True)(*args)
    expected, wanted = torch.func.hessian(lambda *given: function(*given)[0])(*args), function(*args)[1]
    torch.testing.assert_close(torch.utils._pytree.tree_map(torch.Tensor.to_dense, found), expected)
    torch.testing.assert_close(aux, wanted)


def test_inside_of_vmap():
    batch = torch.stack([point(seed) for seed in range(3)])
    springs = FUNCTIONS["springs"][0]
    found = torch.func.vmap(lambda x: hessian(springs, sparse=True).prepare(x).nonzeros(x))(batch)
    wanted = torch.stack([hessian(springs, sparse=True)(x).values() for x in batch])
    torch.testing.assert_close(found, wanted)
