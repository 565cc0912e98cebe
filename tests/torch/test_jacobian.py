"""Jacobians of PyTorch functions: against torch.func.jacfwd and jacrev, in the ways in which people call them."""

import functools
import math
from itertools import pairwise

import numpy as np
import pytest

from chainopt import ChainError


@pytest.fixture(scope="module")
def jacobian(torch):  # noqa: ARG001 -- chainopt.torch needs it
    from chainopt.torch import jacobian

    return jacobian


def network(torch, *sizes):
    rng = np.random.default_rng(0)
    weights = [torch.as_tensor(rng.standard_normal(shape) / math.sqrt(shape[0])) for shape in pairwise(sizes)]

    def function(x):
        for weight in weights:
            x = torch.tanh(x @ weight.to(x.dtype))
        return x

    return function


def assert_same(torch, one, other, tolerance=1e-12):
    left, right = torch.utils._pytree.tree_flatten(one), torch.utils._pytree.tree_flatten(other)
    assert left[1] == right[1]
    for mine, theirs in zip(left[0], right[0], strict=True):
        assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
        scale = max(float(theirs.detach().abs().max()), 1e-30) if theirs.numel() else 1.0
        np.testing.assert_allclose(mine.detach(), theirs.detach(), rtol=0, atol=tolerance * scale)


def functions(torch):
    x = torch.as_tensor(np.random.default_rng(1).standard_normal(40))
    into, out = network(torch, 40, 30, 3), network(torch, 3, 30, 40)
    one, two = network(torch, 40, 30, 2, 30, 50), network(torch, 40, 20, 3, 20, 30)

    def in_place(x):
        y = torch.zeros(40, dtype=x.dtype)
        y[1:] += x[:-1]
        y *= 2
        return out(into(y))

    def by_roll(x):
        for _ in range(3):
            x = x - 0.1 * x * (x - torch.roll(x, 1))
        return x

    return {
        "hourglass": (lambda x: out(into(x)), x),
        "steps around a narrow place": (lambda x: by_roll(out(into(by_roll(x)))), x),
        "two branches": (lambda x: torch.cat([one(x), two(x)]), x),
        "a skip over everything": (lambda x: x + out(into(x)), x),
        "a scaled skip": (lambda x: torch.add(x, out(into(x)), alpha=2), x),
        "a skip of what is scaled": (lambda x: torch.sub(x, out(into(x)), alpha=3), x),
        "in place": (in_place, x),
        "an argmax of what is computed": (lambda x: out(into(x)) * torch.argmax(into(x)), x),
        "an output that is an input": (lambda x: {"x": x * 1, "y": out(into(x))}, x),
        "an output that is constant": (lambda x: (out(into(x)), torch.ones(3, dtype=x.dtype)), x),
        "a scalar": (lambda x: (out(into(x)) ** 2).sum(), x),
        "sorting": (lambda x: torch.sort(out(into(x))).values, x),
        "several results of an operator": (lambda x: torch.nn.functional.layer_norm(out(into(x)), (40,)), x),
        "softmax": (lambda x: torch.softmax(out(into(x)), 0), x),
    }


NAMES = [
    "hourglass",
    "steps around a narrow place",
    "two branches",
    "a skip over everything",
    "a scaled skip",
    "a skip of what is scaled",
    "in place",
    "an argmax of what is computed",
    "an output that is an input",
    "an output that is constant",
    "a scalar",
    "sorting",
    "several results of an operator",
    "softmax",
]


@pytest.mark.parametrize("name", NAMES)
def test_equal_to_torch(torch, jacobian, name):
    function, x = functions(torch)[name]
    expected = torch.func.jacrev(function)(x)
    for mode in ("auto",) if name == "in place" else ("planned", "auto", "reverse"):
        assert_same(torch, jacobian(function, mode=mode)(x), expected)
    single = x.to(torch.float32)
    assert_same(torch, jacobian(function)(single), torch.func.jacrev(function)(single), 1e-5)
    assert jacobian(function, mode="planned").plan(x).chain.shapes[-1][1] == x.numel()


def test_modules_and_their_training(torch, jacobian):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(30, 30), torch.nn.Tanh(), torch.nn.Linear(30, 2), torch.nn.Dropout(0.5), torch.nn.Linear(2, 30)
    ).double()
    x = torch.linspace(0, 1, 30, dtype=torch.float64)
    model.eval()
    derivative = jacobian(model, mode="planned")
    assert_same(torch, derivative(x), torch.func.jacrev(model)(x))
    assert 2 in derivative.plan(x).chain.dims
    with torch.no_grad():
        model[0].weight *= 0.5  # seen, though the function is traced once
    assert_same(torch, derivative(x), torch.func.jacrev(model)(x))
    model.train()
    with pytest.raises(ChainError, match="it draws random numbers"):
        derivative(x)


def test_pytrees_arguments_and_auxiliary_data(torch, jacobian):
    narrow = network(torch, 30, 2, 30)

    def function(params, x, *, scale=1.0):
        hidden = narrow(params["w"].ravel() * scale + x.sum())
        return {"out": hidden.reshape(5, 6), "both": (hidden[:3], params["b"] * 2)}

    rng = np.random.default_rng(2)
    params = {"w": torch.as_tensor(rng.standard_normal((6, 5))), "b": torch.as_tensor(rng.standard_normal(4))}
    x = torch.as_tensor(rng.standard_normal(7))
    for argnums in (0, 1, (0,), (0, 1)):
        for mode in ("auto", "planned"):
            assert_same(torch, jacobian(function, argnums, mode=mode)(params, x), torch.func.jacrev(function, argnums)(params, x))
    scaled = torch.func.jacrev(lambda params, x: function(params, x, scale=3.0))(params, x)
    assert_same(torch, jacobian(function, mode="planned")(params, x, scale=3.0), scaled)

    def with_aux(x):
        return narrow(x), {"norm": (x**2).sum(), "twice": 2 * x}

    start = torch.linspace(0, 1, 30, dtype=torch.float64)
    for mode in ("auto", "planned", "forward", "reverse"):
        assert_same(torch, jacobian(with_aux, has_aux=True, mode=mode)(start), torch.func.jacrev(with_aux, has_aux=True)(start))


def test_under_transformations_and_under_itself(torch, jacobian):
    narrow = network(torch, 20, 2, 20)
    batch = torch.as_tensor(np.random.default_rng(3).standard_normal((5, 20)))
    assert_same(torch, torch.func.vmap(jacobian(narrow))(batch), torch.func.vmap(torch.func.jacrev(narrow))(batch))
    x = batch[0]
    twice = jacobian(jacobian(narrow, mode="reverse"), mode="auto")(x)
    assert_same(torch, twice, torch.func.jacrev(torch.func.jacrev(narrow))(x), 1e-11)


def test_stages_that_are_named(torch, jacobian):
    from chainopt.torch import sequential

    into, out = network(torch, 30, 20, 4), network(torch, 4, 20, 30)
    model = sequential(into, torch.sin, out)
    x = torch.linspace(0, 1, 30, dtype=torch.float64)
    assert_same(torch, jacobian(model, mode="planned")(x), torch.func.jacrev(model)(x))
    assert jacobian(model).plan(x).chain.shapes == ((30, 4), (4, 4), (4, 30))


def test_options_and_what_cannot_be_planned(torch, jacobian):
    function, x = functions(torch)["hourglass"]
    expected = torch.func.jacrev(function)(x)
    for chunk_size in (1, 7, 1000):
        for mode in ("planned", "forward", "reverse"):
            assert_same(torch, jacobian(function, mode=mode, chunk_size=chunk_size)(x), expected)
    assert jacobian(function, mode="forward").plan(x).mode == "forward"
    with pytest.raises(ChainError, match="mode is 'best'"):
        jacobian(function, mode="best")
    with pytest.raises(ChainError, match="chunk_size is 0"):
        jacobian(function, chunk_size=0)
    for option in ("holomorphic", "allow_int"):
        with pytest.raises(ChainError, match=f"{option} is True: PyTorch has no such derivative"):
            jacobian(function, **{option: True})
    with pytest.raises(ChainError, match=r"cannot be planned, for an input is of torch\.int64"):
        jacobian(function, mode="planned")(torch.arange(3))
    with pytest.raises(ChainError, match="cannot be planned, for nothing between"):
        jacobian(lambda x: x).plan(x)
    assert_same(torch, jacobian(lambda x: x.clone())(x), torch.eye(40, dtype=torch.float64))

    def through_complex(x):
        return torch.view_as_real(torch.fft.fft(x))

    assert_same(torch, jacobian(through_complex)(x), torch.func.jacrev(through_complex)(x))


def test_it_is_traced_once_for_each_signature(torch, jacobian, monkeypatch):
    from chainopt.functions import strategies

    narrow = network(torch, 20, 2, 20)
    traced, prepare = [], strategies.prepare
    monkeypatch.setattr(strategies, "prepare", lambda *given: traced.append(given) or prepare(*given))
    derivative = jacobian(lambda x, scale: narrow(x * scale), mode="planned")
    x = torch.linspace(0, 1, 20, dtype=torch.float64)
    derivative(x, torch.as_tensor(1.0))
    assert_same(torch, derivative(2 * x, torch.as_tensor(3.0)), 3 * torch.func.jacrev(narrow)(6 * x))
    assert len(traced) == 1


def test_what_a_function_changes_itself_is_not_planned(torch, jacobian):
    calls = []

    def function(x):
        calls.append(x.shape)
        return torch.sin(x) * len(calls)

    x = torch.linspace(0, 1, 3)
    derivative = jacobian(function)
    with pytest.raises(ChainError, match="it changes what it reads"):
        derivative.plan(x)
    for _ in range(2):
        assert_same(torch, derivative(x), len(calls) * torch.diag(torch.cos(x)))


def test_the_graph_of_a_function(torch):
    from chainopt.torch import computation_graph

    graph = computation_graph(lambda x: {"y": torch.sin(x) @ torch.ones(5, 3)}, torch.ones(5))
    assert next(graph.nodes[node]["size"] for node in graph) == 5
    assert graph.number_of_edges() >= 2
    assert all(edge["jvp_cost"] > 0 for *_, edge in graph.edges(data=True))


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_jacobian_at_other_points(torch, jacobian, name):
    function, x = functions(torch)[name]
    derivative = jacobian(function)
    derivative(x)
    for factor in (0.5, -1.0):
        assert_same(torch, derivative(factor * x), torch.func.jacrev(function)(factor * x))
    points = torch.stack([x, -x, 0.3 * x])
    if name not in {"in place", "an argmax of what is computed"}:
        assert_same(torch, torch.func.vmap(derivative)(points), torch.func.vmap(torch.func.jacrev(function))(points))


def test_gradients_of_a_jacobian_and_parameters_that_change(torch, jacobian):
    torch.manual_seed(0)
    layers = torch.nn.Linear(9, 9), torch.nn.Tanh(), torch.nn.Linear(9, 2), torch.nn.PReLU(), torch.nn.Linear(2, 9)
    model = torch.nn.Sequential(*layers).double()
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)
    derivative = jacobian(model, mode="planned")
    for _ in range(2):
        expected = torch.func.jacrev(model)(x)
        assert_same(torch, derivative(x), expected)
        wanted = torch.autograd.grad((expected**2).sum(), [*model.parameters()], allow_unused=True)
        found = torch.autograd.grad((derivative(x) ** 2).sum(), [*model.parameters()], allow_unused=True)
        for parameter, *both in zip(model.parameters(), found, wanted, strict=True):
            assert_same(torch, *(torch.zeros_like(parameter) if one is None else one for one in both))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1.5)
    point = x.clone().requires_grad_()
    ours = torch.autograd.grad(derivative(point).sum(), point)[0]
    assert_same(torch, ours, torch.autograd.grad(torch.func.jacrev(model)(point).sum(), point)[0])


def test_the_result_is_nobody_elses(torch, jacobian):
    weight = torch.ones(4, 3, dtype=torch.float64)
    derivative = jacobian(lambda x: x @ weight, mode="planned")
    x = torch.ones(4, dtype=torch.float64)
    derivative(x).mul_(5)
    assert_same(torch, derivative(x), weight.mT)
    assert float(weight.max()) == 1
    for function in (torch.sin, lambda x: x @ weight):
        twice = jacobian(lambda x, function=function: [function(x)] * 2 + [x])
        for _ in range(3):
            one, other, _ = twice(x)
            one.mul_(5)
            assert_same(torch, other, torch.func.jacrev(function)(x))


def test_what_is_computed_in_inference_mode_is_left_to_the_library(torch, jacobian):
    def function(x):
        with torch.inference_mode():
            scale = x.sin()
        return x * scale

    derivative = jacobian(function)
    for factor in (1.0, 2.0, 3.0):  # jacrev refuses such tensors
        x = factor * torch.ones(3, dtype=torch.float64)
        assert_same(torch, derivative(x), torch.func.jacfwd(function)(x))


def test_operators_of_the_users_own_are_not_left_to_forward_mode(torch, jacobian):
    @torch.library.custom_op("chainopt_tests::square", mutates_args=())
    def square(x: torch.Tensor) -> torch.Tensor:
        return x * x

    square.register_autograd(
        lambda context, cotangent: cotangent * 2 * context.saved_tensors[0],
        setup_context=lambda context, inputs, output: context.save_for_backward(*inputs),  # noqa: ARG005 -- their names count
    )
    derivative, x = jacobian(lambda x: square(x) + x), torch.ones(3, dtype=torch.float64)
    assert not torch.func.jacfwd(square)(x).any()  # PyTorch's own, which is why
    for _ in range(3):
        with pytest.raises(RuntimeError, match=r"autograd\.Function"):
            derivative(x)


def test_in_inference_mode_the_results_are_plain_tensors_as_those_of_torch(torch, jacobian):
    from chainopt.torch import value_and_jacobian

    model = torch.nn.Sequential(torch.nn.Linear(5, 2), torch.nn.Tanh(), torch.nn.Linear(2, 5)).double()
    both, alone = value_and_jacobian(model), jacobian(model)
    for _ in range(4):
        with torch.inference_mode():
            x = torch.randn(5, dtype=torch.float64)
            (value, derivative), again, expected = both(x), alone(x), torch.func.jacrev(model)(x)
        for found in (derivative, again):
            assert_same(torch, found, expected)
            assert (found.is_inference(), found.requires_grad) == (expected.is_inference(), expected.requires_grad)
        assert not value.is_inference()
        (torch.ones(5, dtype=torch.float64, requires_grad=True) * derivative).sum().backward()


def test_an_elementwise_function_is_diagonal(torch, jacobian):
    x = torch.linspace(0.1, 1, 50, dtype=torch.float64)
    derivative = jacobian(lambda x: torch.sin(x) * x + torch.where(x > 0.5, x, 2 * x), mode="planned")
    assert_same(torch, derivative(x), torch.func.jacfwd(derivative.function)(x))
    assert derivative.plan(x).chain.structures is not None


@pytest.mark.parametrize("mode", ["auto", "reverse", "planned"])
def test_under_a_compiler(torch, jacobian, mode):
    function, x = functions(torch)["hourglass"]
    seen = []

    def backend(graph, example_inputs):  # noqa: ARG001 -- the signature of a backend
        seen.append(graph)
        return graph.forward

    torch.compiler.reset()
    compiled = torch.compile(jacobian(function, mode=mode), backend=backend)
    for factor in (1.0, -2.0):
        assert_same(torch, compiled(factor * x), torch.func.jacrev(function)(factor * x))
    operators = [str(node.target) for graph in seen for node in graph.graph.nodes if node.op == "call_function"]
    assert any("mm" in name or "matmul" in name or "vmap" in name for name in operators)  # the compiler sees the products


def test_tuning(torch, jacobian):
    function, x = functions(torch)["hourglass"]
    tuned = jacobian(function).tune(x)
    assert set(tuned.times) == {"forward", "reverse", "planned"}
    assert tuned.times[tuned.mode] == min(tuned.times.values())
    assert_same(torch, tuned(x), torch.func.jacrev(function)(x))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "in place"])
def test_two_thin_factors(torch, jacobian, name):
    function, x = functions(torch)[name]
    derivative = jacobian(function, low_rank=True)
    for point in (x, -x):
        left, right = derivative(point)
        product = torch.utils._pytree.tree_map(functools.partial(torch.tensordot, b=right, dims=1), left)
        assert_same(torch, product, torch.func.jacrev(function)(point), 1e-11)
    widths = {"hourglass": 3, "two branches": 5, "a skip over everything": 40, "a scalar": 1}
    assert right.shape[0] == widths.get(name, right.shape[0])
    with pytest.raises(ChainError, match="low_rank is True, but mode is 'reverse'"):
        jacobian(function, low_rank=True, mode="reverse")


def test_few_results_go_in_reverse_and_many_in_forward_mode(torch, jacobian):
    weights = {"inner": torch.ones(2, 8), "outer": torch.ones(8, 1)}
    for points, mode in ((64, "reverse"), (4096, "forward")):
        x = torch.ones(points, 2)
        derivative = jacobian(lambda w, x=x: torch.tanh(x @ w["inner"]) @ w["outer"])
        assert derivative.plan(weights).mode.value == mode


def test_what_compiles_whole(torch):
    from chainopt.torch import jacobian, value_and_jacobian

    def function(x, y):
        return torch.tanh(x * y)

    x, y = torch.rand(2, 3, dtype=torch.float64)

    def both_modes(x, y):
        return jacobian(function, argnums=-1, mode="forward")(x, y), value_and_jacobian(function, argnums=1, mode="reverse")(x, y)

    forward, (value, reverse) = torch.compile(both_modes, backend="eager", fullgraph=True)(x, y)
    for derivative in (forward, reverse):
        torch.testing.assert_close(derivative, torch.func.jacrev(function, argnums=1)(x, y))
    torch.testing.assert_close(value, function(x, y))
    torch.compiler.reset()
    with pytest.raises(
        torch._dynamo.exc.Unsupported, match=r'take jacobian\(f, mode="forward"\) or "reverse", which compile whole'
    ):
        torch.compile(jacobian(function), backend="eager", fullgraph=True)(x, y)
