"""How fast is an order found? The whole call of chainopt, from a list of shapes to a plan with cost, mode and bracketing.

NumPy's time is that of its ordering step alone (for n = 3 one comparison of two costs), PyTorch's that of
`torch.linalg.multi_dot` on tensors without data. opt_einsum and cotengra search among contractions of any kind, of which
chains are a small part: their exact searches up to 30 and 10 factors, their greedy ones beyond.
"""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from numpy.linalg import _linalg as numpy_linalg

import chainopt
from chainopt.testing import chain_dims

GROUP = "finding the order of a chain of n factors"
LONG_CHAINS = "long chains, against greedy searches"
THEIR_COSTS = "what the orders cost that greedy searches find"
LONGEST = {"chainopt": 300, "numpy": 300, "torch": 300, "opt_einsum": 30, "cotengra": 10}


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
    arrays = [np.broadcast_to(0.0, shape) for shape in shapes]
    return lambda: numpy_linalg._multi_dot_matrix_chain_order(arrays)


def torch_order(shapes):
    import torch

    tensors = [torch.empty(shape, device="meta") for shape in shapes]
    return lambda: torch.linalg.multi_dot(tensors)


def opt_einsum_order(shapes, method=None):
    import opt_einsum

    names = [opt_einsum.get_symbol(position) for position in range(len(shapes) + 1)]
    equation = f"{','.join(map(''.join, pairwise(names)))}->{names[0]}{names[-1]}"
    method = method or ("dp" if len(shapes) > 5 else "optimal")
    return lambda: opt_einsum.contract_path(equation, *shapes, shapes=True, optimize=method)[0]


def cotengra_order(shapes, method="OptimalOptimizer"):
    import cotengra

    names = [f"i{position}" for position in range(len(shapes) + 1)]
    sizes = dict(zip(names, [shapes[0][0], *[columns for _, columns in shapes]], strict=True))
    search = getattr(cotengra, method)()
    return lambda: search(list(pairwise(names)), (names[0], names[-1]), sizes)


PEERS = {
    "chainopt": lambda shapes: lambda: whole_call(shapes),
    "numpy": numpy_order,
    "torch": torch_order,
    "opt_einsum": opt_einsum_order,
    "cotengra": cotengra_order,
}
GREEDY = {
    "chainopt": lambda shapes: lambda: whole_call(shapes),
    "opt_einsum, greedy": lambda shapes: opt_einsum_order(shapes, "greedy"),
    "cotengra, greedy": lambda shapes: cotengra_order(shapes, "GreedyOptimizer"),
}


def contenders(peers, shapes):
    """Prepare the peers that are installed; name the others."""
    calls, missing = {}, []
    for who, make in peers.items():
        try:
            calls[who] = make(shapes)
        except ModuleNotFoundError:
            missing.append(who)
    return calls, missing


def path_cost(shapes, path):
    """Count the multiplications of a path as opt_einsum gives it: operands are taken out by position, the result comes last."""
    operands, cost = [(position, position) for position in range(len(shapes))], 0
    for pair in path:
        left, right = sorted(operands.pop(position) for position in sorted(pair, reverse=True))
        assert left[1] + 1 == right[0]
        cost += shapes[left[0]][0] * shapes[left[1]][1] * shapes[right[1]][1]
        operands.append((left[0], right[1]))
    return cost


def numpy_cost(shapes, splits, first, last):
    if first == last:
        return 0
    split = int(splits[first, last])
    here = shapes[first][0] * shapes[split][1] * shapes[last][1]
    return here + numpy_cost(shapes, splits, first, split) + numpy_cost(shapes, splits, split + 1, last)


@pytest.mark.parametrize("factors", [2, 3, 5, 10, 30, 100, pytest.param(300, marks=pytest.mark.long)])
def test_order(contest, factors):
    shapes = list(pairwise(chain_dims("random", factors)))
    peers = {who: make for who, make in PEERS.items() if factors <= LONGEST[who] and (who, factors) != ("numpy", 2)}
    calls, missing = contenders(peers, shapes)
    contest(GROUP, f"n = {factors}", calls)
    contest.missing(GROUP, f"n = {factors}", missing)
    optimum = chainopt.optimal_order(shapes).cost
    for who in ("opt_einsum", "cotengra"):
        if who in calls:
            assert path_cost(shapes, calls[who]()) == optimum
    if factors > 3:
        assert numpy_cost(shapes, calls["numpy"](), 0, factors - 1) == optimum


@pytest.mark.parametrize("factors", [100, pytest.param(1_000, marks=pytest.mark.long)])
def test_greedy(contest, factors):
    shapes = list(pairwise(chain_dims("random", factors)))
    calls, missing = contenders(GREEDY, shapes)
    contest(LONG_CHAINS, f"n = {factors:,}", calls, rounds=5)
    contest.missing(LONG_CHAINS, f"n = {factors:,}", missing)
    costs = {who: path_cost(shapes, call()) for who, call in calls.items() if who != "chainopt"}
    optimum = chainopt.optimal_order(shapes).cost
    contest.cells(THEIR_COSTS, f"n = {factors:,}", {"chainopt": optimum} | costs, "multiply-adds")
    assert all(cost >= optimum for cost in costs.values())


@pytest.mark.parametrize("factors", [1_000, 10_000, 100_000, 1_000_000])
def test_scale(contest, factors):
    sizes = np.random.default_rng(0).integers(1, 1_000, factors + 1)

    def call():
        plan = chainopt.optimal_order(chainopt.JacobianChain.from_dims(sizes))
        return plan.cost, plan.mode

    calls = {"chainopt": call, "numpy.sort of the sizes": lambda: np.sort(sizes)}
    contest("long chains, sizes in an array, beside an n log n that everybody knows", f"n = {factors:,}", calls, rounds=7)
    tracemalloc.start()
    cost, _ = call()
    peak = tracemalloc.get_traced_memory()[1] / factors
    tracemalloc.stop()
    if factors >= 100_000:
        contest.note(f"peak memory of n = {factors:,}: {peak:.0f} bytes a factor")
        assert peak <= 200
    if factors == 1_000:
        assert cost == chainopt.optimal_order(list(pairwise(sizes.tolist())), method="interval").cost


def test_many_chains(contest):
    sizes = np.random.default_rng(0).integers(1, 1_000, (10_000, 9))
    chains = [list(pairwise(row)) for row in sizes.tolist()]
    calls = {
        "chainopt.optimal_orders": lambda: chainopt.optimal_orders(sizes).costs,
        "a loop over chainopt.optimal_order": lambda: [chainopt.optimal_order(chain).cost for chain in chains],
    }
    contest("many chains at once", "10,000 chains of 8 factors", calls, rounds=5)
    one, other = (list(call()) for call in calls.values())
    assert one == other
