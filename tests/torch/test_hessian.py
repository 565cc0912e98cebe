"""Hessians of PyTorch functions: against torch.func.hessian, in all the ways in which people call it."""

import math
from itertools import pairwise

import numpy as np
import pytest

from chainopt import ChainError


@pytest.fixture(scope="module")
def hessian(torch):  # noqa: ARG001 -- chainopt.torch needs it
    from chainopt.torch import hessian

    return hessian


def values(torch, seed, *shape):
    return torch.as_tensor(np.random.default_rng(seed).standard_normal(shape))


def network(torch, *sizes):
    weights = [values(torch, number, *shape) / math.sqrt(shape[0]) for number, shape in enumerate(pairwise(sizes))]

    def function(x):
        for weight in weights:
            x = torch.tanh(x @ weight)
        return x

    return function


def assert_same(torch, one, other, tolerance=1e-11):
    left, right = torch.utils._pytree.tree_flatten(one), torch.utils._pytree.tree_flatten(other)
    assert left[1] == right[1]
    for mine, theirs in zip(left[0], right[0], strict=True):
        assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
        scale = max(float(theirs.detach().abs().max()), 1e-30)
        np.testing.assert_allclose(mine.detach(), theirs.detach(), rtol=0, atol=tolerance * scale)


@pytest.fixture
def narrow(torch):
    """A loss of three features of thirty inputs, with a point."""
    net, weights = network(torch, 3, 40, 40, 1), values(torch, 9, 30, 3) / 5
    return (lambda x: net(x @ weights)[0]), values(torch, 8, 30)


def functions(torch):
    design, labels = values(torch, 1, 20, 6), (values(torch, 2, 20) > 0).double()
    wide, kernel = network(torch, 6, 3, 5), values(torch, 3, 2, 1, 2, 2)
    unary = torch.nn.functional
    names = ["relu", "gelu", "silu", "elu", "softplus", "leaky_relu", "hardtanh", "mish", "hardswish", "logsigmoid"]

    def activated(name):
        return lambda x: (getattr(unary, name)(wide(x) * 3) ** 2).sum()

    def in_place(x):
        y = x.sin()
        y[1:].mul_(2.0)
        return (y * x).sum()

    def symmetric(x):
        return torch.outer(x, x) + 2 * torch.eye(6, dtype=x.dtype)

    return {
        **{name: activated(name) for name in names},
        "Rosenbrock": lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(),
        "a quadratic form": lambda x: x @ design.T @ design @ x,
        "logsumexp": lambda x: torch.logsumexp(x, 0),
        "logistic regression": lambda x: unary.binary_cross_entropy_with_logits(design @ x, labels),
        "cross entropy": lambda x: unary.cross_entropy(design @ torch.outer(x, x), torch.arange(20) % 6),
        "mean squares": lambda x: unary.mse_loss(torch.tanh(design @ x), labels),
        "layer norm": lambda x: (unary.layer_norm(symmetric(x), (6,)) ** 3).sum(),
        "batch norm in training": lambda x: (unary.batch_norm(symmetric(x), None, None, training=True) ** 3).sum(),
        "a convolution": lambda x: torch.tanh(unary.conv2d(symmetric(x)[None, None], kernel)).square().sum(),
        "a kernel that is convolved with": lambda x: unary.conv1d(x[None, None], x[None, None, :2] ** 2).square().sum(),
        "pooling": lambda x: (unary.max_pool2d(symmetric(x)[None], 2) + unary.avg_pool2d(symmetric(x)[None], 2)).square().sum(),
        "a softmax": lambda x: (torch.softmax(x, 0) * torch.log_softmax(x * x, 0)).sum(),
        "a norm": lambda x: (design @ x).norm(),
        "a product": torch.prod,
        "a product with a zero": lambda x: (x * (x > 0)).prod() + (x - x[0]).prod(),
        "pieces": lambda x: (x.split(2)[1] * x.unbind()[0] * x.chunk(3)[2]).sum(),
        "a determinant": lambda x: torch.logdet(symmetric(x)),
        "a solution": lambda x: torch.linalg.solve(symmetric(x), x).square().sum(),
        "an inverse": lambda x: torch.linalg.inv(symmetric(x)).sum(),
        "eigenvalues": lambda x: torch.linalg.eigvalsh(symmetric(x)).pow(3).sum(),
        "in place": in_place,
        "sorted": lambda x: (x.sort()[0] * x.cumsum(0) * x.amax()).sum(),
        "a branch": lambda x: (x**3).sum() if x.sum() > 0 else x.sin().sum(),
        "a detached factor": lambda x: (x.detach() * x**2).sum(),
        "a gradient inside": lambda x: torch.func.grad(lambda y: (y**4).sum())(x).sin().sum(),
        "complex inside": lambda x: torch.fft.rfft(x).abs().square().sum(),
        "linear": lambda x: x.sum() * 2,
        "a result of one entry": lambda x: (x**3).sum()[None],
        "several results": wide,
        "a dict of results": lambda x: {"loss": (x**4).sum(), "features": wide(x)},
    }


@pytest.mark.parametrize("name", [*functions(pytest.importorskip("torch"))])
def test_any_function(torch, hessian, name):
    function = functions(torch)[name]
    points = values(torch, 3, 6), values(torch, 4, 6)
    for mode in ("auto", "planned"):
        ours = hessian(function, mode=mode)
        try:
            for point in (*points, points[0]):
                assert_same(torch, ours(point), torch.func.hessian(function)(point))
        except ChainError:  # which is an answer where a plan is demanded
            assert mode == "planned"


@pytest.mark.parametrize("name", ["gelu", "elu", "silu", "softplus", "pieces", "a softmax", "a norm", "a convolution"])
def test_derivatives_of_a_hessian_that_was_recorded(torch, hessian, name):
    function, x = functions(torch)[name], values(torch, 3, 6)
    ours = hessian(function)
    ours(x)
    expected = torch.func.jacrev(lambda x: torch.func.jacrev(torch.func.jacrev(function))(x).sin().sum())(x)
    assert_same(torch, torch.func.grad(lambda x: ours(x).sin().sum())(x), expected, 1e-8)
    variable = x.clone().requires_grad_()
    ours(variable).sin().sum().backward()
    assert_same(torch, variable.grad, expected, 1e-8)


def test_a_narrow_loss_is_planned(torch, hessian, narrow):
    function, x = narrow
    for mode in ("auto", "planned"):
        ours = hessian(function, mode=mode)
        assert ours.plan(x).mode == "hybrid"
        for point in (x, x.flip(0), x):
            assert_same(torch, ours(point), torch.func.hessian(function)(point))


def test_it_is_traced_without_an_axis_for_one_row(hessian, narrow):
    function, x = narrow
    ours = hessian(function, mode="planned")
    ours(x)
    (strategy,) = ours._strategies.known.values()
    assert {len(variable.shape) for variable in strategy.prepared.program.trace.variables.values()} <= {0, 1, 2}


@pytest.mark.parametrize("mode", ["auto", "planned"])
def test_batches(torch, hessian, narrow, mode):
    function, x = narrow
    batch = torch.stack([x, x.flip(0)])
    ours = hessian(function, mode=mode)
    expected = torch.func.vmap(torch.func.hessian(function))(batch)
    assert_same(torch, torch.func.vmap(ours)(batch), expected)
    ours(x)
    assert_same(torch, torch.func.vmap(ours)(batch), expected)


@pytest.mark.parametrize("mode", ["auto", "planned"])
def test_pytrees_and_positions(torch, hessian, mode):
    def loss(parameters, data):
        return (torch.tanh(data @ parameters["w"] + parameters["b"][0]) * parameters["b"][1]).sum()

    parameters = {"w": values(torch, 1, 20, 2), "b": (values(torch, 2, 2), values(torch, 3, 2))}
    data = values(torch, 4, 20)
    for argnums, positive in [(0, 0), (1, 1), (-1, 1), ((0, 1), (0, 1)), ((1, 0), (1, 0)), ((0, -1), (0, 1))]:
        ours, own = hessian(loss, argnums, mode=mode), torch.func.hessian(loss, positive)  # which makes zeros of -1
        assert_same(torch, ours(parameters, data), own(parameters, data))


def test_a_module_by_its_parameters(torch, hessian):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1)).double()
    data = values(torch, 1, 5, 3)

    def loss(parameters):
        return torch.func.functional_call(module, parameters, (data,)).square().mean()

    parameters = {name: parameter.detach() for name, parameter in module.named_parameters()}
    assert_same(torch, hessian(loss)(parameters), torch.func.hessian(loss)(parameters))


@pytest.mark.parametrize("mode", ["auto", "planned"])
def test_weights_that_change(torch, hessian, mode):
    layer, x = torch.nn.Linear(30, 2).double(), values(torch, 1, 30)

    def loss(x):
        return torch.tanh(layer(x)).sum() ** 2

    ours = hessian(loss, mode=mode)
    for _ in range(2):
        assert_same(torch, ours(x), torch.func.hessian(loss)(x))
        with torch.no_grad():
            layer.weight.mul_(2.0)
    layer.weight = torch.nn.Parameter(values(torch, 2, 2, 30))
    assert_same(torch, ours(x), torch.func.hessian(loss)(x))


def test_a_linear_function_of_trained_weights_has_a_hessian_that_is_constant(torch, hessian):
    weights = values(torch, 1, 4).requires_grad_()
    weights.data[0] = math.inf  # which is not multiplied by a zero
    for function in (lambda x: weights @ x, lambda x: (weights * x).sum(), lambda x: weights @ x + (x[:2] ** 2).sum()):
        ours, theirs = hessian(function), torch.func.hessian(function)(values(torch, 2, 4))
        for _ in range(4):
            assert_same(torch, ours(values(torch, 2, 4)), theirs)
            assert ours(values(torch, 2, 4)).requires_grad == theirs.requires_grad


@pytest.mark.parametrize("mode", ["auto", "planned"])
def test_auxiliary_data(torch, hessian, narrow, mode):
    function, x = narrow
    got, aux = hessian(lambda x: (function(x), {"twice": 2 * x}), has_aux=True, mode=mode)(x)
    assert_same(torch, got, torch.func.hessian(function)(x))
    assert_same(torch, aux, {"twice": 2 * x})


def test_rules_of_the_users_own(torch, hessian):
    class Doubled(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return torch.sin(x)

        @staticmethod
        def setup_context(ctx, inputs, output):  # noqa: ARG004 -- PyTorch's signature
            ctx.save_for_backward(inputs[0])

        @staticmethod
        def backward(ctx, cotangent):
            return 2 * cotangent * torch.cos(ctx.saved_tensors[0])

    x = values(torch, 1, 5)

    def loss(x):
        return (Doubled.apply(x) * x).sum()

    with pytest.raises(RuntimeError, match="jvp"):
        torch.func.hessian(loss)(x)
    assert_same(torch, hessian(loss)(x), torch.func.jacrev(torch.func.jacrev(loss))(x))
    with pytest.raises(ChainError, match="rule of its own"):
        hessian(loss, mode="planned")(x)


def test_dtypes_are_those_of_torch(torch, hessian):
    x, y = values(torch, 1, 30).float(), values(torch, 2, 30)
    got, expected = (made(lambda a, b: torch.tanh(a.double() @ b) ** 2, (0, 1))(x, y) for made in (hessian, torch.func.hessian))
    assert [[block.dtype for block in row] for row in got] == [[block.dtype for block in row] for row in expected]


def test_errors(torch, hessian):
    with pytest.raises(ChainError, match="holomorphic is True: PyTorch has no such derivative"):
        hessian(torch.sum, holomorphic=True)
    with pytest.raises(ChainError, match="randomness is 'sme': give one of 'error', 'same', 'different'"):
        hessian(torch.sum, randomness="sme")
    with pytest.raises(ValueError, match="floating point") as expected:
        torch.func.hessian(torch.sum)(torch.arange(3))
    with pytest.raises(ValueError, match="floating point") as raised:
        hessian(torch.sum)(torch.arange(3))
    assert str(raised.value) == str(expected.value)
