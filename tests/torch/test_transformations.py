"""Jacobians that are first asked for inside of a transformation of torch.func: planned there too, from the second call on."""

import pytest

from chainopt import ChainError
from chainopt.functions import strategies


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


@pytest.mark.usefixtures("first_calls_left")
@pytest.mark.parametrize("is_fresh", [False, True])
def test_what_is_refused_inside_is_traced_once(torch, jacobian, traced, is_fresh, monkeypatch):
    monkeypatch.setattr(strategies, "ENOUGH_SECONDS", 0.0)
    points = torch.linspace(-1, 1, 12).reshape(3, 4)

    def made():
        return jacobian(lambda x: x.detach() * x.sin())

    derivative, expected = made(), torch.stack([torch.diag(x * x.cos()) for x in points])
    for _ in range(5):
        torch.testing.assert_close(torch.func.vmap(made() if is_fresh else derivative)(points), expected)
    assert len(traced) == 1
    for _ in range(3):  # what was refused inside may be possible outside
        derivative(points[0])
    assert len(traced) == 2


@pytest.mark.usefixtures("first_calls_left")
def test_the_first_call_inside_is_the_librarys_and_the_second_is_planned(torch, jacobian, narrow, traced):
    points = torch.linspace(-1, 1, 120, dtype=torch.float64).reshape(2, 60)
    derivative = jacobian(narrow)
    for expected in (0, 1, 1):
        torch.testing.assert_close(torch.func.vmap(derivative)(points), torch.func.vmap(torch.func.jacrev(narrow))(points))
        assert len(traced) == expected
