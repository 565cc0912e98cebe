"""Jacobians of random PyTorch programs, planned and called again and again, against torch.func.jacrev in double precision.

CHAINOPT_NIGHTLY=1 runs a thousand of them, and not two hundred.
"""

import os
import random

import pytest

PROGRAMS = 1000 if os.environ.get("CHAINOPT_NIGHTLY") else 200
TOGETHER = 10  # in a test


def steps_of(torch, source, size):
    """Return steps that a program may take from a vector of a size, and the sizes of their results."""

    def numbers(*shape):
        return torch.randn(*shape, generator=source, dtype=torch.float64)

    def places(count, below):
        return torch.randint(below, (count,), generator=source)

    rows = int(places(1, 8)) + 1
    matrix, square, offset = numbers(size, rows), numbers(size, size) / size, numbers(size)
    chosen, spread = places(4, size), torch.randperm(size + 2, generator=source)[:size]

    def solved(x):
        return torch.linalg.solve(3 * torch.eye(size, dtype=x.dtype) + torch.outer(x, x), x)

    def written(x):
        made = torch.zeros(size + 1, dtype=x.dtype)
        made[1:] += x
        made[0] = x.sum()
        return made.mul_(0.5)

    def through_a_view(x):
        made = torch.cat([x, x]).sin()
        made.view(2, size)[1].mul_(2)
        return made

    def repeated(x):
        for _ in range(4):
            x = torch.tanh(x @ square)
        return x

    return [
        (lambda x: x @ matrix, rows),
        (torch.tanh, size),
        (lambda x: x[: (size + 1) // 2], (size + 1) // 2),
        (lambda x: torch.cat([x, x.sin()])[: size + 5], min(2 * size, size + 5)),
        (lambda x: x + torch.tanh(x @ square), size),
        (lambda x: x.sort().values, size),
        (lambda x: x.cumsum(0) / size, size),
        (lambda x: x[chosen], 4),
        (lambda x: torch.zeros(size + 2, dtype=x.dtype).index_add(0, spread, x), size + 2),
        (lambda x: torch.zeros(size + 2, dtype=x.dtype).scatter(0, spread, x.cos()), size + 2),
        (lambda x: torch.where(x > 0, x, x**3), size),
        (lambda x: x / torch.sqrt(1 + x @ x), size),
        (lambda x: x * offset.flip(0), size),
        (lambda x: torch.softmax(x, 0), size),
        (lambda x: x * x.sum() / size - x[0], size),
        (repeated, size),
        (lambda x: x * torch.argmax(x) / size + torch.floor(x), size),
        (lambda x: x[:, None].expand(size, 2).reshape(2, size).prod(0), size),
        (lambda x: torch.outer(x, offset).diagonal() + torch.outer(x, x).mean(1), size),
        (lambda x: torch.nn.functional.layer_norm(x, (size,)) if size > 2 else x.sin(), size),
        (lambda x: torch.nn.functional.conv1d(x[None, None], offset[None, None, :1])[0, 0], size),
        (lambda x: torch.fft.irfft(torch.fft.rfft(x) * 0.5, n=size), size),
        (lambda x: x.detach().sin() * x, size),
        (lambda x: x.clamp(-1, 1).roll(1), size),
        (solved, size),
        (written, size + 1),
        (through_a_view, 2 * size),
    ]


def program(torch, seed):
    chance, source = random.Random(seed), torch.Generator().manual_seed(seed)
    size = first = chance.choice([1, 2, 5, 12])
    steps = []
    for _ in range(chance.randint(2, 8)):
        step, size = chance.choice([(step, to) for step, to in steps_of(torch, source, size) if to <= 40])
        steps.append(step)
    branches = chance.random() < 0.3
    skips = chance.random() < 0.3

    def function(x):
        y = x
        for step in steps:
            y = step(y)
        if branches:
            y = torch.cat([y, steps[0](x) ** 2])
        return x + y if skips and y.shape == x.shape else y

    return function, torch.randn(2, first, generator=source, dtype=torch.float64)


@pytest.mark.parametrize("start", range(0, PROGRAMS, TOGETHER))
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # which torch.func itself says
def test_equal_to_jacrev(torch, start):
    from chainopt import ChainError
    from chainopt.torch import jacobian

    for seed in range(start, start + TOGETHER):
        function, points = program(torch, seed)
        derivative = jacobian(function, mode="planned" if seed % 2 else "auto")
        for point in (points[0], points[1], points[0]):
            expected = torch.func.jacrev(function)(point)
            try:
                found = derivative(point)
            except ChainError:
                assert seed % 2, f"seed {seed}"
                break
            atol = 1e-10 * max(float(expected.abs().max()), 1.0)
            torch.testing.assert_close(found, expected, rtol=0, atol=atol, msg=f"seed {seed}")
