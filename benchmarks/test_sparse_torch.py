"""Sparse Jacobians and Hessians of PyTorch functions against torch.func's dense ones: no other tool for them is known."""

import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402 -- it needs PyTorch

from chainopt.torch import hessian, jacobian  # noqa: E402

OURS = "chainopt.torch"
JACOBIANS, HESSIANS = "sparse Jacobians of PyTorch functions", "sparse Hessians of PyTorch functions"
PREPARING = "finding pattern and colors of PyTorch functions"


def stencil(u):
    return 0.1 * (u.roll(-1) - 2 * u + u.roll(1)) - u * (u.roll(-1) - u.roll(1))


def brusselator(points):
    def function(y):
        u, v = y.reshape(2, points, points)

        def spread(a):
            return sum(a.roll(shift, axis) for shift in (1, -1) for axis in (0, 1)) - 4 * a

        rates = 1 + u * u * v - 4.4 * u + 0.1 * spread(u), 3.4 * u - u * u * v + 0.1 * spread(v)
        return torch.cat([rate.ravel() for rate in rates])

    return function, 2 * points**2


def convolution(points):
    kernel = torch.randn(1, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    return lambda x: torch.tanh(functional.conv2d(x.reshape(1, 1, points, points), kernel, padding=1)).ravel(), points**2


def assembly(points):
    grid = torch.arange(points**2).reshape(points, points)
    corners = [part.ravel() for part in (grid[:-1, :-1], grid[1:, :-1], grid[:-1, 1:], grid[1:, 1:])]
    triangles = torch.cat([torch.stack(corners[:3], 1), torch.stack([corners[3], corners[2], corners[1]], 1)])

    def function(x):
        values = x[triangles]
        parts = values * (values**2).sum(1, keepdim=True)
        return torch.zeros_like(x).index_put((triangles,), parts, accumulate=True)

    return function, points**2


def arrowhead(x):
    return torch.cat([(x**2).sum()[None], (x.sin() * x[0])[1:]])


CASES = {  # with whether a dense one is waited for
    "Burgers 1,000": lambda: (stencil, 1000, True),
    "Burgers 100,000": lambda: (stencil, 100_000, False),
    "Brusselator 32 x 32": lambda: (*brusselator(32), True),
    "Brusselator 128 x 128": lambda: (*brusselator(128), False),
    "convolution 32 x 32": lambda: (*convolution(32), True),
    "assembly of triangles, 32 x 32": lambda: (*assembly(32), True),
    "arrowhead 2,000": lambda: (arrowhead, 2000, True),
    "arrowhead 10,000": lambda: (arrowhead, 10_000, False),
}
ENERGIES = {
    "Rosenbrock 1,000": lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(),
    "200 norms of 5": lambda x: x.reshape(-1, 5).norm(dim=1).sum(),
}
QUICK = {"Burgers 1,000", "Rosenbrock 1,000"}


def chosen(cases):
    return [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.long]) for name in cases]


def point(size):
    return torch.as_tensor(np.random.default_rng(1).uniform(0.5, 1.0, size), dtype=torch.float32)


def compare(contest, group, name, ours, others, x):
    begin = time.perf_counter()
    prepared = ours.prepare(x)
    contest.cells(PREPARING, name, {OURS: time.perf_counter() - begin})
    found = prepared(x).to_dense() if others else None
    for call in others.values():
        torch.testing.assert_close(found, call(x), rtol=1e-4, atol=1e-4)
    calls = {OURS: prepared, **others}
    contest(group, name, {who: lambda call=call: call(x) for who, call in calls.items()}, rounds=21)
    contest.note(f"{name}: {prepared.pattern.nnz:,} nonzeros, {prepared.colors}")


@pytest.mark.parametrize("name", chosen(CASES))
def test_jacobians(contest, name):
    function, size, has_dense = CASES[name]()
    others = {"torch.func.jacfwd": torch.func.jacfwd(function), "torch.func.jacrev": torch.func.jacrev(function)}
    compare(contest, JACOBIANS, name, jacobian(function, sparse=True), others if has_dense else {}, point(size))


@pytest.mark.parametrize("name", chosen(ENERGIES))
def test_hessians(contest, name):
    function = ENERGIES[name]
    others = {"torch.func.hessian": torch.func.hessian(function)}
    compare(contest, HESSIANS, name, hessian(function, sparse=True), others, point(1000))


GLOBAL = {
    "stencil and two global terms": lambda x: stencil(x) * torch.exp(-(x**2).mean()) + x.logsumexp(0),
    "softmax": lambda x: x.softmax(0),
}


@pytest.mark.parametrize("name", GLOBAL)
def test_sparse_plus_low_rank(contest, name):
    function, x = GLOBAL[name], point(4000)
    prepared = jacobian(function, sparse="low-rank").prepare(x)
    calls = {OURS: prepared, "torch.func.jacfwd": torch.func.jacfwd(function), "torch.func.jacrev": torch.func.jacrev(function)}
    sparse, left, right = prepared(x)
    torch.testing.assert_close(sparse.to_dense() + left @ right, calls["torch.func.jacrev"](x), rtol=1e-3, atol=1e-6)
    timed = {who: lambda call=call: call(x) for who, call in calls.items()}
    contest("sparse plus low rank in PyTorch, 4,000 inputs", name, timed, rounds=5)
    contest.note(f"{name}: rank {left.shape[1]}, {sparse.values().numel():,} nonzeros")
