"""Recorded programs of PyTorch's, without what is computed twice: the same values, and memory is shared as before."""

import itertools
import random

import pytest

torch = pytest.importorskip("torch")

from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402

from chainopt.torch import jacobian, value_and_jacobian  # noqa: E402
from chainopt.torch.repeats import without_repeats  # noqa: E402


def shortened(function, *args):
    """Return a function as a graph, and the same without repeats."""
    graph, shorter = make_fx(function)(*args), make_fx(function)(*args)
    without_repeats(shorter.graph)
    shorter.graph.eliminate_dead_code(lambda node: node.is_impure())
    shorter.recompile()
    return graph, shorter


def operators(graph):
    return [node.target for node in graph.graph.nodes if node.op == "call_function"]


def sharing(tensors):
    """Return which pairs of tensors share memory."""
    return [
        one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
        for one, other in itertools.combinations(tensors, 2)
    ]


def written(x):
    y = x.sin()
    z = x.sin()
    z += 1
    return [y.exp(), z.exp(), (x.sin() * 2).exp()]


def written_through_a_view(x):
    y, z = torch.zeros(4, dtype=x.dtype), torch.zeros(4, dtype=x.dtype)
    z.view(2, 2)[0].add_(x[:2])
    return [y + x, z + x, torch.zeros(4, dtype=x.dtype) - x]


def read_before_and_after(x):
    y = x.clone()
    before = y.sin()
    y.view(2, 2)[0].add_(1)
    return [before * 2, y.sin() * 2, y.sin() * 3]


def products_returned(x):
    y, matrix = x.view(1, 2, 2), torch.ones(2, 3, dtype=x.dtype)
    return [y @ matrix, y @ matrix, (y @ matrix).view(6)]


def a_product_written(x):
    y, matrix = x.view(1, 2, 2), torch.ones(2, 3, dtype=x.dtype)
    z = y @ matrix
    z += 1
    return [z * 2, (y @ matrix) * 2]


def reshaped_in_place(x):
    y = x.clone()
    z = y.view(2, 2).view(4)
    z.unsqueeze_(0)
    return [y + z, y * 1]


def returned_twice(x):
    return [x.sin(), x.sin(), x.sin() * 2]


def returned_views(x):
    y = x.view(2, 2)
    return [y.t().t(), y.view(4), x.view(4), x]


def filled(x):
    return [torch.ones_like(x) * x, torch.ones_like(x.exp()) + x.float(), torch.ones_like(x.float()) + x, torch.zeros_like(x) + x]


def scalars(x):
    return [x * 1, x * 1.0, x * True, x + 0.0, x + -0.0, torch.atan2(x * 0.0, x - 9), torch.atan2(x * -0.0, x - 9)]


def axes(x):
    y = x.view(1, 2, 2)
    return [
        y.transpose(1, 2).transpose(-1, -2) + 1,
        y.transpose(0, 1).transpose(1, 2) + 1,
        y[0].t().transpose(0, 1) + 1,
        y[0].t().t().t() + 1,
        y.view(2, 2).view(4).view(2, 2).t() + 1,
    ]


FUNCTIONS = [
    *(written, written_through_a_view, read_before_and_after, a_product_written, reshaped_in_place),
    *(returned_twice, returned_views, products_returned, filled, scalars, axes),
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_same_values_and_the_same_sharing(function):
    x = torch.tensor([0.3, -1.0, 2.0, 0.0], dtype=torch.float64)
    graph, shorter = shortened(function, x)
    for point in (x, 2 * x, -x):
        kept = point.clone()
        found, expected = shorter(point), graph(point)
        assert sharing(found) == sharing(expected)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype
            torch.testing.assert_close(one, other, rtol=0, atol=0)
            torch.testing.assert_close(1 / one, 1 / other, rtol=0, atol=0)  # signs of zeros
        torch.testing.assert_close(point, kept)
    assert len(operators(shorter)) <= len(operators(graph))


def test_what_is_drawn_is_drawn_each_time():
    def function(x):
        return [x + torch.rand(4), x + torch.rand(4), torch.dropout(x, 0.5, train=True), torch.dropout(x, 0.5, train=True)]

    graph, shorter = shortened(function, torch.ones(4))
    torch.manual_seed(3)
    expected = graph(torch.ones(4))
    torch.manual_seed(3)
    for one, other in zip(shorter(torch.ones(4)), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert not torch.equal(expected[0], expected[1])


def random_function(seed):
    """Return a function of random operators, many of them repeated, some of which write."""
    chance = random.Random(seed)
    steps = [
        torch.sin,
        torch.ones_like,
        lambda y: y.t(),
        lambda y: y.transpose(-1, -2),
        lambda y: y.view(9).view(3, 3) if y.is_contiguous() else y.clone(),
        lambda y: y.clone().add_(1),
        lambda y: torch.zeros(3, 3, dtype=y.dtype).copy_(y),
        lambda y: y.mul(2),
        lambda y: y.mul(2.0),
    ]
    pairs = [torch.add, torch.mm, torch.mul, lambda one, other: one.clone().fill_(1).mul_(other)]
    plan = [
        (chance.random(), chance.randrange(len(steps)), chance.randrange(len(pairs)), chance.random(), chance.random())
        for _ in range(20)
    ]

    def function(x):
        held = [x.clone()]
        for kind, step, pair, first, second in plan:
            one, other = held[int(first * len(held))], held[int(second * len(held))]
            if kind < 0.1:
                one.add_(0.5)
            else:
                held.append(torch.tanh(pairs[pair](one, other)) if kind < 0.4 else steps[step](one))
        return held[1:]

    return function


@pytest.mark.parametrize("start", range(0, 100, 25))
def test_random_programs(start):
    for seed in range(start, start + 25):
        x = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        graph, shorter = shortened(random_function(seed), x)
        found, expected = shorter(x), graph(x)
        assert sharing(found) == sharing(expected), f"seed {seed}"
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0, msg=f"seed {seed}")


def test_a_recorded_jacobian_computes_nothing_twice():
    layers = [torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Tanh()) for _ in range(4)]
    model, x = torch.nn.Sequential(*layers).double(), torch.randn(6, dtype=torch.float64)
    derivative = jacobian(model)
    for point in (x, x, -x):
        torch.testing.assert_close(derivative(point), torch.func.jacrev(model)(point), rtol=1e-12, atol=1e-12)
    (strategy,) = derivative._strategies.known.values()
    (graph,) = strategy.prepared.recorded.values()
    counts = operators(graph)
    assert counts.count(torch.ops.aten.tanh.default) == 4
    assert counts.count(torch.ops.aten.mm.default) == 4
    assert torch.ops.aten.transpose.int not in counts


def test_equal_values_share_no_memory():
    matrix = torch.randn(2, 4, dtype=torch.float64)

    def function(x):
        return x.view(1, 2, 2) @ matrix, x.view(1, 2, 2) @ matrix

    both = value_and_jacobian(function)
    for point in torch.randn(4, 4, dtype=torch.float64):
        (one, other), _ = both(point)
        one += 1
        torch.testing.assert_close(other, function(point)[0])
    assert all(strategy.prepared.recorded for strategy in both._strategies.known.values())


def test_a_long_function_in_a_pure_mode_is_left_to_the_library(monkeypatch):
    from chainopt.torch.backend import TorchBackend

    def function(x):
        for _ in range(8):
            x = torch.sin(x) * x.sum()
        return x

    x = torch.randn(3, dtype=torch.float64)
    for most, is_recorded in ((10, False), (100, True)):
        monkeypatch.setattr(TorchBackend, "most_recorded", most)
        derivative = jacobian(function)
        for point in (x, x, -x):
            torch.testing.assert_close(derivative(point), torch.func.jacrev(function)(point))
        (strategy,) = derivative._strategies.known.values()
        assert bool(strategy.prepared.recorded) is is_recorded
        assert derivative.plan(x).mode in {"forward", "reverse"}
