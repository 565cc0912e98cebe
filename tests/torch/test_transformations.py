"""Jacobians that are first asked for inside of a transformation of torch.func: planned there too."""

import pytest

from chainopt import ChainError


@pytest.fixture(scope="module")
def jacobian(torch):  # noqa: ARG001 -- chainopt.torch needs it
    from chainopt.torch import jacobian

    return jacobian


@pytest.fixture
def narrow(torch):
    source = torch.Generator().manual_seed(0)
    shapes = [(60, 40), (40, 3), (3, 40), (40, 50)]
    weights = [torch.randn(shape, generator=source, dtype=torch.float64) / 4 for shape in shapes]

    def function(x):
        for weight in weights:
            x = torch.tanh(x @ weight)
        return x

    return function


@pytest.mark.parametrize("transformation", ["vmap", "grad", "vmap of grad", "jvp", "jacfwd", "vmap with an argument"])
def test_planned_inside(torch, jacobian, narrow, transformation):
    x = torch.linspace(-1, 1, 60, dtype=torch.float64)
    points = torch.stack([x, 0.5 * x, -x])

    def transformed(jacobian_of):
        derivative = jacobian_of(narrow)
        with_argument = jacobian_of(lambda x, scale: narrow(x) * scale.sum())
        calls = {
            "vmap": lambda: torch.func.vmap(derivative)(points),
            "grad": lambda: torch.func.grad(lambda x: derivative(x).square().sum())(x),
            "vmap of grad": lambda: torch.func.vmap(torch.func.grad(lambda x: derivative(x).square().sum()))(points),
            "jvp": lambda: torch.func.jvp(derivative, (x,), (x,))[1],
            "jacfwd": lambda: torch.func.jacfwd(lambda x: derivative(x).sum(dim=1))(x),
            "vmap with an argument": lambda: torch.func.vmap(with_argument)(points, points),
        }
        return calls[transformation]()

    expected = transformed(torch.func.jacrev)
    for mode in ("planned", "auto"):
        torch.testing.assert_close(transformed(lambda function, mode=mode: jacobian(function, mode=mode)), expected)


def test_what_the_function_takes_from_outside(torch, jacobian, narrow):
    points = torch.stack([torch.linspace(-1, 1, 60, dtype=torch.float64), torch.ones(60, dtype=torch.float64)])

    def scaled(jacobian_of):
        return torch.func.vmap(lambda x, scale: jacobian_of(lambda z: narrow(z) * scale.sum())(x))(points, points)

    torch.testing.assert_close(scaled(jacobian), scaled(torch.func.jacrev))
    with pytest.raises(ChainError, match="cannot be planned"):
        scaled(lambda function: jacobian(function, mode="planned"))
