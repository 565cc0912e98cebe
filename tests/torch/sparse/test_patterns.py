"""Forms of operators that their rules do not know, or know only roughly: no nonzero is missing."""

import pytest
import torch
from torch.nn import functional

from chainopt import ChainError
from chainopt.torch import sparsity
from chainopt.torch.detection import reductions

N = 12
F64 = torch.float64
THREE = torch.tensor([2, 0, 1])
LAST = torch.nn.RMSNorm(4, dtype=F64)
LSTM, BOTH = torch.nn.LSTM(2, 3), torch.nn.LSTM(2, 3, bidirectional=True)  # of float32, which are one operator
SERIES, ZEROS = torch.rand(3, 2, 2, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 2, 3)

FORMS = {
    "the larger one of two": lambda x: torch.max(x, x.roll(1)),
    "a sum of a single number": lambda x: x[2].cumsum(0) * x,
    "cumulative, of two": lambda x: torch.cumprod(x.reshape(3, 4), 1),
    "scatter that reduces": lambda x: x.scatter_reduce(0, THREE, x[3:6], "prod"),
    "index_reduce": lambda x: x[:3].index_reduce(0, THREE, x[3:6], "prod"),
    "index_copy by places among the inputs": lambda x: x.index_copy(0, x[:3].argsort(), x[3:6]),
    "index_put by places among the inputs": lambda x: x.index_put((x[:3].argsort(),), x[3:6]),
    "a number, at places among the inputs": lambda x: x.scatter(0, x[:3].argsort(), 1.0),
    "one number of rows, by places among the inputs": lambda x: x.reshape(3, 4).gather(1, x[:2].argsort().reshape(1, 2)),
    "index_add of slices of other shapes": lambda x: x.reshape(3, 4).index_add(0, x[:1].argsort(), x[:4].reshape(1, 4)),
    "solve, stacks of vectors": lambda x: torch.linalg.solve(torch.eye(2, dtype=F64).expand(3, 2, 2), x[:6].reshape(3, 2)),
    "pieces of memory": lambda x: torch.as_strided(x, (3, 3), (2, 1)),
    "put": lambda x: torch.zeros(N, dtype=F64).put(THREE, x[:3]),
    "distances": lambda x: torch.cdist(x.reshape(3, 4), x.roll(1).reshape(3, 4)),
    "RMS norm": lambda x: LAST(x.reshape(3, 4)),
    "group norm": lambda x: torch.native_group_norm(x.reshape(1, 4, 3), x[:4], None, 1, 4, 3, 2, 1e-5)[0],
    "batch norm of the batch": lambda x: functional.batch_norm(x.reshape(3, 4), None, None, training=True),
    "an empty product": lambda x: x[:0].reshape(0, 3) @ torch.ones(3, 2, dtype=F64),
    "zeros of a matrix": lambda x: torch.zeros(5, N, dtype=F64) @ x,
    "a sum of an empty line": lambda x: x.reshape(3, 4)[:, :0].sum(1),
    "a rounded number of places": lambda x: x.round(decimals=1) + torch.sign(x) * x,
    "what raises when it is computed": lambda x: x * torch.linalg.cholesky(-torch.eye(2, dtype=F64))[0, 0],
    "a large constant": lambda x: x * torch.ones(31_000_000).sum(),
    "detached in place": lambda x: x.clone().detach_() * x,
    "an LSTM": lambda x: LSTM(x.float().reshape(3, 2, 2))[0],
    "the last state of an LSTM": lambda x: LSTM(x.float().reshape(3, 2, 2))[1][0],
    "an LSTM in both directions": lambda x: BOTH(x.float().reshape(3, 2, 2))[0],
    "the first state of an LSTM": lambda x: LSTM(SERIES, (x[:6].float().reshape(1, 2, 3), ZEROS))[0],
    "the weights of an LSTM": lambda x: torch.func.functional_call(LSTM, {"bias_ih_l0": x.float()}, SERIES)[0],
    "a string of views": lambda x: x.reshape(3, 4).T.unflatten(0, (2, 2)).flatten(1).swapaxes(0, 1).movedim(0, 1).squeeze(),
}


def point(seed):
    return torch.rand(N, generator=torch.Generator().manual_seed(seed), dtype=F64) + 0.1


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.filterwarnings("ignore")  # of operators that PyTorch calls new, or slow
def test_no_nonzero_is_missing(name):
    function = FORMS[name]
    pattern = sparsity(function, point(0)).toarray()
    if name == "what raises when it is computed":
        assert pattern.sum() == N
        return
    for seed in range(2):
        expected = torch.func.jacrev(function)(point(seed)).reshape(-1, N)
        assert pattern.shape == expected.shape
        assert not ((expected != 0).numpy() & ~pattern).any()


def test_long_running_sums_are_taken_roughly(monkeypatch):
    exact = sparsity(lambda x: x.reshape(3, 4).cumsum(1), point(0)).nnz
    monkeypatch.setattr(reductions, "MOST_PAIRS", 4)
    assert exact == 30
    assert sparsity(lambda x: x.reshape(3, 4).cumsum(1), point(0)).nnz == 48


def test_an_lstm_keeps_sequences_and_times_apart():
    assert sparsity(FORMS["an LSTM"], point(0)).nnz == 2 * 3 * (2 + 4 + 6)
    assert sparsity(FORMS["the first state of an LSTM"], point(0)).nnz == 18 * 3
    assert sparsity(FORMS["the weights of an LSTM"], point(0)).nnz == 18 * N


def test_what_cannot_be_called_is_said():
    def fails(x):
        if x.sum() > 0:
            msg = "of the user's own"
            raise RuntimeError(msg)
        return x

    with pytest.raises(RuntimeError, match="user's own"):
        sparsity(fails, point(0))
    with pytest.raises(ChainError, match="watched"):
        sparsity(lambda x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,)), point(0))
