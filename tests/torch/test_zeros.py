"""Programs in PyTorch without the zeros that are the tangents of constants."""

import pytest

torch = pytest.importorskip("torch")

from chainopt.torch import hessian, jacobian  # noqa: E402
from chainopt.torch.zeros import without_zeros  # noqa: E402


def recorded(derivative):
    """Return the graphs that a callable has recorded."""
    return [graph for strategy in derivative._strategies.known.values() for graph in strategy.prepared.recorded.values()]


def products(graph):
    return [node for node in graph.graph.nodes if node.target in {torch.ops.aten.mm.default, torch.ops.aten.mv.default}]


def test_a_hessian_multiplies_by_no_zeros():
    first, second = torch.randn(60, 3, dtype=torch.float64), torch.randn(3, 40, dtype=torch.float64)

    def function(x):
        return torch.tanh(torch.tanh(x @ first) @ second).sum()

    derivative, x = hessian(function, mode="planned"), torch.randn(60, dtype=torch.float64)
    torch.testing.assert_close(derivative(x), torch.func.hessian(function)(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(derivative(2 * x), torch.func.hessian(function)(2 * x), rtol=1e-12, atol=1e-12)
    (graph,) = recorded(derivative)
    made = [node for node in graph.graph.nodes if node.target is torch.ops.aten.zeros.default and node.args[0] == []]
    read = [user for node in made for expanded in node.users for user in expanded.users]
    assert not {node.target for node in read} & {torch.ops.aten.mm.default, torch.ops.aten.mv.default}
    assert products(graph)


def test_zeros_of_the_functions_own_stay():
    weight = torch.randn(4, 3)

    def function(x):
        return torch.tanh(x @ weight) @ (x.new_zeros(()) + torch.zeros(()) * x[0]).expand(3, 5)

    x = torch.tensor([float("inf"), 1.0, 2.0, 3.0])
    expected = torch.func.jacrev(function)(x)
    assert expected.isnan().any()
    torch.testing.assert_close(jacobian(function, mode="planned")(x), expected, equal_nan=True)


def program():
    """Return a graph in which a product with zeros is added, once to a tensor of its shape and once to a narrower one."""

    def function(x, weight):
        zeros = torch.ops.aten.zeros.default([], dtype=x.dtype)
        product = torch.mm(x, zeros.expand(weight.shape))
        return [torch.mm(x, weight) + product, x[:1, :1].expand(1, 1) + product]

    return torch.fx.experimental.proxy_tensor.make_fx(function)(torch.randn(2, 3), torch.randn(3, 4))


@pytest.mark.parametrize("names", [frozenset(), frozenset({"aten.mm.default+aten.zeros.default"})])
def test_a_sum_stays_where_it_gives_the_shape_or_the_zeros_are_the_functions(names):
    graph, x, weight = program(), torch.randn(2, 3), torch.randn(3, 4)
    expected, before = graph(x, weight), len(products(graph))
    without_zeros(graph.graph, names)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    for one, other in zip(graph(x, weight), expected, strict=True):
        torch.testing.assert_close(one, other)
    sums = sum(node.target is torch.ops.aten.add.Tensor for node in graph.graph.nodes)
    assert (sums, len(products(graph))) == ((2, before) if names else (1, before))
