"""Patterns and values of random PyTorch programs: no nonzero of torch.func.jacrev is missing, at any of several points.

CHAINOPT_NIGHTLY=1 runs a thousand of them, and not forty.
"""

import os
import random

import numpy as np
import pytest
import torch
from torch.nn import functional

from chainopt import ChainError
from chainopt.torch import jacobian, sparsity

PROGRAMS = 1000 if os.environ.get("CHAINOPT_NIGHTLY") else 20
TOGETHER = 10  # in a test
SIZE = 12  # of what goes from step to step: 3 x 4, or 2 x 2 x 3
F64 = torch.float64


def steps_of(source):
    """Return steps that a program may take from a vector to a vector."""

    def numbers(*shape):
        return torch.randn(*shape, generator=source, dtype=F64)

    def places(count, below=SIZE):
        return torch.randint(below, (count,), generator=source)

    chosen, spread, mask = places(SIZE), torch.randperm(SIZE, generator=source), places(SIZE, 2) > 0
    kernel, band, few = numbers(1, 1, 3), torch.triu(torch.tril(numbers(SIZE, SIZE), 1), -1), numbers(4, 4)
    corners = places(15).reshape(5, 3)

    def written(x):
        made = torch.zeros_like(x)
        made[chosen[:3]] = x[:3] ** 2
        made[5:8] += x[4:7]
        made.view(3, 4)[:, 1].mul_(x[2])
        return made + x.roll(2)

    def assembled(x):
        return torch.zeros(SIZE, dtype=F64).index_put((corners,), x[corners] * x[corners].sum(1, keepdim=True), accumulate=True)

    def repeated(x):
        for _ in range(3):
            x = x + 0.1 * (x.roll(1) - x) * x
        return x

    def with_a_stack(x):
        a, b = x.reshape(2, 2, 3), torch.stack([x[:6], x[6:]], 1)
        return torch.cat([(a @ a.transpose(1, 2)).reshape(-1), b[:2].reshape(-1)]).index_select(0, spread[:8] % 12)[chosen % 8]

    return [
        lambda x: x.sin() * x.roll(3),
        lambda x: x[chosen],
        lambda x: torch.zeros(SIZE, dtype=F64).index_add(0, spread, x),
        lambda x: x.scatter_add(0, chosen, x.cos()),
        lambda x: torch.zeros(SIZE, dtype=F64).scatter(0, spread, x**2),
        lambda x: x.reshape(3, 4).gather(1, chosen.reshape(3, 4) % 4).reshape(-1),
        lambda x: torch.where(mask, x, x.flip(0)),
        lambda x: torch.where(x > 0.5, x, x.roll(1)),
        lambda x: x.masked_fill(mask, 0.5) + x.clamp(0.3, 0.7).flip(0),
        lambda x: x * mask + x.detach().roll(1) * x,
        lambda x: functional.conv1d(x[None, None], kernel, padding=1)[0, 0],
        lambda x: functional.conv1d(x.reshape(1, 2, 6), kernel.expand(2, 1, 3), padding=2, dilation=2, groups=2).reshape(-1),
        lambda x: functional.conv_transpose1d(x.reshape(1, 3, 4), kernel.expand(3, 3, 3), padding=1).reshape(-1),
        lambda x: functional.pad(x, (2, 1))[: SIZE] + functional.pad(x[None], (2, 0), mode="reflect")[0, :SIZE],
        lambda x: band @ x,
        lambda x: (x.reshape(3, 4) @ few).reshape(-1),
        lambda x: torch.einsum("ij,kj->ikj", x.reshape(3, 4), few).sum(1).reshape(-1),
        lambda x: x.reshape(3, 4).cumsum(0).reshape(-1),
        lambda x: x.reshape(3, 4).cumprod(1).reshape(-1),
        lambda x: functional.softmax(x.reshape(3, 4), 1).reshape(-1),
        lambda x: functional.layer_norm(x.reshape(4, 3), (3,)).reshape(-1),
        lambda x: (x.reshape(3, 4) / x.reshape(3, 4).norm(dim=1, keepdim=True)).reshape(-1),
        lambda x: (x.reshape(2, 2, 3) - x.reshape(2, 2, 3).mean((0, 1))).reshape(-1),
        lambda x: x.reshape(3, 4).sort(1).values.T.reshape(-1),
        lambda x: x.reshape(3, 4).topk(2, 1).values.repeat(1, 2).reshape(-1),
        lambda x: x.reshape(4, 3).amax(1).repeat_interleave(3) + x,
        lambda x: functional.max_pool1d(x[None], 3, stride=1, padding=1)[0],
        lambda x: functional.avg_pool2d(x.reshape(1, 3, 4), 3, stride=1, padding=1).reshape(-1),
        lambda x: torch.fft.irfft(torch.fft.rfft(x.reshape(3, 4)), n=4).reshape(-1),
        lambda x: torch.linalg.inv(x.reshape(3, 2, 2) + 3 * torch.eye(2, dtype=F64)).reshape(-1),
        lambda x: (torch.tril(x.reshape(3, 4)) + torch.diag_embed(x.reshape(3, 4)).diagonal(dim1=1, dim2=2)).reshape(-1),
        lambda x: x.unfold(0, 4, 4).prod(1).repeat(4) * x,
        lambda x: torch.cat([part.flip(0) for part in x.split([5, 4, 3])]),
        lambda x: x * x.round() + torch.floor(x).roll(1) + x.argmax(),
        lambda x: torch.lerp(x, x.roll(1), x.flip(0)) + torch.addcmul(x, x.roll(2), x),
        lambda x: x + x.reshape(3, 4).permute(1, 0).contiguous().view(-1),
        written,
        assembled,
        repeated,
        with_a_stack,
    ]  # fmt: skip


def program(seed):
    chance, source = random.Random(seed), torch.Generator().manual_seed(seed)
    steps = chance.choices(steps_of(source), k=chance.choice([1, 1, 2, 2, 3]))

    def function(x):
        for step in steps:
            x = step(x)
        return x

    return function


@pytest.mark.parametrize("first", range(0, PROGRAMS, TOGETHER))
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # which torch.func itself says
def test_patterns_and_values(first):
    for seed in range(first, first + TOGETHER):
        function = program(seed)
        points = [torch.rand(SIZE, generator=torch.Generator().manual_seed(seed + shift), dtype=F64) + 0.1 for shift in range(3)]
        dense = [torch.func.jacrev(function)(point) for point in points]
        pattern = sparsity(function, points[0])
        assert pattern.shape == (SIZE, SIZE)
        for matrix in dense:
            assert not (matrix.numpy() != 0)[~pattern.toarray()].any(), seed
        derivative = jacobian(function, sparse=True)
        try:
            found = [derivative(point) for point in points]
        except ChainError:
            assert pattern.nnz > SIZE * SIZE / 4, seed
            continue
        for mine, theirs in zip(found, dense, strict=True):
            assert mine.is_coalesced()
            np.testing.assert_allclose(mine.to_dense(), theirs, rtol=1e-10, atol=1e-11, err_msg=str(seed))
