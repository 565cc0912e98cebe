"""How fast is an order found? The whole call of chainopt, a list of tuples in, a plan with cost, mode and bracketing out."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from numpy.linalg import _linalg as numpy_linalg

import chainopt
from chainopt.testing import chain_dims

GROUP = "finding the order of a chain of n factors"
ITERATIONS = {3: 2000, 5: 2000, 10: 1000, 30: 300, 100: 100, 300: 30}


def whole_call(shapes):
    plan = chainopt.optimal_order(shapes)
    return plan.cost, plan.mode, plan.bracketing


def numpy_order(shapes):
    """NumPy's ordering step alone; for three factors the comparison of two costs that `multi_dot` makes."""
    if len(shapes) == 3:
        arrays = [np.broadcast_to(0.0, shape) for shape in shapes]

        def two_costs():
            a0, a1b0 = arrays[0].shape
            b1c0, c1 = arrays[2].shape
            return a0 * b1c0 * (a1b0 + c1) < a1b0 * c1 * (a0 + b1c0)

        return two_costs
    arrays = [np.empty(shape) for shape in shapes]
    return lambda: numpy_linalg._multi_dot_matrix_chain_order(arrays)


def torch_order(shapes):
    """PyTorch's `multi_dot` on tensors without data: it orders and dispatches the products."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    tensors = [torch.empty(shape, device="meta") for shape in shapes]
    return lambda: torch.linalg.multi_dot(tensors)


def opt_einsum_order(shapes):
    opt_einsum = pytest.importorskip("opt_einsum", reason="opt_einsum is not installed")
    names = [opt_einsum.get_symbol(at) for at in range(len(shapes) + 1)]
    equation = f"{','.join(map(''.join, pairwise(names)))}->{names[0]}{names[-1]}"
    method = "dp" if len(shapes) > 5 else "optimal"
    return lambda: opt_einsum.contract_path(equation, *shapes, shapes=True, optimize=method)


def cotengra_order(shapes):
    cotengra = pytest.importorskip("cotengra", reason="cotengra is not installed")
    names = [f"i{at}" for at in range(len(shapes) + 1)]
    sizes = dict(zip(names, [shapes[0][0], *[columns for _, columns in shapes]], strict=True))
    search = cotengra.OptimalOptimizer()
    return lambda: search(list(pairwise(names)), (names[0], names[-1]), sizes)


PEERS = {
    "chainopt": lambda shapes: lambda: whole_call(shapes),
    "numpy": numpy_order,
    "torch": torch_order,
    "opt_einsum": opt_einsum_order,
    "cotengra": cotengra_order,
}
LONGEST = {"chainopt": 300, "numpy": 300, "torch": 300, "opt_einsum": 30, "cotengra": 10}


CASES = [
    pytest.param(factors, who, marks=pytest.mark.long if factors == 300 else ())
    for who in PEERS
    for factors in ITERATIONS
    if factors <= LONGEST[who]
]


@pytest.mark.parametrize(("factors", "who"), CASES)
def test_order(measure, factors, who):
    call = PEERS[who](list(pairwise(chain_dims("random", factors))))
    iterations = ITERATIONS[factors] if who == "chainopt" else max(1, 20_000 // factors**3)
    measure(GROUP, f"n = {factors}", who, call, rounds=3 if factors == 300 and who == "numpy" else 21, iterations=iterations)


@pytest.mark.parametrize("factors", [10_000, 100_000, 1_000_000])
def test_scale(measure, benchmark, factors):
    sizes = np.random.default_rng(0).integers(1, 1_000, factors + 1)

    def call():
        plan = chainopt.optimal_order(chainopt.JacobianChain.from_dims(sizes))
        return plan.cost, plan.mode

    measure("finding the order of a long chain, sizes in an array", f"n = {factors:,}", "chainopt", call, rounds=5)
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1] / factors
    tracemalloc.stop()
    benchmark.extra_info["notes"] = [f"peak memory of n = {factors:,}: {peak:.0f} bytes a factor"]
    assert peak <= 200


@pytest.mark.parametrize("who", ["chainopt.optimal_orders", "a loop over chainopt.optimal_order"])
def test_many_chains(measure, who):
    sizes = np.random.default_rng(0).integers(1, 1_000, (10_000, 9))
    chains = [list(pairwise(row)) for row in sizes.tolist()]
    calls = {
        "chainopt.optimal_orders": lambda: chainopt.optimal_orders(sizes).costs,
        "a loop over chainopt.optimal_order": lambda: [chainopt.optimal_order(chain).cost for chain in chains],
    }
    measure("many chains at once", "10,000 chains of 8 factors", who, calls[who], rounds=5)
