"""What does executing a plan cost above its products? Against the same products by hand, other libraries, and the pure modes.

All with one BLAS thread. `chainopt.multi_dot`, NumPy's and PyTorch's find the order in each call, too; a plan has it.
"""

import statistics
from itertools import pairwise

import numpy as np
import pytest

import chainopt

GROUP = "multiplying a chain"
OVERHEAD = "time above the same products written by hand, median and standard error"
MOST = 2.0  # per cent, where the products take more than 1 ms
ERRORS = 3  # standard errors by which a run on a busy machine may be off
CASES = {
    "5 small factors": [3, 5, 2, 4, 6, 3],
    "about 0.1 ms of products": [200, 60, 150, 50, 180, 100],
    "about 1 ms of products": [600, 100, 400, 90, 500, 300],
    "about 10 ms of products": [2000, 150, 1200, 100, 1500, 900],
    "10 factors, thin in the middle": [800, 600, 700, 500, 400, 3, 500, 700, 400, 600, 900],
    "20 factors of sizes 1 to 1,000": [*map(int, np.random.default_rng(3).integers(1, 1_000, 21))],
}


def by_hand(tree):
    """Write the products as a person would, with `@`."""

    def text(node):
        return f"f{node}" if isinstance(node, int) else f"({text(node[0])} @ {text(node[1])})"

    names = ", ".join(f"f{index}" for index in leaves(tree))
    return eval(f"lambda {names}: {text(tree)}")  # noqa: S307 -- a text that was written two lines above


def leaves(tree):
    return [tree] if isinstance(tree, int) else leaves(tree[0]) + leaves(tree[1])


def with_torch(factors):
    """PyTorch's `multi_dot`, on the same memory."""
    try:
        import torch
    except ModuleNotFoundError:
        return {}
    tensors = [torch.from_numpy(factor) for factor in factors]
    return {"torch.linalg.multi_dot": lambda: torch.linalg.multi_dot(tensors)}


@pytest.mark.usefixtures("one_blas_thread")
@pytest.mark.parametrize("case", CASES)
def test_execution(contest, case, short):
    rng = np.random.default_rng(0)
    factors = [rng.random(shape) for shape in pairwise(CASES[case])]
    plan = chainopt.optimal_order(factors)
    hand = by_hand(plan.tree)
    forward, reverse = chainopt.forward_order(factors), chainopt.reverse_order(factors)
    calls = {
        "plan.execute": lambda: plan.execute(factors),
        "@ by hand": lambda: hand(*factors),
        "chainopt.multi_dot": lambda: chainopt.multi_dot(factors),
        "numpy.multi_dot": lambda: np.linalg.multi_dot(factors),
        **with_torch(factors),
        "forward": lambda: forward.execute(factors),
        "reverse": lambda: reverse.execute(factors),
    }
    for call in calls.values():
        np.testing.assert_allclose(call(), hand(*factors))
    medians = contest(GROUP, case, calls, rounds=61)
    if "torch.linalg.multi_dot" not in calls:
        contest.missing(GROUP, case, ["torch.linalg.multi_dot"])
    above = {who: above_hand(contest.times, who) for who in ("plan.execute", "chainopt.multi_dot")}
    line = [case, *(f"{middle:.1f} ± {error:.1f} %" for middle, error in above.values())]
    contest.lines(OVERHEAD, ["", *above], [line])
    middle, error = above["plan.execute"]
    if not short and medians["@ by hand"] > 1e-3:
        assert middle - ERRORS * error <= MOST


def above_hand(times, who):
    """Return the median of what was longer than `@` by hand in the same round, and its standard error, in per cent."""
    hand = statistics.median(times["@ by hand"])
    percents = [100 * (one - other) / hand for one, other in zip(times[who], times["@ by hand"], strict=True)]
    if len(percents) < 2:
        return percents[0], 100.0
    low, middle, high = statistics.quantiles(percents, n=4)
    return middle, 0.93 * (high - low) / len(percents) ** 0.5
