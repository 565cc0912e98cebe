"""A function is cut in one way: the chain that its Jacobian plans is the one that `linearize` makes of its graph."""

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

import chainopt

RNG = np.random.default_rng(7)


def network(np_, tanh, *sizes):
    weights = [np_(RNG.standard_normal(shape) / shape[0] ** 0.5) for shape in pairwise(sizes)]

    def function(x):
        for weight in weights:
            x = tanh(x @ weight)
        return x

    return function


def shared(array, lib):
    """Functions that read alike in both libraries, with the shapes of their arguments."""

    def net(*sizes):
        return network(array, lib.tanh, *sizes)

    into, out, one, two, narrow = net(60, 20, 3), net(3, 40, 90), net(60, 4), net(4, 30), net(60, 5, 30)
    back, block = net(3, 20, 60), net(60, 50, 60)
    matrix = array(RNG.standard_normal((8, 12)))

    def unrolled(u):
        for _ in range(4):
            u = u - 0.1 * u * u.sum()
        return u

    def recurrent(x):
        h = x[:4] * 0
        for weight in (matrix[:4, :4], matrix[:4, 4:8], matrix[:4, 8:12]):
            h = lib.tanh(h @ weight + x[:4])
        return h

    def twice(x):
        y = into(x)
        return y, lib.exp(y), y

    return {
        "MLP, wide to narrow": (net(50, 30, 4, 30, 60), [(50,)]),
        "MLP of the issue": (net(500, 300, 4, 300, 600), [(500,)]),
        "MLP, expanding": (net(4, 64, 128, 64, 4), [(4,)]),
        "MLP, one layer": (net(7, 9), [(7,)]),
        "hourglass": (lambda x: out(into(x)), [(60,)]),
        "two hourglasses": (lambda x: out(into(back(into(x)))), [(60,)]),
        "a skip over everything": (lambda x: x + back(into(x)), [(60,)]),
        "a skip that comes first": (lambda x: back(into(x)) + x, [(60,)]),
        "residual blocks": (lambda x: into(x + block(x + block(x))), [(60,)]),
        "residual blocks and a skip": (lambda x: x + back(into(x + block(x))), [(60,)]),
        "an elementwise function": (lambda x: lib.sin(x) * lib.exp(x) + 2 * x, [(11,)]),
        "a variable added to itself": (lambda x: x + x, [(11,)]),
        "a matrix": (lambda x: matrix @ x, [(12,)]),
        "a matrix of columns": (lambda x: lib.tanh(matrix @ x), [(12, 5)]),
        "a scalar": (lambda x: (out(into(x)) ** 2).sum(), [(60,)]),
        "reshapes": (lambda x: out(into(lib.sin(x).reshape(60))).reshape(9, 10), [(6, 10)]),
        "slices": (lambda x: out(into(x)[:3])[:7], [(60,)]),
        "two branches of an input": (lambda x: (one(x), into(x)), [(60,)]),
        "two branches that meet": (lambda x: two(one(x)) * narrow(x), [(60,)]),
        "two inputs": (lambda x, y: two(one(x)) * y, [(60,), (30,)]),
        "two inputs added": (lambda x, y: (x + y) * (matrix @ y[:12]).sum(), [(60,), (60,)]),
        "an input that nobody reads": (lambda x, y: out(into(x)), [(60,), (5,)]),  # noqa: ARG005
        "an output that is an input": (lambda x: (x, out(into(x))), [(60,)]),
        "an output that others are computed from": (lambda x: (into(x), out(into(x))), [(60,)]),
        "an output twice": (twice, [(60,)]),
        "plain steps": (unrolled, [(12,)]),
        "plain steps around a narrow place": (lambda x: unrolled(back(into(unrolled(x)))), [(60,)]),
        "a recurrent network": (recurrent, [(9,)]),
    }


def check(jacobian, computation_graph, function, arguments):
    count = len(arguments)
    plan = jacobian(function, tuple(range(count)) if count > 1 else 0, mode="planned").plan(*arguments)
    graph = computation_graph(function, *arguments)
    chain = chainopt.linearize(graph)
    assert chain.dims == plan.chain.dims
    assert list(chain) == list(plan.chain)
    assert [skip[2:] for skip in chain.skips] == [skip[2:] for skip in plan.chain.skips]
    assert chainopt.optimal_order(chain).cost == plan.cost
    relabeled = nx.relabel_nodes(graph, {node: f"variable {node}" for node in graph})
    assert list(chainopt.linearize(relabeled)) == list(plan.chain)
    return plan


@pytest.fixture(scope="module")
def jax_functions(jax):
    jnp = jax.numpy

    def scan(step, length):
        return lambda u: jax.lax.scan(lambda u, _: (step(u), None), u, None, length=length)[0]

    into, out = network(jnp.asarray, jnp.tanh, 60, 3), network(jnp.asarray, jnp.tanh, 3, 60)
    burgers = scan(lambda u: u - 0.1 * u * (u - jnp.roll(u, 1)), 6)
    matrix = jnp.asarray(RNG.standard_normal((8, 12)))
    own = {
        "scans around a narrow place": (lambda x: burgers(out(into(burgers(x)))), [(60,)]),
        "a scan of many results": (lambda x: jax.lax.scan(lambda c, _: (2 * c, jnp.sin(c)), x, None, length=5), [(12,)]),
        "a loop rolled again": (lambda x: matrix @ [x := jnp.sin(x * jnp.roll(x, 1)) for _ in range(12)][-1], [(12,)]),
        "a condition": (lambda x: jax.lax.cond(x[0] > 0, lambda x: out(into(x)), lambda x: 2 * out(into(x)), x), [(60,)]),
        "what is looked up": (lambda x: jnp.outer(x[jnp.array([3, 5, 5])], x[:2]).ravel() @ jnp.ones((6, 9)), [(60,)]),
        "what depends on a comparison": (lambda x: jnp.where(x > 0, out(into(x)), x * jnp.argmax(x)), [(60,)]),
        "the largest and their places": (lambda x: jax.lax.top_k(out(into(x)), 3)[0], [(60,)]),
        "sorting": (lambda x: jnp.sort(out(into(x))), [(60,)]),
        "a cumulative sum": (lambda x: jnp.cumsum(jnp.tanh(x)), [(12,)]),
        "a call inside": (lambda x: jax.jit(out)(jax.jit(into)(x)), [(60,)]),
    }
    return shared(jnp.asarray, jnp) | own


SHARED = list(shared(np.asarray, np))
VALUES = {  # whose values are looked at here: those that are peeled, or whose results are passed on
    "a skip over everything",
    "residual blocks and a skip",
    "two inputs added",
    "an input that nobody reads",
    "an output that is an input",
    "an output that others are computed from",
    "an output twice",
    "a recurrent network",
    "a scan of many results",
    "a loop rolled again",
    "what depends on a comparison",
    "the largest and their places",
}
OWN_OF_JAX = [
    "scans around a narrow place",
    "a scan of many results",
    "a loop rolled again",
    "a condition",
    "what is looked up",
    "what depends on a comparison",
    "the largest and their places",
    "sorting",
    "a cumulative sum",
    "a call inside",
]


@pytest.mark.parametrize("name", SHARED + OWN_OF_JAX)
def test_jax(jax, jax_functions, name):
    from chainopt.jax import computation_graph, jacobian

    function, shapes = jax_functions[name]
    arguments = [jax.numpy.asarray(RNG.standard_normal(shape), "float32") for shape in shapes]
    plan = check(jacobian, computation_graph, function, arguments)
    if name == "MLP of the issue":
        assert plan.cost <= 2_716_928
    if name not in VALUES:
        return
    argnums = tuple(range(len(arguments)))
    derivative = jacobian(function, argnums, mode="planned")(*arguments)
    expected = jax.jit(jax.jacrev(function, argnums))(*arguments)
    for one, other in zip(jax.tree.leaves(derivative), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-4)


def test_none_of_jax_is_left_out(jax_functions):
    assert list(jax_functions) == SHARED + OWN_OF_JAX


@pytest.mark.parametrize("name", SHARED)
def test_torch(name, torch):
    from chainopt.torch import computation_graph, jacobian

    function, shapes = shared(lambda array: torch.as_tensor(array, dtype=torch.float32), torch)[name]
    arguments = [torch.as_tensor(RNG.standard_normal(shape), dtype=torch.float32) for shape in shapes]
    check(jacobian, computation_graph, function, arguments)
    if name not in VALUES:
        return
    argnums = tuple(range(len(arguments)))
    derivative = jacobian(function, argnums, mode="planned")(*arguments)
    expected = torch.func.jacrev(function, argnums)(*arguments)
    leaves = torch.utils._pytree.tree_leaves
    for one, other in zip(leaves(derivative), leaves(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=2e-4, atol=2e-4)


def test_stages_that_are_named(jax):
    from chainopt.jax import computation_graph, jacobian, sequential

    jnp = jax.numpy
    function = sequential(jnp.sin, lambda x: x[:2], jnp.exp)
    plan = check(jacobian, computation_graph, function, [jnp.ones(3)])
    assert plan.chain.dims == (2, 2, 3, 3)
