"""Sparse Jacobians are the dense ones of torch.func.jacrev, for functions of many kinds, at any point, and in any form."""

import functools
import pickle

import numpy as np
import pytest
import torch
from scipy import sparse
from torch.nn import functional

from chainopt.torch import jacobian, sparsity

N = 12
F64 = torch.float64
CHOSEN = torch.tensor([0, 2, 1, 4])
TRIANGLES = torch.as_tensor(np.random.default_rng(3).integers(0, N, (7, 3)))
BAND = torch.eye(N, dtype=F64) + torch.diag(torch.ones(N - 1, dtype=F64), 1)
CROSS = torch.tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]], dtype=F64)[None, None]
NORM = torch.nn.BatchNorm1d(4, dtype=F64).eval()


def point(size=N, seed=0, dtype=F64):
    return torch.as_tensor(np.random.default_rng(seed).uniform(0.2, 1.0, size)).to(dtype)


def burgers(u):
    return 0.1 * (u.roll(-1) - 2 * u + u.roll(1)) - u * (u.roll(-1) - u.roll(1))


def arrowhead(x):
    return torch.cat([(x**2).sum()[None], (x.sin() * x[0])[1:]])


def assembly(x):
    corners = x[TRIANGLES]
    parts = corners * (corners**2).sum(1, keepdim=True)
    return torch.zeros(N, dtype=x.dtype).index_put((TRIANGLES,), parts, accumulate=True)


def written(x):
    made = torch.zeros_like(x)
    made[1:] = x[:-1]
    made[3] += x[0]
    return made.mul_(x)


def through_a_view(x):
    made = x.clone()
    made[TRIANGLES[0]] = 0
    made.view(3, 4)[1] = x[:4]
    return made


FUNCTIONS = {  # with the number of places, where that is known
    "roll": (burgers, 36),
    "index": (lambda x: x[CHOSEN] ** 2, 4),
    "index_add": (lambda x: torch.zeros(N, dtype=F64).index_add(0, CHOSEN, x[:4].sin()), 4),
    "index_select": (lambda x: x.reshape(3, 4).index_select(1, torch.tensor([3, 0])), 6),
    "scatter": (lambda x: torch.zeros(N, dtype=F64).scatter(0, CHOSEN, x[:4]), 4),
    "scatter_add": (lambda x: x.scatter_add(0, CHOSEN, x[4:8]), N + 4),
    "gather": (lambda x: x.reshape(3, 4).gather(1, torch.tensor([[0], [3], [1]])), 3),
    "conv1d": (lambda x: functional.conv1d(x[None, None], torch.ones(1, 1, 3, dtype=F64), padding=1)[0, 0], 3 * N - 2),
    "conv2d, a cross": (lambda x: functional.conv2d(x.reshape(1, 1, 3, 4), CROSS, padding=1), 46),
    "conv, in groups": (lambda x: functional.conv1d(x.reshape(1, 2, 6), torch.ones(4, 1, 2, dtype=F64), groups=2, stride=2), 24),
    "conv, transposed": (lambda x: functional.conv_transpose1d(x[None, None], torch.ones(1, 2, 3, dtype=F64), stride=2), 72),
    "a layer without a bias": (lambda x: functional.linear(x, torch.diag(torch.ones(N - 1, dtype=F64), 1)), N - 1),
    "pad and cat": (lambda x: functional.pad(x, (1, 2))[1:] * torch.cat([x, x[:2]]), N + 2),
    "padded by copies": (lambda x: functional.pad(x[None], (2, 1), mode="replicate") ** 2, N + 3),
    "where, by a mask": (lambda x: torch.where(torch.arange(N) % 2 == 0, x, x.flip(0)), N),
    "where": (lambda x: torch.where(x > 0.5, x, x.flip(0)), 2 * N),
    "masked_fill": (lambda x: x.masked_fill(torch.arange(N) < 4, 0.0), N - 4),
    "cumsum of rows": (lambda x: x.reshape(3, 4).cumsum(1), 30),
    "norms of rows": (lambda x: x.reshape(3, 4).norm(dim=1), N),
    "softmax of rows": (lambda x: functional.softmax(x.reshape(3, 4), 1), 48),
    "sorted rows": (lambda x: x.reshape(3, 4).sort(dim=1).values, 48),
    "largest of rows": (lambda x: x.reshape(3, 4).max(1).values, N),
    "layer norm": (lambda x: functional.layer_norm(x.reshape(3, 4), (4,)), 48),
    "group norm": (lambda x: functional.group_norm(x.reshape(1, 4, 3), 2), 72),
    "batch norm": (lambda x: NORM(x.reshape(3, 4)), N),
    "Fourier of rows": (lambda x: torch.fft.irfft(torch.fft.rfft(x.reshape(3, 4)), n=4), 48),
    "detach": (lambda x: x * x.detach().roll(1), N),
    "a band": (lambda x: BAND @ x, 2 * N - 1),
    "stacks of matrices": (lambda x: torch.einsum("bij,bj->bi", x.reshape(3, 2, 2), x.reshape(3, 4)[:, :2]), 18),
    "solve": (lambda x: torch.linalg.solve(x[:8].reshape(2, 2, 2) + torch.eye(2), x[8:].reshape(2, 2)), 24),
    "max_pool": (lambda x: functional.max_pool1d(x[None, None], 2), N),
    "avg_pool": (lambda x: functional.avg_pool2d(x.reshape(1, 1, 3, 4), 2, padding=1), N),
    "adaptive pool": (lambda x: functional.adaptive_avg_pool1d(x[None], 5), 16),
    "triangle": (lambda x: torch.tril(x.reshape(3, 4)), 6),
    "outer": (lambda x: torch.outer(x[:3], x[3:6]), 18),
    "two at one place": (lambda x: x.scatter(0, torch.tensor([1, 1]), x[4:6] ** 2), N + 1),
    "two at one place of several axes": (lambda x: x.index_put((torch.tensor([1, 1]),), x[4:6] ** 2), N + 1),
    "two slices at one place": (lambda x: x.index_copy(0, torch.tensor([3, 3, 1]), x[4:7] ** 2), N + 1),
    "one number at places": (lambda x: x.scatter(0, CHOSEN, 2.0), N - 4),
    "places among the results": (lambda x: (x**2).scatter(0, x[:2].argsort(), x[4:6]), None),
    "written": (written, None),
    "through a view": (through_a_view, None),
    "assembly": (assembly, None),
    "arrowhead": (arrowhead, 3 * N - 2),
    "glu": (functional.glu, N),
    "indices among the inputs": (lambda x: x.reshape(3, 4).take_along_dim(x.reshape(3, 4).argsort(1), 1), 48),
    "rounded": (lambda x: x * x.round() + torch.floor(x).roll(1), N),
    "constant": (lambda x: torch.ones(7, dtype=F64), 0),  # noqa: ARG005
    "no results": (lambda x: x[:0], 0),
    "one result": (lambda x: x[2].sin(), 1),
    "its argument": (lambda x: x, N),
    "without a gradient": (lambda x: torch.no_grad()(torch.sin)(x.roll(1)) * x, None),
}


def assert_as_jacrev(found, function, x):
    expected = torch.func.jacrev(function)(x)
    assert found.is_coalesced()
    assert (found.shape, found.dtype, found.layout) == (expected.shape, expected.dtype, torch.sparse_coo)
    places = [tuple(place) for place in found.indices().T.tolist()]
    assert places == sorted(set(places))
    torch.testing.assert_close(found.to_dense(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_as_jacrev(name):
    function, places = FUNCTIONS[name]
    derivative = jacobian(function, sparse=True)
    for seed in range(2):  # what was found holds for all inputs
        x = point(seed=seed)
        found = derivative(x)
        assert_as_jacrev(found, function, x)
    if places is not None:
        assert found.values().numel() == places
    pattern = sparsity(function, point())
    assert isinstance(pattern, sparse.csr_array)
    assert pattern.dtype == bool
    assert pattern.nnz == found.values().numel()


def test_columns_and_rows_together():
    prepared = jacobian(arrowhead, sparse=True).prepare(point())
    assert (prepared.colors.jvps, prepared.colors.vjps) == (2, 1)
    assert prepared.plan is None
    assert prepared.pattern.nnz == 3 * N - 2
    assert_as_jacrev(prepared(point(seed=4)), arrowhead, point(seed=4))


@pytest.mark.parametrize("chunk_size", [1, 2, None])
@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
def test_modes_and_chunks(mode, chunk_size):
    derivative = jacobian(arrowhead, sparse=True, mode=mode, chunk_size=chunk_size)
    assert_as_jacrev(derivative(point()), arrowhead, point())
    colors = derivative.prepare(point()).colors
    assert (colors.jvps > 0, colors.vjps > 0) == (mode != "reverse", mode != "forward")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_dtypes(dtype):
    x = point(dtype=dtype)
    found = jacobian(burgers, sparse=True)(x)
    assert found.dtype == dtype
    torch.testing.assert_close(found.to_dense(), torch.func.jacrev(burgers)(x))


def test_results_of_other_dtypes():
    narrowed, widened = (lambda x: burgers(x).float()), (lambda x: burgers(x).double())
    assert jacobian(narrowed, sparse=True).prepare(point()).colors.jvps == 0  # which would lose digits late
    assert_as_jacrev(jacobian(narrowed, sparse=True)(point()), narrowed, point())
    found, expected = jacobian(widened, sparse=True)(point().float()), torch.func.jacrev(widened)(point().float())
    assert found.dtype == expected.dtype == torch.float32
    torch.testing.assert_close(found.to_dense(), expected)


def test_pytrees_argnums_keywords_and_auxiliary_data():
    def function(a, b, scale, *, power):
        return {"u": a["p"] * b[0] * scale, "v": (b[1].roll(1) ** power, a["p"][2])}, {"sum": a["p"].sum()}

    args = {"p": point(5)}, [point(5, 1), point(5, 2)], point(5, 3)
    for argnums in (0, 1, (0, 1), (1, 0), -1):
        found, aux = jacobian(function, argnums, has_aux=True, sparse=True)(*args, power=2.0)
        expected, wanted = torch.func.jacrev(functools.partial(function, power=2.0), argnums, has_aux=True)(*args)
        torch.testing.assert_close(torch.utils._pytree.tree_map(torch.Tensor.to_dense, found), expected)
        assert aux == wanted


def test_under_transformations_and_autograd():
    prepared, x = jacobian(burgers, sparse=True).prepare(point()), point(seed=2)
    batch = torch.stack([point(seed=seed) for seed in range(3)])
    wanted = torch.stack([prepared(each).values() for each in batch])
    torch.testing.assert_close(torch.func.vmap(prepared.nonzeros)(batch), wanted)
    inside = torch.func.vmap(lambda each: jacobian(burgers, sparse=True).prepare(each).nonzeros(each))
    torch.testing.assert_close(inside(batch), wanted)
    expected = torch.func.grad(lambda x: (torch.func.jacrev(burgers)(x) ** 2).sum())(x)
    torch.testing.assert_close(torch.func.grad(lambda x: (prepared(x).values() ** 2).sum())(x), expected)
    torch.testing.assert_close(torch.func.grad(lambda x: (prepared(x).to_dense() ** 2).sum())(x), expected)
    given = x.clone().requires_grad_()
    (jacobian(burgers, sparse=True)(given).values() ** 2).sum().backward()
    torch.testing.assert_close(given.grad, expected)
    pushed = torch.func.jvp(prepared.nonzeros, (x,), (torch.ones_like(x),))[1]
    assert pushed.shape == wanted[0].shape


def test_in_inference_mode_and_after_it():
    derivative = jacobian(burgers, sparse=True)
    with torch.inference_mode():
        assert derivative(point()).values().numel() == 3 * N
    given = point().requires_grad_()
    derivative(given).values().sum().backward()
    assert given.grad is not None


def test_a_compiler_leaves_it_alone():
    prepared = jacobian(burgers, sparse=True).prepare(point())
    for call in (prepared, jacobian(burgers, sparse=True)):
        compiled = torch.compile(lambda x, call=call: call(x).to_dense() * 2, backend="eager")
        torch.testing.assert_close(compiled(point()), 2 * torch.func.jacrev(burgers)(point()))


def test_a_prepared_one_is_pickled():
    prepared = pickle.loads(pickle.dumps(jacobian(burgers, sparse=True).prepare(point())))  # noqa: S301
    assert_as_jacrev(prepared(point(seed=5)), burgers, point(seed=5))
    assert "3 JVPs" in repr(prepared)


def test_a_prepared_one_is_plotted():
    axes = jacobian(arrowhead, sparse=True).prepare(point()).plot()
    assert axes.get_title() == "2 JVPs and 1 VJP"


RECURRENT = [kind(2, 3, dtype=F64) for kind in (torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM)]
CIRCULAR = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular", dtype=F64)
WRITING = {  # operators of PyTorch that write to tensors, and are written by others
    "padded by itself": (lambda x: functional.pad(x[None], (2, 1), mode="circular") ** 2, N + 3),
    "a convolution around": (lambda x: CIRCULAR(x.reshape(1, 1, 3, 4)), 9 * N),
    "detached and padded": (lambda x: functional.pad(x[None].detach(), (2, 0), mode="circular")[0, :N] * x, N),
    "an RNN": (lambda x: RECURRENT[0](x.reshape(1, 6, 2))[0], 36),
    "a GRU": (lambda x: RECURRENT[1](x.reshape(2, 3, 2))[0], 54),
    "an LSTM": (lambda x: RECURRENT[2](x.reshape(2, 3, 2))[0], 54),
    "transposed": (lambda x: (x.reshape(3, 4) * 2).transpose_(0, 1).sin(), N),
    "cosines": (lambda x: functional.cosine_similarity(x.reshape(3, 4), x.reshape(3, 4).flip(0), dim=1), 2 * N - 4),
}


@pytest.mark.parametrize("name", WRITING)
def test_operators_that_write(name):
    function, places = WRITING[name]
    derivative = jacobian(function, sparse=True)
    pattern = sparsity(function, point())
    assert pattern.nnz == places
    for seed in range(2):
        expected = torch.func.jacrev(function)(point(seed=seed)).detach()
        assert not ((expected.reshape(-1, N) != 0).numpy() & ~pattern.toarray()).any()
        if pattern.nnz <= expected.numel() / 4:
            assert_as_jacrev(derivative(point(seed=seed)), function, point(seed=seed))


ENCODER = torch.nn.TransformerEncoderLayer(2, 1, 3, batch_first=True, dtype=F64).eval()
INSIDE = {  # transformations inside of a function, and operators that are written by simpler ones
    "vmap": (lambda x: torch.func.vmap(lambda row: row.sin() * row.sum())(x.reshape(3, 4)), 48),
    "grad": (torch.func.grad(lambda y: (y * y.roll(1) ** 2 * y.detach()).sum()), None),
    "jvp": (lambda x: torch.func.jvp(torch.sin, (x,), (x.roll(1),))[1], 2 * N),
    "no_grad in vmap": (lambda x: torch.func.vmap(lambda row: torch.no_grad()(torch.sin)(row) * row)(x.reshape(3, 4)), N),
    "interpolate": (lambda x: functional.interpolate(x[None, None], scale_factor=2, mode="linear"), 46),
    "unfold and fold": (lambda x: functional.fold(functional.unfold(x.reshape(1, 1, 3, 4), 2), (3, 4), 2), N),
    "cross_entropy of rows": (lambda x: functional.cross_entropy(x.reshape(3, 4), torch.tensor([2, 0, 1]), reduction="none"), N),
    "complex numbers": (lambda x: torch.view_as_real(torch.complex(x[:6], x[6:]) ** 2), 24),
    "from real and imaginary parts": (lambda x: torch.view_as_complex(x.reshape(6, 2)).abs(), N),
    "copied into": (lambda x: torch.empty_like(x).copy_(x.roll(1)) * torch.zeros_like(x).fill_(x[0]), 2 * N - 1),
    "bits of other numbers": (lambda x: x.view(torch.int64) * x.view(torch.float64), None),
    "embedding": (lambda x: functional.embedding(torch.tensor([[0, 2], [1, 1]]), x.reshape(3, 4)), 16),
    "places among the inputs, added": (lambda x: x.scatter_add(0, x.argsort(), x.cos()), None),
    "slices among the inputs, added": (lambda x: x.reshape(4, 3).index_add(1, x[:3].argsort(), x.reshape(4, 3)), None),
    "embedding by places among the inputs": (lambda x: functional.embedding(x[:2].argsort(), x.reshape(3, 4)), None),
    "added, by two axes": (lambda x: torch.addr(x[:6].reshape(2, 3), x[6:8], x[8:11]), 18),
    "stacks added": (lambda x: torch.addbmm(x[:4].reshape(2, 2), x[4:8].reshape(1, 2, 2), x[8:].reshape(1, 2, 2)), 20),
    "attention": (lambda x: functional.scaled_dot_product_attention(*[x.reshape(6, 1, 1, 2)] * 3), 24),
    "a layer of a transformer": (lambda x: ENCODER(x.reshape(3, 2, 2)), 48),
    "kernels": (lambda x: functional.conv1d(torch.ones(1, 2, 5, dtype=F64), x.reshape(2, 2, 3), x[:2]), None),
    "kernels, transposed": (lambda x: functional.conv_transpose1d(torch.ones(1, 2, 3, dtype=F64), x.reshape(2, 2, 3)), None),
}


@pytest.mark.parametrize("name", INSIDE)
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # which torch.func itself says
def test_transformations_inside_and_other_operators(name):
    function, places = INSIDE[name]
    pattern = sparsity(function, point())
    for seed in range(2):
        expected = torch.func.jacrev(function)(point(seed=seed)).reshape(-1, N)
        assert not ((expected != 0).numpy() & ~pattern.toarray()).any()
        if pattern.nnz <= expected.numel() / 4:
            assert_as_jacrev(jacobian(function, sparse=True)(point(seed=seed)), function, point(seed=seed))
    assert places is None or pattern.nnz == places
